"""What a read leaves out: it says so, and it reads no more than it returns."""

from __future__ import annotations

import pytest
import redis
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, ToolMessage
from langchain_core.messages.utils import count_tokens_approximately

from langchain_motorhead import Window
from langchain_motorhead.messages.tool_calls import closed_start, safe_cuts
from langchain_motorhead.sessions.gap import MemoryGap, extract
from support.factory import MakeMotorhead
from support.messages import contents, numbered
from support.summarizers import Ledger


def parallel(count: int, name: str = "c") -> list[BaseMessage]:
    """Make a message with calls, and their results."""
    calls = [{"name": "f", "args": {}, "id": f"{name}{at}"} for at in range(count)]
    return [AIMessage("", tool_calls=calls), *(ToolMessage("r", tool_call_id=f"{name}{at}") for at in range(count))]


def bytes_read(client: redis.Redis) -> int:
    """Give how much the server has sent."""
    sent = client.info("stats")["total_net_output_bytes"]
    assert isinstance(sent, int)
    return sent


def test_a_read_names_its_gap(make: MakeMotorhead) -> None:
    """Messages that are neither in the summary nor in the result are a gap; after a compaction there is none."""
    session = make(compaction="manual", llm=Ledger(), window=Window(max_messages=4)).session("s")
    session.append(numbered(8))
    assert session.load().gap is None
    session.append(numbered(12, 8))
    memory = session.load()
    assert memory.gap == MemoryGap(0, 12)
    assert (memory.gap.count, memory.start, contents(memory.messages)[0]) == (12, 12, "m12")
    assert "12 messages are not shown" in str(memory.as_messages()[0].content)
    assert session.catch_up([]).gap == memory.gap
    session.compact()
    assert session.load().gap is None
    session.append(numbered(20, 20))
    later = session.load()
    assert later.gap is not None
    assert (later.gap.start, later.gap.stop) == (later.summarized, later.start)


def test_hidden_results_are_in_the_gap(make: MakeMotorhead) -> None:
    """Results whose call was not read are left out, and counted as left out."""
    session = make(compaction="manual", window=Window(max_messages=4)).session("s")
    session.append([*numbered(5), *parallel(9), HumanMessage("end")])
    memory = session.load()
    assert contents(memory.messages) == ["end"]
    assert memory.gap == MemoryGap(0, 15)


@pytest.mark.parametrize("results", [30, 400])
def test_many_results_at_the_end(make: MakeMotorhead, client: redis.Redis, results: int) -> None:
    """They are returned with their call, and a long list before them is not read."""
    session = make(compaction="manual", window=Window(max_messages=12)).session("s")
    session.append([HumanMessage("word " * 60) for _ in range(3_000)])
    session.append(parallel(results))
    before = bytes_read(client)
    memory = session.load()
    assert len(memory.messages) == results + 1
    assert memory.gap == MemoryGap(0, 3_000)
    assert bytes_read(client) - before < 400_000


@pytest.mark.parametrize("odd", ["results", "foreign"])
def test_an_end_that_cannot_be_shown(make: MakeMotorhead, client: redis.Redis, odd: str) -> None:
    """Whatever the end of the list is, a read returns what the window allows, and reads a fixed number at most."""
    session = make(compaction="manual", window=Window(max_messages=12)).session("s")
    session.append([HumanMessage("word " * 60) for _ in range(3_000)])
    for count, shown in ((24, 24), (600, 0)):
        if odd == "results":
            session.append([ToolMessage("r", tool_call_id="gone") for _ in range(count)])
        else:
            client.rpush(session._keys.messages, *[b"not json"] * count)
        before = bytes_read(client)
        memory = session.load()
        assert len(memory.messages) == shown
        assert memory.gap is not None
        assert bytes_read(client) - before < 400_000


def test_a_read_is_limited_in_tokens(make: MakeMotorhead) -> None:
    """A read returns twice the tokens of the window, or 100,000, at most, and its newest message in any case."""
    window = Window(max_messages=500, max_tokens=4_000)
    session = make(compaction="manual", window=window).session("s")
    session.append([HumanMessage("word " * 400) for _ in range(100)])
    memory = session.load()
    assert 4_000 <= count_tokens_approximately(memory.messages) <= 8_000
    assert memory.gap == MemoryGap(0, memory.start)
    session.append(HumanMessage("word " * 40_000))
    assert len(session.load().messages) == 1
    default = make(compaction="manual").session("d")
    default.append([HumanMessage("word " * 20_000) for _ in range(10)])
    memory = default.load()
    assert (len(memory.messages), memory.gap) == (3, MemoryGap(0, 7))
    limited = make(compaction="manual", window=Window(hard_limit_tokens=50)).session("s")
    assert len(limited.load().messages) == 1


def test_an_extract_fits() -> None:
    """Each message has a line if there is room; short ones leave room to long ones; tools and old ones go first."""
    messages: list[BaseMessage] = [HumanMessage("I am allergic to nuts."), AIMessage("word " * 500), *parallel(1)]
    text = extract(messages, 300)
    assert len(text) <= 300
    assert text.startswith("Human: I am allergic to nuts.\nAI: word word")
    assert extract(messages, 10_000).count("\n") == 3
    assert "nuts" not in extract([*messages, *numbered(50)], 120)
    assert extract([*messages, *numbered(50)], 120).endswith("AI: m49")
    assert extract(messages, 0) == extract([], 100) == ""


def test_cuts_of_a_long_list_are_linear() -> None:
    """Twenty thousand messages with interleaved calls are looked at once."""
    messages = [each for at in range(100) for each in parallel(99, f"{at}-")]
    interleaved: list[BaseMessage] = [*messages[::100], *(each for each in messages if isinstance(each, ToolMessage))]
    assert safe_cuts(messages, 8) == list(range(100, 10_000, 100))
    assert safe_cuts(interleaved, 8) == []
    assert closed_start(messages, 9_999) == 9_900
    assert closed_start(interleaved, 5_000) == 0
