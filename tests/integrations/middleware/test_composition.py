"""The middleware beside others, in either order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from langchain.agents.middleware import (
    AgentMiddleware,
    ClearToolUsesEdit,
    ContextEditingMiddleware,
    ModelCallLimitMiddleware,
    ModelFallbackMiddleware,
    ModelRetryMiddleware,
    PIIMiddleware,
    SummarizationMiddleware,
    TodoListMiddleware,
)
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage

from langchain_motorhead import Motorhead, MotorheadMiddleware, Window
from support.agents import SYSTEM, Model, agent_of, echo, faults, memory_of, say, system_of, texts, thread
from support.factory import MakeMotorhead
from support.messages import contents
from support.orders import LARGE, dialogue
from support.summarizers import Ledger, remembered

FIRST = pytest.mark.parametrize("first", [True, False], ids=["ours first", "ours last"])


def beside(motorhead: Motorhead, other: Any, *, first: bool, model: Model | None = None, **options: Any) -> Any:
    """Make an agent with our middleware and another."""
    ours = MotorheadMiddleware(motorhead)
    return agent_of(motorhead, model, middleware=[ours, other] if first else [other, ours], **options)


@FIRST
def test_summarization_middleware(make: MakeMotorhead, first: bool, checkpointer: Any) -> None:
    """LangChain's own, which replaces messages in the state, leaves the session whole and the prompt as it was."""
    other = SummarizationMiddleware(
        Model(answer=lambda messages: AIMessage("ITS SUMMARY")), trigger=("messages", 6), keep=("messages", 3)
    )
    motorhead = make(llm=Ledger(), window=Window(max_messages=8), compaction="inline")
    agent, model = beside(motorhead, other, first=first, checkpointer=checkpointer)
    for at in range(12):
        agent.invoke(say(f"q{at}"), thread())
    assert remembered(motorhead.session("t").load()) == dialogue(12)
    assert [faults(prompt) for prompt in model.prompts] == [[]] * 12
    assert "ITS SUMMARY" not in str(model.prompts)


@FIRST
def test_summarization_within_a_run(make: MakeMotorhead, first: bool, checkpointer: Any) -> None:
    """Where it takes away messages of the run itself, prompts are still right, and nothing is stored twice."""
    other = SummarizationMiddleware(
        Model(answer=lambda messages: AIMessage("ITS SUMMARY")), trigger=("messages", 5), keep=("messages", 2)
    )

    def answer(messages: Sequence[BaseMessage]) -> AIMessage:
        seen = sum(message.type == "tool" for message in messages)
        if messages[-1].type != "human" and len(model.prompts) % 7 == 0:
            return AIMessage("done")
        id_ = f"{len(model.prompts)}-{seen}"
        return AIMessage("", tool_calls=[{"name": "look", "args": {"at": id_}, "id": id_}])

    model = Model(answer=answer)
    motorhead = make(llm=Ledger(), window=Window(max_messages=8), compaction="inline")
    agent, _ = beside(motorhead, other, first=first, model=model, checkpointer=checkpointer)
    for at in range(4):
        agent.invoke(say(f"q{at}"), thread())
    assert [faults(prompt) for prompt in model.prompts] == [[]] * len(model.prompts)
    known = [text for text in remembered(motorhead.session("t").load()) if text.startswith(("q", "saw"))]
    assert len(set(known)) == len(known)
    assert {f"q{at}" for at in range(4)} <= set(known)


@FIRST
def test_retries(make: MakeMotorhead, first: bool, checkpointer: Any) -> None:
    """A model that is asked again after it failed is shown the same, and nothing is stored twice."""
    count = iter(range(100))

    def answer(messages: Sequence[BaseMessage]) -> AIMessage:
        if next(count) % 3:
            raise RuntimeError("away")
        return echo(messages)

    motorhead = make(window=LARGE)
    other = ModelRetryMiddleware(max_retries=3, initial_delay=0, jitter=False)
    agent, model = beside(motorhead, other, first=first, model=Model(answer=answer), checkpointer=checkpointer)
    for at in range(3):
        agent.invoke(say(f"q{at} look 1"), thread())
    expected = [f"q{at} look 1{rest}" for at in range(3) for rest in ("", "/0", "/0")]
    stored = [text for text in contents(motorhead.session("t").load().messages) if text]
    assert [text.replace("after ", "").replace("saw ", "") for text in stored] == expected
    assert [faults(prompt) for prompt in model.prompts] == [[]] * len(model.prompts)
    assert texts(model.prompts[2]) == texts(model.prompts[1])


@FIRST
def test_retries_of_a_long_run(make: MakeMotorhead, first: bool) -> None:
    """A run of more messages than a session knows by their ids is stored once, however often its model failed."""
    count = iter(range(100))

    def answer(messages: Sequence[BaseMessage]) -> AIMessage:
        if messages[-1].type == "tool" and next(count) < 2:
            raise RuntimeError("away")
        return echo(messages)

    motorhead = make(compaction="manual")
    other = ModelRetryMiddleware(max_retries=3, initial_delay=0, jitter=False)
    agent, _ = beside(motorhead, other, first=first, model=Model(answer=answer))
    agent.invoke(say("q look 150"), thread())
    assert motorhead.session("t").load().total == 153


