"""The documentation's table beside LangChain's `SummarizationMiddleware`, row by row, on the installed version."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

import pytest
from langchain.agents import create_agent
from langchain.agents.middleware import SummarizationMiddleware
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.memory import InMemorySaver

from langchain_motorhead import HashingEmbeddings, MotorheadMiddleware, Window
from support.agents import Model
from support.factory import MakeMotorhead
from support.messages import contents

SUMMARY = "THE-SUMMARY"  # one word, since a model streams word by word
TURNS = 12


def fine(messages: Sequence[BaseMessage]) -> AIMessage:
    """Answer anything."""
    return AIMessage("fine")


def summarizing() -> Model:
    """Make a model that answers with the summary."""
    return Model(answer=lambda messages: AIMessage(SUMMARY))


def failing() -> Model:
    """Make a model that is away."""

    def fail(messages: Sequence[BaseMessage]) -> AIMessage:
        raise ConnectionError("the model is away")

    return Model(answer=fail)


def config(thread: str = "t") -> RunnableConfig:
    """Name a thread."""
    return {"configurable": {"thread_id": thread}}


def theirs(summarizer: Model, model: Model | None = None) -> Any:
    """Make an agent with LangChain's middleware."""
    middleware = SummarizationMiddleware(summarizer, trigger=("messages", 7), keep=("messages", 4))
    return create_agent(model or Model(answer=fine), [], middleware=[middleware], checkpointer=InMemorySaver())


def ours(make: MakeMotorhead, summarizer: Model, model: Model | None = None, **options: Any) -> Any:
    """Make an agent with ours."""
    middleware = MotorheadMiddleware(make(llm=summarizer, window=Window(max_messages=6), **options))
    return create_agent(model or Model(answer=fine), [], middleware=[middleware], checkpointer=InMemorySaver())


def talk(agent: Any, turns: int = TURNS, text: str = "turn {}") -> Any:
    """Say so many things, and give the last state."""
    state = None
    for at in range(turns):
        state = agent.invoke({"messages": [HumanMessage(text.format(at))]}, config())
    return state


def told(model: Model) -> str:
    """Give all that a model was asked, as text."""
    return "\n".join(str(message.content) for prompt in model.prompts for message in prompt)


def test_who_waits_for_a_summary(make: MakeMotorhead) -> None:
    """Theirs is made in the run, before the model is asked; ours in the background, while runs go on."""
    runs_in: list[str] = []

    def slow(messages: Sequence[BaseMessage]) -> AIMessage:
        runs_in.append(threading.current_thread().name)
        return AIMessage(SUMMARY)

    agent = theirs(Model(answer=slow))
    talk(agent)
    assert runs_in
    assert all("motorhead" not in name for name in runs_in)

    released = threading.Event()

    def held(messages: Sequence[BaseMessage]) -> AIMessage:
        assert released.wait(30)
        return AIMessage(SUMMARY)

    state = talk(ours(make, Model(answer=held)))  # which would not come back
    assert len(state["messages"]) == 2 * TURNS
    released.set()


def test_what_a_summary_is_made_of(make: MakeMotorhead) -> None:
    """Theirs reads the newest 4,000 tokens of what it removes; ours reads all of it, in several calls."""
    text = "turn {} " + "lorem ipsum dolor " * 700
    read: dict[str, Model] = {"theirs": summarizing(), "ours": summarizing()}
    talk(theirs(read["theirs"]), text=text)
    motorhead = make(llm=read["ours"], window=Window(max_messages=6), compaction="inline")
    talk(create_agent(Model(answer=fine), [], middleware=[MotorheadMiddleware(motorhead)]), text=text)
    folded = motorhead.session("t").load().summarized // 2
    assert folded > 6
    assert all(f"turn {at} " in told(read["ours"]) for at in range(folded))
    assert not all(f"turn {at} " in told(read["theirs"]) for at in range(folded - 2))


def test_a_model_that_fails(make: MakeMotorhead) -> None:
    """With theirs, the run fails; with ours, it goes on, and nothing is removed."""
    with pytest.raises(ConnectionError):
        talk(theirs(failing()))
    motorhead = make(llm=failing(), window=Window(max_messages=6), compaction="inline")
    talk(
        create_agent(Model(answer=fine), [], middleware=[MotorheadMiddleware(motorhead)], checkpointer=InMemorySaver())
    )
    memory = motorhead.session("t").load()
    assert (memory.total, memory.summarized) == (2 * TURNS, 0)
    assert memory.failures


def test_what_becomes_of_the_thread(make: MakeMotorhead) -> None:
    """Theirs replaces the messages of the thread's state by a summary; ours leaves the state as it is."""
    state = talk(theirs(summarizing()))
    assert SUMMARY in str(state["messages"][0].content)
    assert "turn 0" not in contents(state["messages"])
    state = talk(ours(make, summarizing(), compaction="inline"))
    assert contents(state["messages"])[::2] == [f"turn {at}" for at in range(TURNS)]
    assert SUMMARY not in str(state)


