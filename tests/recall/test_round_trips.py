"""Round trips of a search."""

from __future__ import annotations

from typing import Any

import pytest
from langchain_core.messages import HumanMessage

from langchain_motorhead import HashingEmbeddings, Window
from support.embeddings import Gate, Scripted
from support.factory import MakeMotorhead
from support.messages import numbered
from support.recall import counted_trips, said
from support.summarizers import Ledger

WAYS = ("hybrid", "similarity", "mmr")


@pytest.mark.parametrize("way", WAYS)
def test_round_trips(make: MakeMotorhead, monkeypatch: pytest.MonkeyPatch, way: str) -> None:
    """A search is two round trips at most, whatever is asked of it, and an append stays one."""
    gate = Gate()
    motorhead = make(embeddings=Scripted(gate), compaction="manual", llm=Ledger(), window=Window(max_messages=4))
    session = motorhead.session("s", "u")
    gate.open.set()
    session.append(numbered(80))
    session.compact()
    motorhead.flush()
    session.search("m1", search_type=way, neighbors=1)
    trips = counted_trips(monkeypatch)
    options: list[dict[str, Any]] = [
        {}, {"neighbors": 3}, {"exclude_window": True}, {"k": 50}, {"roles": ["human"]},
    ]  # fmt: skip
    for fields in options:
        trips.clear()
        session.search("m1 yesterday", search_type=way, **fields)
        assert 1 <= len(trips) <= 2, fields
    trips.clear()
    gate.open.clear()
    session.append(numbered(1))
    assert len(trips) == 1
    gate.open.set()
    motorhead.flush()


@pytest.mark.parametrize(
    "way",
    [
        "hybrid",
        "similarity",
        "mmr",
    ],
)
def test_a_threshold_costs_no_round_trips(
    make: MakeMotorhead, embeddings: HashingEmbeddings, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    """A search that finds fewer than it may, since the rest scores lower, is two round trips like others."""
    motorhead = make(embeddings=embeddings, compaction="manual")
    session = motorhead.session("s")
    session.append([HumanMessage("the cat sat"), *numbered(200)])
    motorhead.flush()
    trips = counted_trips(monkeypatch)
    assert said(session.search("the cat sat", search_type=way, score_threshold=0.7)) == ["the cat sat"]
    assert len(trips) <= 2