@FIRST
def test_a_fallback_model(make: MakeMotorhead, first: bool) -> None:
    """The model that steps in is shown the same, memory included, once."""

    def fails(messages: Sequence[BaseMessage]) -> AIMessage:
        raise RuntimeError("away")

    fallback, motorhead = Model(), make(llm=Ledger(), window=Window(max_messages=4), compaction="inline")
    agent, model = beside(motorhead, ModelFallbackMiddleware(fallback), first=first, model=Model(answer=fails))
    for at in range(6):
        agent.invoke(say(f"q{at}"), thread())
    assert fallback.prompts == model.prompts
    assert [faults(prompt) for prompt in fallback.prompts] == [[]] * 6
    assert remembered(motorhead.session("t").load()) == dialogue(6)


@FIRST
def test_redaction(make: MakeMotorhead, first: bool, checkpointer: Any) -> None:
    """What another middleware masks in the state is masked in the prompt of the run, and stored once."""
    motorhead = make(window=LARGE)
    agent, model = beside(motorhead, PIIMiddleware("email"), first=first, checkpointer=checkpointer)
    for at in range(3):
        agent.invoke(say(f"q{at} is a{at}@example.com"), thread())
    assert [faults(prompt) for prompt in model.prompts] == [[]] * 3
    assert motorhead.session("t").load().total == 6
    for prompt in model.prompts:
        assert "@" not in texts(prompt)[-1]


@FIRST
def test_redaction_in_later_runs(make: MakeMotorhead, first: bool, checkpointer: Any) -> None:
    """What another middleware masks in the state reaches neither a later prompt nor a summary."""
    motorhead = make(llm=Ledger(), window=Window(max_messages=4), compaction="inline")
    agent, model = beside(motorhead, PIIMiddleware("email"), first=first, checkpointer=checkpointer)
    for at in range(6):
        agent.invoke(say(f"q{at} is a{at}@example.com"), thread())
    for prompt in model.prompts:
        assert "@example.com" not in str(prompt)


@FIRST
def test_context_editing(make: MakeMotorhead, first: bool, checkpointer: Any) -> None:
    """Tool results that it clears are cleared for the model, and whole in the session."""
    other = ContextEditingMiddleware(edits=[ClearToolUsesEdit(trigger=1, keep=1)])
    motorhead = make(window=LARGE)
    agent, model = beside(motorhead, other, first=first, checkpointer=checkpointer)
    for at in range(3):
        agent.invoke(say(f"q{at} look 3"), thread())
    assert [faults(prompt) for prompt in model.prompts] == [[]] * 6
    assert texts(model.prompts[-1])[-3:] == ["[cleared]", "[cleared]", "saw q2 look 3/2"]
    stored = contents(motorhead.session("t").load().messages)
    assert [text for text in stored if text.startswith("saw")] == [
        f"saw q{at} look 3/{n}" for at in range(3) for n in range(3)
    ]


REMINDERS: dict[str, Callable[[Sequence[Any]], list[Any]]] = {
    "appended": lambda given: [*given, HumanMessage("remember")],
    "appended as a dict": lambda given: [*given, {"role": "user", "content": "remember"}],
    "appended as a system message": lambda given: [*given, SystemMessage("remember")],
    "put first": lambda given: [HumanMessage("remember"), *given],
    "put before the question": lambda given: [*given[:-1], HumanMessage("remember"), given[-1]],
}


@FIRST
@pytest.mark.parametrize("how", list(REMINDERS))
def test_a_reminder(make: MakeMotorhead, first: bool, how: str, checkpointer: Any) -> None:
    """What another one adds to a request, wherever, is in the prompt, and not in the session."""

    class Reminds(AgentMiddleware[Any, Any, Any]):
        def wrap_model_call(self, request: Any, handler: Any) -> Any:
            return handler(request.override(messages=REMINDERS[how](request.messages)))

    motorhead = make(window=LARGE)
    # What is added after memory is not ours to put in order.
    model = Model(answer=lambda messages: AIMessage("ok"), checks=False)
    agent, _ = beside(motorhead, Reminds(), first=first, model=model, checkpointer=checkpointer)
    for at in range(4):
        agent.invoke(say(f"q{at}"), thread())
    for prompt in model.prompts:
        assert "\n".join(str(message.content) for message in prompt).count("remember") == 1
    assert contents(motorhead.session("t").load().messages) == [text for at in range(4) for text in (f"q{at}", "ok")]


@FIRST
def test_a_limit_of_calls(make: MakeMotorhead, first: bool, checkpointer: Any) -> None:
    """A run that another one ends in its midst is stored with what that one says."""
    motorhead = make(window=LARGE)
    agent, model = beside(motorhead, ModelCallLimitMiddleware(run_limit=1), first=first, checkpointer=checkpointer)
    for at in range(3):
        agent.invoke(say(f"q{at} look 1"), thread())
    assert motorhead.session("t").load().total == 12
    assert [faults(prompt) for prompt in model.prompts] == [[]] * 3


@FIRST
def test_a_system_prompt_of_others(make: MakeMotorhead, first: bool) -> None:
    """What another one adds to the system message stays in it, beside what is ours."""
    motorhead = make(llm=Ledger(), window=Window(max_messages=2), compaction="inline")
    agent, model = beside(motorhead, TodoListMiddleware(), first=first)
    for at in range(3):
        agent.invoke(say(f"q{at}"), thread())
    system = system_of(model.prompts[-1])
    assert SYSTEM in system
    assert "write_todos" in system
    assert "<summary>\nq0" in memory_of(model.prompts[-1])
