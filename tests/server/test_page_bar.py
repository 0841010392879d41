"""The bar of a session on the memory page: every message is in one segment, also one that was forgotten."""

from __future__ import annotations

import re
from collections.abc import Callable

import httpx
import pytest
from langchain_core.messages import HumanMessage

from langchain_motorhead import Window
from langchain_motorhead.server import Settings, create_app
from support.factory import MakeMotorhead
from support.http_servers import served
from support.summarizers import Ledger

Segments = dict[str, tuple[int, str]]


@pytest.fixture
def segments(make: MakeMotorhead) -> Callable[..., Segments]:
    """Makes a session of twelve messages, of which some are forgotten, and gives the segments of its bar."""

    def show(*forgotten: int, **options: object) -> Segments:
        motorhead = make(window=Window(max_messages=4), llm=Ledger(), compaction="manual", **options)
        session = motorhead.session("s")
        session.append([HumanMessage(f"m{at}", id=f"id-{at}") for at in range(6)])
        session.compact()  # leaves two in the window
        session.append([HumanMessage(f"m{at}", id=f"id-{at}") for at in range(6, 12)])
        session.forget([f"id-{at}" for at in forgotten])
        with served(create_app(Settings(), motorhead=lambda _: motorhead)) as base:
            page = httpx.get(f"{base}/ui/session?id=s").text
        widths = dict(re.findall(r'<rect class="(\w+)" x="[\d.]+%" width="([\d.]+)%"', page))
        legend = re.findall(r'swatch (\w+)" aria-hidden="true"></span><strong>(\d+)</strong> ([\w ]+?) <span', page)
        assert list(widths) == [kind for kind, _, _ in legend]
        assert [float(each) for each in widths.values()] == pytest.approx(
            [100 * int(count) / 12 for _, count, _ in legend], abs=0.001
        )
        return {kind: (int(count), label) for kind, count, label in legend}

    return show


def test_forgotten_messages_are_a_segment(segments: Callable[..., Segments]) -> None:
    """They are counted where they were no more: two in the archive, one that waits, and one in the window."""
    assert segments(1, 2, 5, 11) == {
        "forgotten": (4, "Forgotten"),
        "gap": (2, "Waiting in the archive"),
        "waiting": (3, "Waiting"),
        "window": (3, "Window"),
    }


def test_without_any_there_is_no_segment(segments: Callable[..., Segments]) -> None:
    """A session without forgotten messages has the other segments alone."""
    assert segments() == {"archived": (4, "Archived"), "waiting": (4, "Waiting"), "window": (4, "Window")}