def test_who_sees_the_summary_being_made(make: MakeMotorhead) -> None:
    """Theirs is in the stream of the user's run; ours is in none."""

    def streamed(agent: Any) -> str:
        modes = ["values", "updates", "messages", "debug"]
        events = [
            list(agent.stream({"messages": [HumanMessage(f"turn {at}")]}, config(), stream_mode=modes))
            for at in range(TURNS)
        ]
        return repr(events)

    assert SUMMARY in streamed(theirs(summarizing()))
    summarizer = summarizing()
    assert SUMMARY not in streamed(ours(make, summarizer, compaction="inline"))
    assert summarizer.prompts


def test_without_a_checkpointer_and_across_threads(make: MakeMotorhead) -> None:
    """Theirs knows what is in the state of the run; ours the session, wherever and however it was written."""
    model = Model(answer=fine)
    motorhead = make(llm=summarizing(), window=Window(max_messages=6), compaction="inline")
    for _ in range(2):  # as two processes would
        talk(create_agent(model, [], middleware=[MotorheadMiddleware(motorhead)]), 4)
    assert SUMMARY in str(model.prompts[-1][0].content)
    assert "turn 2" in contents(model.prompts[-1])
    model = Model(answer=fine)
    middleware = SummarizationMiddleware(summarizing(), trigger=("messages", 7), keep=("messages", 4))
    talk(create_agent(model, [], middleware=[middleware]), 8)
    assert all(len(prompt) == 1 for prompt in model.prompts)


def test_a_long_run_is_what_theirs_bounds(make: MakeMotorhead) -> None:
    """Within one run of many tool calls, theirs shortens the prompt; ours shows the run whole."""

    def look(n: int) -> str:
        """Look something up."""
        return f"found {n}"

    def loop(messages: Sequence[BaseMessage]) -> AIMessage:
        done = sum(isinstance(message, AIMessage) for prompt in model.prompts for message in prompt[-2:-1])
        if len(model.prompts) > 10:
            return AIMessage(f"done after {done}")
        return AIMessage("", tool_calls=[{"name": "look", "args": {"n": 1}, "id": f"c{len(model.prompts)}"}])

    model = Model(answer=loop)
    middleware = SummarizationMiddleware(summarizing(), trigger=("messages", 7), keep=("messages", 4))
    create_agent(model, [look], middleware=[middleware]).invoke({"messages": [HumanMessage("go")]})
    assert max(map(len, model.prompts)) <= 7
    model = Model(answer=loop)
    motorhead = make(llm=summarizing(), window=Window(max_messages=6))
    agent = create_agent(model, [look], middleware=[MotorheadMiddleware(motorhead)])
    agent.invoke({"messages": [HumanMessage("go")]}, config())
    assert max(map(len, model.prompts)) == 21


def test_going_back_to_an_older_checkpoint(make: MakeMotorhead) -> None:
    """Theirs brings back the thread as it was then; ours goes on with the session as it is."""
    for agent, forgets in ((theirs(summarizing()), True), (ours(make, summarizing()), False)):
        talk(agent, 1)
        early = agent.get_state(config()).config
        for at in range(1, 4):
            agent.invoke({"messages": [HumanMessage(f"turn {at}")]}, config())
        model_saw: list[list[BaseMessage]] = []
        agent.invoke({"messages": [HumanMessage("back")]}, {**early, "callbacks": [Seeing(model_saw)]})
        assert ("turn 3" not in contents(model_saw[-1])) == forgets
        assert model_saw[-1][-1].content == "back"


class Seeing(BaseCallbackHandler):
    """Keeps the prompts that a model is given."""

    def __init__(self, seen: list[list[BaseMessage]]) -> None:
        self.seen = seen

    def on_chat_model_start(self, serialized: Any, messages: list[list[BaseMessage]], **kwargs: Any) -> None:
        """Keep a prompt."""
        self.seen.extend(messages)


def test_what_other_sessions_know(make: MakeMotorhead) -> None:
    """Ours finds what the user said in another session, and not what another user said."""
    motorhead = make(embeddings=HashingEmbeddings(64))
    motorhead.session("old", "bob").append(HumanMessage("My dog is called Bello."))
    motorhead.session("other", "eve").append(HumanMessage("My dog is called Rex."))
    motorhead.flush()
    model = Model(answer=fine)
    agent = create_agent(model, [], middleware=[MotorheadMiddleware(motorhead, recall=3)])
    run: RunnableConfig = {"configurable": {"thread_id": "new", "user_id": "bob"}}
    agent.invoke({"messages": [HumanMessage("What is my dog called?")]}, run)
    assert "Bello" in str(model.prompts[0][0].content)
    assert "Rex" not in told(model)


def test_thresholds_that_only_theirs_knows() -> None:
    """Theirs takes a fraction of what the model takes."""
    model = Model(answer=fine, profile={"max_input_tokens": 100})
    agent = create_agent(
        Model(answer=fine),
        [],
        middleware=[SummarizationMiddleware(model, trigger=("fraction", 0.5), keep=("messages", 2))],
        checkpointer=InMemorySaver(),
    )
    talk(agent, text="turn {} and some more words")
    assert model.prompts
