"""The middleware for LangChain's agents: what the model is shown of a session, and what is stored of a run."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any, TypedDict
from uuid import UUID

import pytest
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage
from langgraph.checkpoint.memory import InMemorySaver
from pydantic import BaseModel

from langchain_motorhead import InvalidInputError, MotorheadMiddleware, Window
from langchain_motorhead.sessions.load import SUMMARY_PREFIX
from support.agents import SYSTEM, Model, agent_of, alook, faults, memory_of, say, system_of, texts, thread
from support.factory import MakeMotorhead
from support.messages import contents
from support.quotes import quoted
from support.summarizers import Ledger, remembered

SMALL = Window(max_messages=4)
NO_SESSION = r"Give the run a thread.*thread_id"


@pytest.fixture(params=[None, InMemorySaver], ids=["no checkpointer", "checkpointer"])
def checkpointer(request: pytest.FixtureRequest) -> Any:
    """None, or a checkpointer in memory."""
    return request.param() if request.param else None


# What the model sees --------------------------------------------------------------------------------------------------


def test_the_model_sees_summary_window_and_run(make: MakeMotorhead, checkpointer: Any) -> None:
    """Its system prompt as it is, then the summary, then the window, and what the user says."""
    motorhead = make(llm=Ledger(), window=SMALL, compaction="inline")
    agent, model = agent_of(motorhead, checkpointer=checkpointer)
    for at in range(6):
        agent.invoke(say(f"q{at}"), thread())
    assert [faults(prompt) for prompt in model.prompts] == [[]] * 6
    assert texts(model.prompts[0]) == ["q0"]
    assert system_of(model.prompts[0]) == SYSTEM
    last = model.prompts[-1]
    memory = motorhead.session("t").load()
    assert remembered(memory) == [text for at in range(6) for text in (f"q{at}", f"re q{at}")]
    assert system_of(last) == SYSTEM
    assert str(last[1].content).startswith(SUMMARY_PREFIX)
    folded = "".join(quoted(memory_of(last), "summary")).split("\u241f")
    assert [*folded, *texts(last)] == remembered(memory)[:-1]
    assert folded[0] == "q0"


async def test_the_same_async(amake: MakeMotorhead, checkpointer: Any) -> None:
    """The same for `ainvoke`."""
    motorhead = amake(llm=Ledger(), window=SMALL, compaction="inline")
    agent, model = agent_of(motorhead, tools=[alook], checkpointer=checkpointer)
    for at in range(6):
        await agent.ainvoke(say(f"q{at}"), thread())
    assert [faults(prompt) for prompt in model.prompts] == [[]] * 6
    known = "".join(quoted(memory_of(model.prompts[-1]), "summary")).split("\u241f") + texts(model.prompts[-1])
    assert [*known, "re q5"] == remembered(await motorhead.session("t").aload())
    assert len(known) == 11


def test_parallel_calls(make: MakeMotorhead, checkpointer: Any) -> None:
    """Each call stands with its result in every prompt, and what the run said is stored in its order, once."""
    motorhead = make(llm=Ledger(), window=Window(max_messages=8), compaction="inline")
    agent, model = agent_of(motorhead, checkpointer=checkpointer)
    expected = []
    for at in range(5):
        agent.invoke(say(f"q{at} look 3"), thread())
        saw = [f"saw q{at} look 3/{number}" for number in range(3)]
        expected += [f"q{at} look 3", "", *saw, f"after {saw[-1]}"]
    assert [faults(prompt) for prompt in model.prompts] == [[]] * 10
    assert texts(model.prompts[-1])[-5:] == ["q4 look 3", "<3>", *(f"saw q4 look 3/{at}" for at in range(3))]
    assert remembered(motorhead.session("t").load()) == expected


def test_the_prompt_is_stable_within_a_run(make: MakeMotorhead) -> None:
    """Each prompt of a run begins with the one before it, so that a provider's cache is of use."""
    motorhead = make(llm=Ledger(), window=SMALL, compaction="inline")

    def thrice(messages: Any) -> AIMessage:
        if sum(message.type == "tool" for message in messages) < 3 or messages[-1].type == "human":
            id_ = f"{messages[-1].text}+"
            return AIMessage("", tool_calls=[{"name": "look", "args": {"at": "x"}, "id": id_}])
        return AIMessage("done")

    agent, model = agent_of(motorhead, Model(answer=thrice))
    for at in range(3):
        before = len(model.prompts)
        agent.invoke(say(f"q{at}"), thread())
        run = model.prompts[before:]
        assert len(run) > 1
        for shorter, longer in pairwise(run):
            assert longer[: len(shorter)] == shorter


