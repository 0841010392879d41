"""Deep agents: both summarizations in one agent, files in the store, and subagents."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

import pytest
from deepagents import create_deep_agent
from deepagents.backends import CompositeBackend, StateBackend, StoreBackend
from deepagents.middleware.summarization import SummarizationMiddleware
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, ToolMessage
from langgraph.checkpoint.memory import InMemorySaver

from langchain_motorhead import Motorhead, MotorheadMiddleware, Window
from support.agents import Model, echo, faults, look, memory_of, say, texts, thread
from support.factory import MakeMotorhead
from support.summarizers import Ledger, remembered

SYSTEM = "You are a parrot."
THEIRS = "THEIR SUMMARY"
STEPS = 10


def steps(messages: Sequence[BaseMessage]) -> AIMessage:
    """Answer as `echo` does, but "many" with ten calls of `look`, one after the other."""
    last = messages[-1]
    done = int(last.tool_call_id) + 1 if isinstance(last, ToolMessage) and last.tool_call_id.isdigit() else 0
    if (isinstance(last, HumanMessage) and last.text == "many") or 0 < done < STEPS:
        return AIMessage("", tool_calls=[{"name": "look", "args": {"at": f"step {done}"}, "id": str(done)}])
    return echo(messages)


def deep_agent(*ours: MotorheadMiddleware) -> tuple[Any, Model, Model]:
    """Make a deep agent that summarizes from seven messages on, and return it, its model, and its summarizer."""
    model, scribe = Model(answer=steps), Model(answer=lambda messages: AIMessage(THEIRS), checks=False)
    theirs = SummarizationMiddleware(
        scribe, backend=StateBackend(), trigger=("messages", 7), keep=("messages", 3), trim_tokens_to_summarize=None
    )
    agent = create_deep_agent(
        model, [look], system_prompt=SYSTEM, middleware=[theirs, *ours], checkpointer=InMemorySaver()
    )
    return agent, model, scribe


SAID = ("q0 look 2", "q1 look 2", "many", "q2 look 2", "bye")


@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
async def test_both_summarizations(make: MakeMotorhead, is_async: bool, caplog: pytest.LogCaptureFixture) -> None:
    """Both summarize one thread: nothing is lost, no call is separated from its result, neither causes the other."""
    ledger = Ledger()
    motorhead = make(llm=ledger, window=Window(max_messages=6), compaction="inline")
    alone, _, their_calls_alone = deep_agent()
    agent, model, their_calls = deep_agent(MotorheadMiddleware(motorhead))
    state: dict[str, Any] = {}
    with caplog.at_level(logging.WARNING, "langchain_motorhead"):
        for text in SAID:
            alone.invoke(say(text), thread())
            state = await agent.ainvoke(say(text), thread()) if is_async else agent.invoke(say(text), thread())
    assert caplog.text == ""

    # Every message of the thread is stored once, in its order.
    kept = motorhead.session("t").transcript()
    said = ["q0 look 2", "<2>", "saw q0 look 2/0", "saw q0 look 2/1", "after saw q0 look 2/1"]
    assert texts(state["messages"])[:5] == said
    assert [(each.message.type, each.message.text) for each in kept] == [
        (each.type, each.text) for each in state["messages"]
    ]
    assert len(kept) == 3 * 5 + (2 + 2 * STEPS) + 2

    # Every prompt could be sent, has the newest question, and one or the other knows what was said before.
    assert len(model.prompts) == 3 * 2 + (STEPS + 1) + 1
    assert [faults(prompt, SYSTEM) for prompt in model.prompts] == [[]] * len(model.prompts)
    for prompt in model.prompts[4 : 4 + STEPS + 1]:
        assert "many" in texts(prompt)
    assert "q0 look 2" in memory_of(model.prompts[-1])

    # Theirs is asked as often as without ours. Ours covers each message once, and no summary of theirs.
    assert len(their_calls.prompts) == len(their_calls_alone.prompts) > 0
    covered = [message.text for call in ledger.calls for message in call["messages"]]
    assert covered == [each.message.text for each in kept][: len(covered)]
    assert remembered(motorhead.session("t").load()) == [each.message.text for each in kept]


def filing(messages: Sequence[BaseMessage]) -> AIMessage:
    """Write what follows "note" to a file of memory, read it for "read", ask a subagent for "ask"."""
    last = messages[-1]
    if not isinstance(last, HumanMessage):
        return AIMessage(f"after {last.text}")
    verb, _, rest = last.text.partition(" ")
    path = {"file_path": "/memories/notes.md"}
    calls: dict[str, tuple[str, dict[str, Any]]] = {
        "note": ("write_file", {**path, "content": rest}),
        "read": ("read_file", path),
        "ask": ("task", {"description": rest, "subagent_type": "general-purpose"}),
    }
    if verb not in calls:
        return AIMessage(f"re {last.text}")
    name, args = calls[verb]
    return AIMessage("", tool_calls=[{"name": name, "args": args, "id": last.text}])


def filing_agent(motorhead: Motorhead, user: str) -> Any:
    """Make a deep agent without a checkpointer, whose `/memories/` are in our store, for each user of their own."""
    files = StoreBackend(store=motorhead.store(), namespace=lambda runtime: ("memories", user))
    backend = CompositeBackend(default=StateBackend(), routes={"/memories/": files})
    model, ours = Model(answer=filing), MotorheadMiddleware(motorhead)
    return create_deep_agent(model, system_prompt=SYSTEM, middleware=[ours], backend=backend)


async def test_files_and_subagents(make: MakeMotorhead) -> None:
    """A file below /memories/ is read in other threads of its user only; what a subagent says is not in the session."""
    motorhead = make()
    filing_agent(motorhead, "bob").invoke(say("note Bob eats no meat."), thread("1"))
    later = await filing_agent(motorhead, "bob").ainvoke(say("read"), thread("2"))
    assert "Bob eats no meat." in later["messages"][-1].text
    assert [item.value["content"] for item in motorhead.store().search(("memories",))] == ["Bob eats no meat."]
    others = filing_agent(motorhead, "eve").invoke(say("read"), thread("3"))
    assert "Bob" not in others["messages"][-1].text

    filing_agent(motorhead, "bob").invoke(say("ask what is new?"), thread("4"))
    shown = texts(motorhead.session("4").load().messages)
    assert shown == ["ask what is new?", "<1>", "re what is new?", "after re what is new?"]
    assert set(motorhead.sessions()) == {"1", "2", "3", "4"}
