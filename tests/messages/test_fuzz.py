"""What is stored, and what is said, may be anything: sessions over strange records and fields, and messages by size."""

from __future__ import annotations

import math
import subprocess
import sys
import uuid
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import redis
from hypothesis import given, settings
from hypothesis import strategies as st
from langchain_core.messages import AIMessage, HumanMessage

from langchain_motorhead import Motorhead, MotorheadError, Window
from langchain_motorhead.messages.codec import encode
from langchain_motorhead.messages.text import message_text
from support.factory import MakeMotorhead
from support.full_path import accepted, follow
from support.message_strategies import MESSAGES
from support.messages import numbered
from support.summarizers import Ledger, remembered
from support.transfers import moved

SMALL = Window(max_messages=4)
TEXTS = {
    "words": "Bob lives in Oslo. ", "one word": "a", "spaces": " ", "lines": "\n", "nothing": "\x00",
    "lone surrogates": "\ud800", "emoji": "\U0001f600", "full stops": ".", "braces": '{"a":', "quotes": "\\\"'",
}  # fmt: skip
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda below: st.lists(below, max_size=3) | st.dictionaries(st.text(max_size=8), below, max_size=3),
    max_leaves=8,
)
FIELDS = (
    "epoch first summary tokens failures user size indexed created updated last ids format generation until groups"
).split()
ODD = st.binary(max_size=12) | st.sampled_from([b"", b"-1", b"1e999", b"nan", b"9" * 20, b"0x1", b"\xff", b" 1"])
fuzzed = settings(max_examples=40)


def stored(record: Any) -> bytes:
    """Write what a stranger may have: JSON, or what passes for it."""
    import json

    return record if isinstance(record, bytes) else json.dumps(record).encode()


@fuzzed
@given(st.lists(st.binary(max_size=40) | JSON | st.fixed_dictionaries({"role": JSON, "content": JSON}), max_size=4))
def test_strange_records_lose_no_neighbour(url: str, client: redis.Redis, records: list[Any]) -> None:
    """Between messages, whatever else is in a list: the messages are read, summarized and kept, in their order."""
    with Motorhead.from_url(
        url, namespace=f"fuzz {uuid.uuid4()}", llm=Ledger(), window=SMALL, compaction="manual"
    ) as one:
        session = one.session("s")
        session.append(numbered(1))
        between = [stored(record) for record in records]
        client.rpush(
            session._keys.messages, *[each for at in range(1, 8) for each in (*between, encode(numbered(1, at)[0]))]
        )
        assert [text for text in remembered(session.load()) if text == "m7"] == ["m7"]
        session.compact()
        said = [text for text in remembered(session.load()) if text in {f"m{at}" for at in range(8)}]
        assert said == [f"m{at}" for at in range(8)]
        session.delete()


@fuzzed
@given(st.dictionaries(st.sampled_from(FIELDS), ODD, min_size=1, max_size=4))
def test_strange_fields_are_errors_of_ours(url: str, client: redis.Redis, fields: dict[str, bytes]) -> None:
    """Whatever a session's own fields hold: it works, or says so, and its neighbour knows nothing of it."""
    with Motorhead.from_url(
        url, namespace=f"fuzz {uuid.uuid4()}", llm=Ledger(), window=SMALL, compaction="manual"
    ) as one:
        session, neighbour = one.session("s"), one.session("neighbour")
        for each in (session, neighbour):
            each.append(numbered(6))
        mapping: Any = fields
        client.hset(session._keys.state, mapping=mapping)
        for act in (session.load, lambda: session.append(numbered(1)), session.compact, session.load, one.sessions):
            try:
                act()
            except MotorheadError:
                pass
        neighbour.compact()
        assert remembered(neighbour.load()) == [f"m{at}" for at in range(6)]
        client.delete(session._keys.state)
        session.delete()
        assert session.load().total == 0
        neighbour.delete()


@settings(max_examples=20)
@given(
    st.lists(
        MESSAGES | st.fixed_dictionaries({"role": st.sampled_from(["user", "ai", "x"]), "content": JSON}), max_size=3
    )
)
def test_whatever_is_accepted_can_be_used(given: list[Any]) -> None:
    """A message that a session accepts can be counted, planned, summarized, shown, indexed, exported and imported."""
    follow(accepted(given))