def test_no_system_prompt(make: MakeMotorhead) -> None:
    """Without a system prompt there is no system message, also where there is something to tell."""
    motorhead = make(llm=Ledger(), window=Window(max_messages=2), compaction="inline")
    agent, model = agent_of(motorhead, system_prompt=None)
    for at in range(3):
        agent.invoke(say(f"q{at}"), thread())
    assert model.prompts[0][0].type == "human"
    assert str(model.prompts[-1][0].content).startswith(SUMMARY_PREFIX)
    assert faults(model.prompts[-1], "") == []


def test_a_system_prompt_of_blocks(make: MakeMotorhead) -> None:
    """Blocks of a system prompt stay as they are, marks for a provider's cache included."""
    block = {"type": "text", "text": SYSTEM, "cache_control": {"type": "ephemeral"}}
    motorhead = make(llm=Ledger(), window=Window(max_messages=2), compaction="inline")
    agent, model = agent_of(motorhead, system_prompt=SystemMessage([block]))
    for at in range(3):
        agent.invoke(say(f"q{at}"), thread())
    content: Any = model.prompts[-1][0].content
    assert content == [block]
    said: Any = model.prompts[-1][1].content
    assert said[0]["text"].startswith(SUMMARY_PREFIX)
    assert said[0]["cache_control"] == block["cache_control"]


def test_a_window_in_tokens(make: MakeMotorhead, checkpointer: Any) -> None:
    """A window that is bounded in tokens bounds the prompt as well."""
    motorhead = make(
        window=Window(max_messages=1_000, max_tokens=40),
        compaction="inline",
        token_counter=lambda given: 10 * len(given),
    )
    agent, model = agent_of(motorhead, checkpointer=checkpointer)
    for at in range(10):
        agent.invoke(say(f"q{at} look 1"), thread())
    assert max(len(prompt) for prompt in model.prompts) < 12
    assert [faults(prompt) for prompt in model.prompts] == [[]] * 20
    assert motorhead.session("t").load().total == 40


def test_a_long_thread_has_bounded_prompts(make: MakeMotorhead, checkpointer: Any) -> None:
    """However long the thread grows, also while nothing is compacted, a prompt is the window, its gap and the run."""
    motorhead = make(
        window=Window(max_messages=6, hard_limit=8), compaction="manual", token_counter=lambda given: 400 * len(given)
    )
    agent, model = agent_of(motorhead, checkpointer=checkpointer)
    for at in range(30):
        agent.invoke(say(f"q{at} look 2"), thread())
    assert max(len(prompt) for prompt in model.prompts) <= 2 + 8 + 3 + 4_000 // 400
    assert [faults(prompt) for prompt in model.prompts] == [[]] * 60
    assert motorhead.session("t").load().total == 150


# Whose session it is --------------------------------------------------------------------------------------------------


@dataclass
class Plain:
    """A context."""

    session_id: str | None = None
    user_id: str | None = None


class Validated(BaseModel):
    """The same."""

    session_id: str | None = None
    user_id: str | None = None


class Typed(TypedDict, total=False):
    """The same."""

    session_id: str
    user_id: str


