"""The middleware in long runs: what it shows of results, and the tool that reads them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import pytest
from langchain.agents import create_agent
from langchain.agents.middleware import ModelRetryMiddleware, SummarizationMiddleware
from langchain_core.language_models import FakeListChatModel
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, ToolMessage
from langchain_core.messages.utils import count_tokens_approximately
from langchain_core.tools import tool
from langgraph.checkpoint.memory import InMemorySaver

from langchain_motorhead import InvalidInputError, MotorheadMiddleware, Window
from langchain_motorhead.prompts.counting import PromptCounter
from support.agents import Model, agent_of, faults, look, say, thread
from support.factory import MakeMotorhead
from support.summarizers import Ledger

LIMIT = 20_000
CALLS = 200


@tool
def fetch(at: int) -> str:
    """Fetch a page."""
    return page(at)


def page(at: int) -> str:
    """Give a page of about 2,000 tokens."""
    return f"page {at}\r\n\u00e9\U0001f600 " + f"w{at} " * 1_990


def fetching(count: int, *, fails_at: int | None = None) -> Any:
    """Make a model that fetches so many pages, one after the other, reads three of them again, and fails once."""
    failed: list[int] = []

    def answer(messages: Sequence[BaseMessage]) -> AIMessage:
        done = sum(isinstance(message, ToolMessage) and message.name == "fetch" for message in messages)
        if done == fails_at and not failed:
            failed.append(done)
            raise ConnectionError("the process is gone")
        read = sum(isinstance(message, ToolMessage) and message.name == "read_result" for message in messages)
        if done < count:
            name, args = "fetch", {"at": done}
        elif read < 3:
            keys = re.findall(r'read_result\("(\w+)"', "".join(str(each.content) for each in messages))
            args = [{"id": keys[0]}, {"id": keys[count // 2], "start": 5, "stop": 2_000}, {"id": "nothing"}][read]
            name = "read_result"
        else:
            return AIMessage("done")
        return AIMessage("", tool_calls=[{"name": name, "args": args, "id": f"call-{len(messages)}"}])

    return answer


def own(prompt: Sequence[BaseMessage]) -> list[BaseMessage]:
    """Give the messages of the run in a prompt."""
    start = next(at for at, message in enumerate(prompt) if message.content == "go")
    return list(prompt[start:])


def test_a_run_of_two_hundred_calls_that_was_resumed(make: MakeMotorhead) -> None:
    """Each prompt is within the limit, few change their beginning, and each result can be read, though it crashed."""
    motorhead, saver = make(compaction="manual"), InMemorySaver()
    model = Model(answer=fetching(CALLS, fails_at=CALLS // 2), checks=False)
    config = {**thread(), "recursion_limit": 1_000}

    def agent() -> Any:
        ours = MotorheadMiddleware(motorhead, max_run_tokens=LIMIT)
        return create_agent(model, [fetch], middleware=[ours], checkpointer=saver)

    with pytest.raises(ConnectionError):
        agent().invoke(say("go"), config)
    model.answer = fetching(CALLS)
    out = agent().invoke(None, config)["messages"]
    runs = list(map(own, model.prompts))
    assert max(map(PromptCounter(count_tokens_approximately), runs)) <= LIMIT
    changes = [at for at, (one, other) in enumerate(pairwise(runs)) if other[: len(one)] != one]
    assert len(changes) <= len(runs) // 10
    assert [faults(prompt, "") for prompt in model.prompts[::20]] == [[]] * len(model.prompts[::20])
    # The state and the session keep everything.
    fetched = [message for message in out if message.type == "tool" and message.name == "fetch"]
    assert [message.content for message in fetched] == [page(at) for at in range(CALLS)]
    stored = [each.message for each in motorhead.session("t").transcript() if each.message.type == "tool"]
    assert [message.content for message in stored[:CALLS]] == [page(at) for at in range(CALLS)]
    whole, part, nothing = [message.content for message in out if message.name == "read_result"]
    assert whole == page(0)
    assert part == page(CALLS // 2)[5:2_000]
    assert "no result with the id 'nothing'" in str(nothing)


async def test_the_same_async(amake: MakeMotorhead) -> None:
    """Results are shortened and read in async runs."""
    model = Model(answer=fetching(30))
    ours = MotorheadMiddleware(amake(compaction="manual"), max_run_tokens=4_000)
    agent: Any = create_agent(model, [fetch], middleware=[ours])
    out = (await agent.ainvoke(say("go"), {**thread(), "recursion_limit": 200}))["messages"]
    assert max(count_tokens_approximately(own(prompt)) for prompt in model.prompts) <= 4_000
    assert [message.content for message in out if message.name == "read_result"][:2] == [page(0), page(15)[5:2_000]]


def test_a_result_that_left_the_state(make: MakeMotorhead) -> None:
    """What `SummarizationMiddleware` removes in a run is stored first, and can be read."""
    other = SummarizationMiddleware(
        Model(answer=lambda messages: AIMessage("ITS SUMMARY")), trigger=("messages", 12), keep=("messages", 4)
    )
    motorhead = make(llm=Ledger(), window=Window(max_messages=8), compaction="inline")
    keys: list[str] = []

    def answer(messages: Sequence[BaseMessage]) -> AIMessage:
        keys.extend(re.findall(r'read_result\("(\w+)"', "".join(str(each.content) for each in messages)))
        calls = len(model.prompts)
        if calls <= 20:
            return AIMessage("", tool_calls=[{"name": "fetch", "args": {"at": calls}, "id": f"c{calls}"}])
        if calls == 21:
            return AIMessage("", tool_calls=[{"name": "read_result", "args": {"id": keys[0]}, "id": "r"}])
        return AIMessage("done")

    model = Model(answer=answer)
    ours = MotorheadMiddleware(motorhead, max_run_tokens=4_000)
    agent: Any = create_agent(model, [fetch], middleware=[ours, other], checkpointer=InMemorySaver())
    out = agent.invoke(say("go"), {**thread(), "recursion_limit": 200})["messages"]
    assert out[-2].content == page(1)
    stored = [str(each.message.content) for each in motorhead.session("t").transcript()]
    assert [text for text in stored if text.startswith("page")][:20] == [page(at) for at in range(1, 21)]


@pytest.mark.parametrize("limit", [3_000, 0.3])
def test_a_limit_of_the_whole_prompt(make: MakeMotorhead, limit: float) -> None:
    """Each prompt is within the limit, a number or a fraction of what the model takes, and within one run stable."""
    motorhead = make(llm=Ledger(), window=Window(max_messages=24), compaction="inline")
    model = Model(answer=fetching(4))
    model.profile = {"max_input_tokens": 10_000}
    agent, _ = agent_of(
        motorhead, model, tools=[fetch], middleware=[MotorheadMiddleware(motorhead, max_prompt_tokens=limit)]
    )
    for _ in range(4):
        agent.invoke({"messages": [HumanMessage("go")]}, thread())
        model.answer = fetching(4)
    assert max(map(count_tokens_approximately, model.prompts)) <= 3_000
    assert [faults(prompt) for prompt in model.prompts] == [[]] * len(model.prompts)


def test_bad_limits(make: MakeMotorhead) -> None:
    """A limit that cannot be used is refused; a fraction, where the model does not say what it takes."""
    motorhead = make()
    for options in (
        {"max_run_tokens": 0},
        {"max_run_tokens": 0.5},
        {"max_prompt_tokens": 1.5},
        {"max_prompt_tokens": True},
    ):
        with pytest.raises(InvalidInputError, match=next(iter(options))):
            MotorheadMiddleware(motorhead, **options)
    agent, _ = agent_of(motorhead, middleware=[MotorheadMiddleware(motorhead, max_prompt_tokens=0.5)])
    with pytest.raises(InvalidInputError, match="max_input_tokens"):
        agent.invoke(say("q"), thread())
    assert MotorheadMiddleware(motorhead).tools == []


def test_a_model_without_tools(make: MakeMotorhead) -> None:
    """A model that cannot call tools is refused, with the tools that were added and what to leave out."""
    model = FakeListChatModel(responses=["hi"])
    for options in ({"max_run_tokens": LIMIT}, {"tools": ["list_sessions"]}):
        given: Any = options
        agent: Any = create_agent(model, middleware=[MotorheadMiddleware(make(), **given)])
        with pytest.raises(InvalidInputError, match="FakeListChatModel cannot call tools") as refused:
            agent.invoke(say("hello"), thread("t"))
        assert ("list_sessions" if "tools" in options else "read_result") in str(refused.value)


def test_a_retry_shows_the_same(make: MakeMotorhead) -> None:
    """A call of the model that is repeated is shown the same prompt."""
    motorhead = make(compaction="manual")
    model = Model(answer=fetching(20, fails_at=17))
    retry = ModelRetryMiddleware(max_retries=1, initial_delay=0, jitter=False)
    ours = MotorheadMiddleware(motorhead, max_run_tokens=4_000)
    agent: Any = create_agent(model, [fetch, look], middleware=[retry, ours])
    agent.invoke(say("go"), {**thread(), "recursion_limit": 200})
    assert model.prompts[17] == model.prompts[18]