@settings(max_examples=15)
@given(st.lists(MESSAGES, max_size=3))
def test_whatever_is_accepted_holds_up_nobody(url: str, given: list[Any]) -> None:
    """Between others, it is loaded, summarized, exported and imported, and the neighbours are there once each."""
    name = f"fuzz {uuid.uuid4()}"
    with (
        Motorhead.from_url(url, namespace=name, llm=Ledger(), window=SMALL, compaction="manual") as one,
        Motorhead.from_url(url, namespace=f"{name} 2", llm=Ledger(), window=SMALL, compaction="manual") as other,
    ):
        session = one.session("s")
        for message in (*numbered(1), *given, *numbered(6, 1)):
            with suppress(MotorheadError):
                session.append(message)
        stored = session.load().total  # two of them may have one id
        assert stored >= 7
        session.append(numbered(2, 7))
        assert moved(one, other).imported == 1
        for each in (session, other.session("s")):
            assert each.load().total == stored + 2
            report = each.compact()
            assert report.error is None
            memory = each.load()
            assert memory.summarized + len(memory.messages) == stored + 2
            assert [text for text in remembered(memory) if text in {f"m{at}" for at in range(9)}] == [
                f"m{at}" for at in range(9)
            ]
            each.delete()


@pytest.mark.parametrize("count", ["1e999", "nan", "9" * 20])
def test_a_damaged_count_holds_up_nobody(make: MakeMotorhead, client: redis.Redis, count: str) -> None:
    """A count of documents that no session reaches does not keep the server busy when the session is deleted."""
    session = make(compaction="manual").session("s")
    session.append(numbered(2))
    client.hset(session._keys.state, "indexed", count)
    session.delete()
    assert not client.exists(session._keys.state, session._keys.messages)


@pytest.mark.parametrize("size", [0, 1, 4_097, 10_000_000])
@pytest.mark.parametrize("name", TEXTS)
def test_a_message_of_any_size(make: MakeMotorhead, name: str, size: int) -> None:
    """From nothing to 10 MB, a message is stored, read back as it was, and leaves its neighbours alone."""
    text = (TEXTS[name] * (size // len(TEXTS[name]) + 1))[:size]
    session = make(compaction="manual", window=Window(hard_limit_tokens=10**9)).session("s")
    session.append([HumanMessage("before"), HumanMessage(text, id="large"), AIMessage("after")])
    messages = session.load().messages
    assert [message.content == said for message, said in zip(messages, ("before", text, "after"), strict=True)] == [
        True
    ] * 3
    session.delete()


@pytest.mark.parametrize("name", TEXTS)
def test_a_large_message_is_folded(make: MakeMotorhead, name: str) -> None:
    """Half a megabyte of anything is summarized without a model, in a time that does not explode."""
    text = (TEXTS[name] * 500_000)[:500_000]
    session = make(window=SMALL, compaction="manual").session("s")
    session.append([HumanMessage("Bob lives in Oslo."), HumanMessage(text), *numbered(4)])
    report = session.compact()
    assert (report.summarized, report.error) == (4, None)
    assert "Bob lives in Oslo." in (session.load().summary or "")


def test_odd_values_in_a_session(make: MakeMotorhead) -> None:
    """NaN, integers beyond any word, keys that are no strings and lone surrogates come back through a session."""
    odd = {"nan": math.nan, "huge": 10**400, 5: "five", (1, None): b"\xff", "sur\ud800": "\udfff", "inf": -math.inf}
    session = make(llm=Ledger(), window=SMALL, compaction="manual").session("s")
    session.append([HumanMessage("odd", additional_kwargs={"odd": odd}), *numbered(2)])
    back = session.load().messages[0].additional_kwargs["odd"]
    assert math.isnan(back.pop("nan"))
    assert back == {key: value for key, value in odd.items() if key != "nan"}
    session.append(numbered(3, start=2))
    session.compact()
    assert remembered(session.load()) == ["odd", *(f"m{at}" for at in range(5))]


def test_eight_processes_and_one_session() -> None:
    """Eight writers to one session, while connections are cut, scripts forgotten and summaries fail, lose nothing."""
    soak = Path(__file__).parents[2] / "benchmarks" / "soak.py"
    line = [sys.executable, str(soak), "--seconds", "2", "--writers", "8", "--sessions", "1", "--steady"]
    run = subprocess.run(line, capture_output=True, text=True, check=False, timeout=110)
    assert run.returncode == 0, run.stdout + run.stderr
    assert "lost 0, doubled 0, disordered 0, never said 0" in run.stdout


def test_a_record_that_raises_holds_up_nobody(
    make: MakeMotorhead, client: redis.Redis, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Where the code fails on one message, unexpectedly: it is left out and counted, and all others are summarized."""

    def text(message: Any) -> str:
        if message.content == "m3":
            raise ZeroDivisionError
        return message_text(message)

    monkeypatch.setattr("langchain_motorhead.messages.text.message_text", text)
    session = make(llm=Ledger(), window=SMALL, compaction="manual").session("s")
    session.append(numbered(12))
    report = session.compact()
    assert (report.summarized, report.error) == (10, None)
    assert remembered(session.load()) == [f"m{at}" for at in range(12) if at != 3]
    assert client.hget(session._keys.state, "rejected:unreadable message") == b"1"
    assert "stored message 3 raises" in caplog.text
    assert [each.message.content for each in session.transcript().messages][3] == "m3"
