"""What nodes cost: round trips, and runs at once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from langchain_core.messages import AIMessage, HumanMessage
from langgraph.checkpoint.memory import InMemorySaver
from redis.connection import AbstractConnection

from langchain_motorhead import Motorhead
from langchain_motorhead.redis_io.embedded import acquire
from support.blocking import run_script
from support.graphs import OURS, Kind, Model, all_kinds, ask, both_kinds, config, looping, straight
from support.wiretap import Wire, wiretapped


@pytest.fixture
def tapped(namespace: str) -> Iterator[tuple[Motorhead, Wire]]:
    """A handle whose traffic is counted, on a server that knows the scripts."""
    server = acquire("embedded://")
    options: dict[str, Any] = {"namespace": namespace, "compaction": "manual"}
    with wiretapped(str(server.socket)) as (url, wire), Motorhead.from_url(url, **options) as motorhead:
        motorhead.session("warm").catch_up([HumanMessage("q", id="q")])
        yield motorhead, wire
    server.release()


class Turns:
    """Counts how often a client turns from sending to reading, however many packets either takes."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.count, self._sent = 0, False
        send: Any = AbstractConnection.send_packed_command
        read: Any = AbstractConnection.read_response

        def sending(*arguments: Any, **options: Any) -> Any:
            self._sent = True
            return send(*arguments, **options)

        def reading(*arguments: Any, **options: Any) -> Any:
            self.count += self._sent
            self._sent = False
            return read(*arguments, **options)

        monkeypatch.setattr(AbstractConnection, "send_packed_command", sending)
        monkeypatch.setattr(AbstractConnection, "read_response", reading)


@all_kinds
def test_a_node_is_one_round_trip(tapped: tuple[Motorhead, Wire], kind: Kind, monkeypatch: pytest.MonkeyPatch) -> None:
    """Loading costs one round trip and saving one, however long the thread is."""
    motorhead, wire = tapped
    app = straight(motorhead, Model(kind), InMemorySaver())
    long = [HumanMessage(f"q{at}") if at % 2 == 0 else AIMessage(f"a{at}") for at in range(1_000)]
    app.invoke({kind.messages: [*long, HumanMessage("q1000")]}, config())
    turned = Turns(monkeypatch)
    for at in range(1001, 1004):
        wire.reset()
        turned.count = 0
        ask(app, at, kind)
        assert turned.count == 2
        assert wire.up < 40_000
        if kind is OURS:  # two messages, and the commands of a read, which name their keys four times
            assert wire.round_trips == 2
            assert wire.up < 2_500
    assert len(app.get_state(config()).values[kind.messages]) == 1_008
    assert motorhead.session("t").load().total == 1_008


@both_kinds
def test_a_loop_is_one_round_trip_a_call(
    tapped: tuple[Motorhead, Wire], kind: Kind, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where load stands before each call of the model, it costs one round trip each time."""
    motorhead, wire = tapped
    app = looping(motorhead, Model(kind, calls=30), InMemorySaver())
    turned = Turns(monkeypatch)
    for at in range(3):
        wire.reset()
        turned.count = 0
        ask(app, at, kind)
        assert turned.count == 32
        assert kind is not OURS or wire.round_trips == 32


async def test_an_async_node_is_one_round_trip(namespace: str) -> None:
    """The same on an event loop."""
    server = acquire("embedded://")
    with wiretapped(str(server.socket)) as (url, wire):
        async with Motorhead.from_url(url, namespace=namespace, compaction="manual") as motorhead:
            await motorhead.session("warm").acatch_up([HumanMessage("q", id="q")])
            app = straight(motorhead, Model(), InMemorySaver())
            for at in range(3):
                wire.reset()
                await app.ainvoke({"messages": [HumanMessage(f"q{at}")]}, config())
                assert wire.round_trips == 2
    server.release()


LIFE = """
import asyncio, sys
from support.blocking import nothing_blocks
from langchain_core.messages import AIMessage, HumanMessage
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import START, StateGraph
from langchain_motorhead import HashingEmbeddings, MemoryState, Motorhead, Window, load_memory, save_memory


async def main(recall):
    options = {"embeddings": HashingEmbeddings()} if recall else {}
    options |= {"namespace": sys.argv[3], "window": Window(max_messages=4)}
    with nothing_blocks():
        async with Motorhead.from_url(sys.argv[1], **options) as motorhead:
            graph = StateGraph(MemoryState)
            model = lambda state: {"messages": [AIMessage("a " + state["llm_input_messages"][-1].content)]}
            load, save = load_memory(motorhead, recall=recall), save_memory(motorhead)
            graph.add_sequence([("load", load), ("model", model), ("save", save)]).add_edge(START, "load")
            app = graph.compile(checkpointer=InMemorySaver())

            async def talk(thread):
                for turn in range(5):
                    given = {"messages": [HumanMessage(f"q {turn} of {thread}")]}
                    state = await app.ainvoke(given, {"configurable": {"thread_id": thread, "user_id": thread}})
                return [message.content for message in state["messages"]]

            said = await asyncio.gather(*(talk(f"t{at}") for at in range(64)))
            await motorhead.aflush()
            for at, each in enumerate(said):
                expected = [text for turn in range(5) for text in (f"q {turn} of t{at}", f"a q {turn} of t{at}")]
                assert each == expected, each
                memory = await motorhead.session(f"t{at}").aload()
                assert memory.total == 10, memory
                assert [message.content for message in memory.messages] == expected[memory.summarized:]


asyncio.run(main(int(sys.argv[2])))
"""


@pytest.mark.parametrize("recall", ["0", "2"])
def test_sixty_four_runs_at_once(url: str, namespace: str, recall: str) -> None:
    """In a fresh process, 64 threads at once on one loop neither block it nor mix, with recall and without."""
    assert run_script(LIFE, url, recall, namespace) == (0, "")