class Other(BaseModel):
    """A context that says nothing of a session."""

    colour: str = "red"


@pytest.mark.parametrize("schema", [Plain, Validated, Typed])
def test_the_session_is_the_context_s(make: MakeMotorhead, schema: Any, checkpointer: Any) -> None:
    """The ids of a context are taken before those of the config, whatever class it is."""
    motorhead = make()
    agent, _ = agent_of(motorhead, context_schema=schema, checkpointer=checkpointer)
    agent.invoke(say("q"), thread("t", user_id="config"), context=schema(session_id="s", user_id="context"))
    assert motorhead.sessions("context") == ["s"]
    assert contents(motorhead.session("s").load().messages) == ["q", "re q"]
    assert motorhead.session("t").load().total == 0


@pytest.mark.parametrize(("schema", "context"), [(None, None), (Plain, Plain()), (Typed, {}), (Other, Other())])
def test_the_session_is_the_thread_s(make: MakeMotorhead, schema: Any, context: Any) -> None:
    """Without a session in the context it is the thread, with the config's user."""
    motorhead = make()
    agent, _ = agent_of(motorhead, context_schema=schema)
    agent.invoke(say("q"), thread("t", user_id="u"), context=context)
    assert motorhead.sessions("u") == ["t"]
    assert motorhead.session("t").load().total == 2


def test_ids_that_are_no_strings(make: MakeMotorhead) -> None:
    """A number or a UUID names a session too."""
    motorhead, uuid = make(), UUID(int=7)
    agent, _ = agent_of(motorhead)
    for id_ in (7, uuid):
        agent.invoke(say("q"), {"configurable": {"thread_id": id_, "user_id": id_}})
        assert motorhead.session(str(id_), str(id_)).load().total == 2


async def test_no_session_is_an_error(amake: MakeMotorhead) -> None:
    """If there is no session id, the run ends before the model is called, and says what to do."""
    agent, model = agent_of(amake(), context_schema=Plain)
    for config, context in (({}, None), ({"configurable": {"user_id": "u"}}, Plain(user_id="u"))):
        with pytest.raises(InvalidInputError, match=NO_SESSION):
            agent.invoke(say("q"), config, context=context)
        with pytest.raises(InvalidInputError, match=NO_SESSION):
            await agent.ainvoke(say("q"), config, context=context)
    with pytest.raises(InvalidInputError, match="session_id"):
        agent.invoke(say("q"), {}, context=Plain(session_id=""))
    assert model.prompts == []


async def test_another_user_s_session_is_an_error(amake: MakeMotorhead, checkpointer: Any) -> None:
    """Nothing of it is shown to the model, and nothing is stored in it."""
    motorhead = amake()
    await motorhead.session("t", "bob").aappend(HumanMessage("secret"))
    agent, model = agent_of(motorhead, checkpointer=checkpointer)
    for config in (thread("t", user_id="eve"), thread("t", user_id=" ")):
        with pytest.raises(InvalidInputError, match="another user than"):
            agent.invoke(say("q"), config)
        with pytest.raises(InvalidInputError, match="another user than"):
            await agent.ainvoke(say("q"), config)
    assert model.prompts == []
    assert contents((await motorhead.session("t").aload()).messages) == ["secret"]


def test_bad_arguments(make: MakeMotorhead) -> None:
    """What cannot work is refused when the middleware is made."""
    motorhead: Any = make()
    for arguments, match in (
        ({"recall": -1}, "recall"),
        ({"recall": True}, "recall"),
        ({"recall": "3"}, "recall"),
        ({"recall_scope": "all"}, "recall_scope"),
    ):
        with pytest.raises(InvalidInputError, match=match):
            MotorheadMiddleware(motorhead, **arguments)
    with pytest.raises(InvalidInputError, match="must be a Motorhead"):
        MotorheadMiddleware("redis://localhost")  # type: ignore[arg-type]
