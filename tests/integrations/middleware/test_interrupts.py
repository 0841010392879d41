"""Runs that wait for a human: what was said is kept, once, and no later prompt is spoilt."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from langchain.agents.middleware import HumanInTheLoopMiddleware
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage
from langchain_core.tools import tool
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.types import Command, interrupt

from langchain_motorhead import InvalidInputError, Motorhead, MotorheadMiddleware, Window
from support.agents import Failing, Model, agent_of, echo, faults, look, say, stored, texts, thread
from support.factory import MakeMotorhead
from support.messages import contents, numbered
from support.summarizers import Ledger, remembered

LARGE = Window(max_messages=100)


@tool
def ask(at: str) -> str:
    """Ask a human."""
    return f"human says {interrupt(at)}"


def calls(name: str, count: int = 1) -> Model:
    """Make a model that answers each question with calls of a tool, and their results with a text."""

    def answer(messages: Sequence[BaseMessage]) -> AIMessage:
        last = messages[-1]
        if last.type == "tool":
            return AIMessage(f"after {last.text}")
        ids = [f"{last.text}/{at}" for at in range(count)]
        return AIMessage("", tool_calls=[{"name": name, "args": {"at": id_}, "id": id_} for id_ in ids])

    return Model(answer=answer)


@pytest.mark.parametrize("elsewhere", [False, True])
@pytest.mark.parametrize("count", [1, 3])
def test_an_interrupt_in_a_tool(make: MakeMotorhead, elsewhere: bool, count: int) -> None:
    """The run goes on as if it had not waited, here or in another process, and is stored once."""
    motorhead, model, saver = make(window=LARGE), calls("ask", count), InMemorySaver()
    motorhead.session("t").append(numbered(2))
    agent, _ = agent_of(motorhead, model, tools=[ask], checkpointer=saver)
    out = agent.invoke(say("q"), thread())
    assert stored(motorhead) == ["m0", "m1", "q"]
    if elsewhere:
        motorhead = make(window=LARGE)
        agent, _ = agent_of(motorhead, model, tools=[ask], checkpointer=saver)
    agent.invoke(Command(resume={each.id: "yes" for each in out["__interrupt__"]}), thread())
    expected = ["human says yes"] * count
    assert texts(model.prompts[-1]) == ["m0", "m1", "q", f"<{count}>", *expected]
    assert stored(motorhead) == ["m0", "m1", "q", "", *expected, "after human says yes"]
    agent.invoke(say("q2"), thread())
    assert [faults(prompt) for prompt in model.prompts] == [[]] * 3


DECISIONS: dict[str, Any] = {
    "approve": {"type": "approve"},
    "reject": {"type": "reject", "message": "never"},
    "edit": {"type": "edit", "edited_action": {"name": "look", "args": {"at": "edited"}}},
}


@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize("elsewhere", [False, True])
@pytest.mark.parametrize("decision", list(DECISIONS))
async def test_a_human_in_the_loop(amake: MakeMotorhead, first: bool, elsewhere: bool, decision: str) -> None:
    """Whatever the human decides, before or after our middleware, the run is stored once, as it went."""
    motorhead, model, saver = amake(window=LARGE), calls("look", 2), InMemorySaver()

    def made(motorhead: Motorhead) -> Any:
        ours, human = MotorheadMiddleware(motorhead), HumanInTheLoopMiddleware({"look": True})
        return agent_of(motorhead, model, middleware=[ours, human] if first else [human, ours], checkpointer=saver)[0]

    agent = made(motorhead)
    await agent.ainvoke(say("q"), thread())
    assert contents((await motorhead.session("t").aload()).messages) == ["q"]
    if elsewhere:
        motorhead = amake(window=LARGE)
        agent = made(motorhead)
    await agent.ainvoke(Command(resume={"decisions": [DECISIONS[decision], DECISIONS["approve"]]}), thread())
    asked, call, result, *rest = contents((await motorhead.session("t").aload()).messages)
    assert (asked, call, rest) == ("q", "", ["saw q/1", "after saw q/1"])
    assert result.endswith({"approve": "saw q/0", "reject": "never", "edit": "saw edited"}[decision])
    assert faults(model.prompts[-1]) == []
    await agent.ainvoke(say("q2"), thread())
    assert [faults(prompt) for prompt in model.prompts] == [[]] * 3


@pytest.mark.parametrize("elsewhere", [False, True])
@pytest.mark.parametrize("count", [1, 2])
def test_something_new_instead_of_a_decision(make: MakeMotorhead, elsewhere: bool, count: int) -> None:
    """A user who writes on without deciding is answered; the open call is in no prompt, nothing is lost or doubled."""
    saver, motorhead = InMemorySaver(), make(llm=Ledger(), window=Window(max_messages=6), compaction="inline")

    def answer(messages: Sequence[BaseMessage]) -> AIMessage:
        return calls("ask", count).answer(messages) if "ask" in messages[-1].text else echo(messages)

    model = Model(answer=answer)
    agent, _ = agent_of(motorhead, model, tools=[ask, look], checkpointer=saver)
    for at in range(12):
        if elsewhere:
            motorhead = make(llm=Ledger(), window=Window(max_messages=6), compaction="inline")
            agent, _ = agent_of(motorhead, model, tools=[ask, look], checkpointer=saver)
        agent.invoke(say(f"q{at}" + (" ask" if at % 2 else "")), thread())
    assert [faults(prompt) for prompt in model.prompts] == [[]] * 12
    kept = [text for text in remembered(motorhead.session("t").load()) if text]
    expected = [text for at in range(0, 12, 2) for text in (f"q{at}", f"re q{at}", f"q{at + 1} ask")]
    assert kept == expected


@pytest.mark.parametrize("turns", [0, 20])
def test_a_decision_after_others_wrote(make: MakeMotorhead, turns: int) -> None:
    """A run that waited while much was said in its session goes on with its own messages last, and no longer prompt."""
    window = Window(max_messages=6)
    motorhead, saver = make(llm=Ledger(), window=window, compaction="inline"), InMemorySaver()

    def answer(messages: Sequence[BaseMessage]) -> AIMessage:
        return echo(messages) if messages[-1].text.startswith("old") else calls("ask").answer(messages)

    model = Model(answer=answer)
    agent, _ = agent_of(motorhead, model, tools=[ask], checkpointer=saver)
    for at in range(turns):
        agent.invoke(say(f"old{at}"), thread())
    agent.invoke(say("q"), thread())
    motorhead.session("t").append(numbered(20))
    agent, _ = agent_of(motorhead, model, tools=[ask], checkpointer=saver)  # as another process would
    agent.invoke(Command(resume="yes"), thread())
    assert texts(model.prompts[-1])[-3:] == ["q", "<1>", "human says yes"]
    assert faults(model.prompts[-1]) == []
    known = remembered(motorhead.session("t").load())[2 * turns :]
    assert known == ["q", *(f"m{at}" for at in range(20)), "", "human says yes", "after human says yes"]
    assert len(model.prompts[-1]) <= 1 + window.read_limit + 3


@pytest.mark.parametrize("elsewhere", [False, True])
def test_a_decision_after_the_session_was_deleted(make: MakeMotorhead, elsewhere: bool) -> None:
    """The run goes on without what was deleted, also where the checkpoint has it."""
    motorhead, saver = make(window=LARGE), InMemorySaver()

    def answer(messages: Sequence[BaseMessage]) -> AIMessage:
        return AIMessage("ok") if "secret" in messages[-1].text else calls("ask").answer(messages)

    model = Model(answer=answer)
    agent, _ = agent_of(motorhead, model, tools=[ask], checkpointer=saver)
    agent.invoke(say("secret"), thread())
    agent.invoke(say("q"), thread())
    motorhead.session("t").delete()
    if elsewhere:
        agent, _ = agent_of(make(window=LARGE), model, tools=[ask], checkpointer=saver)
    agent.invoke(Command(resume="yes"), thread())
    agent.invoke(say("q2"), thread())
    assert [faults(prompt) for prompt in model.prompts] == [[]] * 4
    assert "secret" not in str(model.prompts[2:])


def test_a_run_that_forgets_what_it_loaded(make: MakeMotorhead, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that takes long reads the session again, and shows its own messages last and once."""
    monkeypatch.setattr("langchain_motorhead.integrations.middleware.run_object", lambda config: None)
    motorhead = make(llm=Ledger(), window=Window(max_messages=6), compaction="inline")
    agent, model = agent_of(motorhead, Model(answer=Failing(6)), checkpointer=InMemorySaver())
    for at in range(8):
        try:
            agent.invoke(say(f"q{at} look 2"), thread())
        except RuntimeError:
            agent.invoke(None, thread())
    assert [faults(prompt) for prompt in model.prompts] == [[]] * 17
    assert texts(model.prompts[-1])[-4:] == ["q7 look 2", "<2>", "saw q7 look 2/0", "saw q7 look 2/1"]
    assert len([text for text in remembered(motorhead.session("t").load()) if text]) == 8 * 4


@pytest.mark.parametrize("options", [{"interrupt_before": ["model"]}, {"interrupt_after": ["model"]}])
def test_a_breakpoint(make: MakeMotorhead, options: dict[str, Any]) -> None:
    """A run that stops before or after each call of the model is stored once when it has come to its end."""
    motorhead = make(window=LARGE)
    agent, model = agent_of(motorhead, checkpointer=InMemorySaver(), **options)
    agent.invoke(say("q look 2"), thread())
    while agent.get_state(thread()).next:
        agent.invoke(None, thread())
    assert stored(motorhead) == ["q look 2", "", "saw q look 2/0", "saw q look 2/1", "after saw q look 2/1"]
    assert [faults(prompt) for prompt in model.prompts] == [[], []]


@pytest.mark.parametrize("elsewhere", [False, True])
def test_a_decision_of_another_user(make: MakeMotorhead, elsewhere: bool) -> None:
    """Whoever goes on with a run in another user's session is refused before the model is shown any of it."""
    motorhead, model, saver = make(window=LARGE), calls("ask"), InMemorySaver()
    motorhead.session("t", "bob").append(HumanMessage("secret"))
    agent, _ = agent_of(motorhead, model, tools=[ask], checkpointer=saver)
    agent.invoke(say("q"), thread(user_id="bob"))
    if elsewhere:
        agent, _ = agent_of(make(window=LARGE), model, tools=[ask], checkpointer=saver)
    with pytest.raises(InvalidInputError, match="another user than"):
        agent.invoke(Command(resume="yes"), thread(user_id="eve"))
    assert len(model.prompts) == 1
