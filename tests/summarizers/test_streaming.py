"""Answers have an end: the limit is passed to the model, and one that runs on is stopped."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import pytest
from langchain_core.language_models import BaseChatModel, FakeListLLM
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage, HumanMessage
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langchain_openai import ChatOpenAI
from pydantic import Field

from langchain_motorhead.exceptions import UnusableAnswerError
from langchain_motorhead.models.usage import UsageHandler
from langchain_motorhead.summarizers.creating import create_summarizer
from langchain_motorhead.summarizers.output_limit import limited, streams
from support.scripted_models import Fold, Scripted

PROSE = "Bob flies from Oslo to Bergen on 14 May, stays at the Radisson, and pays 420 crowns by card."
LONG = [HumanMessage(f"Line {at} of a long conversation about many different things and places.") for at in range(40)]


class Streaming(BaseChatModel):
    """Streams pieces of text, and keeps what it was allowed to write and how many pieces were read."""

    pieces: list[str] = Field(default_factory=list)
    repeats: int = 1
    max_tokens: int | None = None
    ending: str = "stop"
    limits: list[int | None] = Field(default_factory=list)
    read: list[int] = Field(default_factory=list)
    called: list[str] = Field(default_factory=list)

    @property
    def _llm_type(self) -> str:
        return "streaming"

    def _stream(self, messages: list[BaseMessage], *args: Any, **kwargs: Any) -> Iterator[ChatGenerationChunk]:
        self.called.append("stream")
        self.limits.append(self.max_tokens)
        self.read.append(0)
        for piece in self.pieces * self.repeats:
            self.read[-1] += 1
            yield ChatGenerationChunk(message=AIMessageChunk(content=piece))
        if self.ending:
            yield ChatGenerationChunk(
                message=AIMessageChunk(content="", response_metadata={"finish_reason": self.ending})
            )

    def _generate(self, messages: list[BaseMessage], *args: Any, **kwargs: Any) -> ChatResult:
        self.called.append("generate")
        self.limits.append(self.max_tokens)
        return ChatResult(generations=[ChatGeneration(message=AIMessage("".join(self.pieces)))])

    async def _agenerate(self, messages: list[BaseMessage], *args: Any, **kwargs: Any) -> ChatResult:
        return self._generate(messages)


def words_of(text: str) -> list[str]:
    """Split a text into pieces that a model may stream."""
    return [f"{word} " for word in text.split()]


async def test_an_answer_is_streamed(fold: Fold) -> None:
    """A model that streams is read as it writes, and its whole answer is the summary."""
    model = Streaming(pieces=words_of(PROSE))
    assert await fold(create_summarizer(model), LONG) == PROSE
    assert (model.called, model.limits) == (["stream"], [512])


async def test_a_model_that_ends_by_itself_is_called(fold: Fold) -> None:
    """After three answers that ended by themselves, answers are not streamed, until one runs on or takes too long."""
    model = Streaming(pieces=words_of(PROSE))
    summarizer = create_summarizer(model)
    for _ in range(5):
        assert (await fold(summarizer, LONG)).strip() == PROSE
    assert model.called == ["stream"] * 3 + ["generate"] * 2
    summarizer.note_timeout()
    await fold(summarizer, LONG)
    assert model.called[5:] == ["stream"]

    model = Streaming(pieces=words_of(PROSE))
    summarizer = create_summarizer(model)
    for _ in range(3):
        await fold(summarizer, LONG)
    model.pieces[:] = words_of("The AI has now finished the summary.") * 50
    for _ in range(2):
        with contextlib.suppress(UnusableAnswerError):
            await fold(summarizer, LONG)
    assert model.called == ["stream"] * 3 + ["generate", "stream"]


async def test_a_model_that_had_to_be_stopped_stays_streamed(fold: Fold) -> None:
    """One that repeats itself once is streamed for ever; one that only exceeds the limit of a request is not."""
    looping, long = Streaming(pieces=words_of(PROSE)), Streaming(pieces=words_of(PROSE))
    one, other = create_summarizer(looping), create_summarizer(long)
    looping.pieces[:] = words_of("The AI has now finished the summary.") * 50
    with pytest.raises(UnusableAnswerError, match="repeats itself"):
        await fold(one, LONG)
    long.pieces[:] = [f"word{at * 7919 % 10_007} " for at in range(200)]
    with pytest.raises(UnusableAnswerError, match="too long"):
        other.invoke({"summary": None, "messages": LONG, "max_tokens": 32})
    for model in (looping, long):
        model.pieces[:] = words_of(PROSE)
    for _ in range(4):
        await fold(one, LONG)
        await fold(other, LONG)
    assert looping.called == ["stream"] * 5
    assert long.called == ["stream"] * 4 + ["generate"]


async def test_a_model_that_repeats_itself_is_stopped(fold: Fold) -> None:
    """After some hundred characters, not after the limit, and what it wrote until then is counted."""
    model, usage = Streaming(pieces=words_of("The AI has now finished the summary."), repeats=10_000), UsageHandler()
    with pytest.raises(UnusableAnswerError, match="repeats itself"):
        await fold(create_summarizer(model), LONG, config={"callbacks": [usage]})
    assert model.read[0] < 120
    assert usage.tokens > 500


async def test_a_model_that_goes_on_is_stopped(fold: Fold) -> None:
    """The answer of a model that ignores its limit is stopped soon after the limit."""
    model = Streaming(pieces=[f"word{at * 7919 % 10_007} " for at in range(20_000)])
    with pytest.raises(UnusableAnswerError, match="too long"):
        await fold(create_summarizer(model, max_output_tokens=64), LONG)
    assert model.read[0] < 200


async def test_the_limit_of_a_request_counts(fold: Fold) -> None:
    """Where a summary has to be shorter than the limit, the answer is stopped earlier."""
    model = Streaming(pieces=[f"word{at * 7919 % 10_007} " for at in range(20_000)])
    summarizer = create_summarizer(model)
    with pytest.raises(UnusableAnswerError, match="too long"):
        summarizer.invoke({"summary": None, "messages": LONG, "max_tokens": 32})
    assert model.read[0] < 100


async def test_reasoning_does_not_count(fold: Fold) -> None:
    """A thought may be longer than the limit of the answer."""
    thought = [f"idea{at * 7919 % 10_007} " for at in range(600)]
    model = Streaming(pieces=["<think>", *thought, "</think>", *words_of(PROSE)])
    assert await fold(create_summarizer(model, max_output_tokens=64), LONG) == PROSE


async def test_a_model_that_is_cut_off_in_its_thought_gets_more_room(fold: Fold) -> None:
    """It is asked again with a higher limit, and the summarizer remembers that."""
    model = Streaming(pieces=["<think>", "Let me see, "], ending="length")
    summarizer = create_summarizer(model, max_output_tokens=100)
    with pytest.raises(UnusableAnswerError, match="cut off"):
        await fold(summarizer, LONG)
    assert model.limits == [100, 800, 3_200]
    model.limits.clear()
    with pytest.raises(UnusableAnswerError):
        await fold(summarizer, LONG)
    assert model.limits == [3_200]


async def test_a_stream_that_does_not_say_how_it_ended(fold: Fold) -> None:
    """Such a model is streamed once, and called from then on, since a cut-off answer could not be recognized."""
    model = Streaming(pieces=words_of(PROSE), ending="")
    summarizer = create_summarizer(model)
    for _ in range(2):
        assert (await fold(summarizer, LONG)).strip() == PROSE
    assert model.called == ["stream", "generate"]


async def test_a_server_that_does_not_stream(fold: Fold) -> None:
    """A stream without anything in it is no answer: the model is called instead."""
    model = Streaming(pieces=[], ending="")
    model.pieces = []
    with pytest.raises(UnusableAnswerError, match="empty"):
        await fold(create_summarizer(model), LONG)
    assert model.called == ["stream", "generate"]


def test_the_limit_reaches_wrapped_models() -> None:
    """Of bindings, retries, fallbacks and sequences, the model within is limited; the user's own objects stay."""
    model, other = Streaming(), Streaming()
    bound = model.bind(stop=["x"])
    for runnable in (model, bound, model.with_retry(), model.with_fallbacks([other]), model | str):
        limited(runnable, 7).invoke("x")
        assert model.limits.pop() == 7
        assert model.max_tokens is None
    assert limited(other, 7).model_copy().max_tokens == 7  # type: ignore[attr-defined]


def test_a_lower_limit_stays() -> None:
    """What a user has set lower is not raised, and what is bound is not changed."""
    assert limited(Streaming(max_tokens=5), 7).max_tokens == 5  # type: ignore[attr-defined]
    assert limited(Streaming(max_tokens=50), 7).max_tokens == 7  # type: ignore[attr-defined]
    bound = Streaming().bind(max_tokens=9)
    assert limited(bound, 7) is bound
    plain = FakeListLLM(responses=["x"])
    assert limited(plain, 7) is plain


def test_openai_is_sent_its_own_name_for_it() -> None:
    """The request of OpenAI's client has the limit under the name that the API uses today."""
    model = ChatOpenAI(model="gpt-4o-mini", api_key="k")
    payload = limited(model, 7)._get_request_payload([("human", "x")])  # type: ignore[attr-defined]
    assert payload["max_completion_tokens"] == 7


def test_what_is_not_streamed() -> None:
    """A model without a stream, one that tries again, and a sequence are called: a stream would skip what they do."""
    model = Streaming()
    assert streams(model)
    assert streams(model.bind(stop=["x"]))
    for runnable in (Scripted(), model.with_retry(), model | str, Streaming(disable_streaming=True)):
        assert not streams(runnable)


def test_words_of_the_prompt_follow_the_limit() -> None:
    """A model that may write little is asked for little."""
    model = Scripted()
    create_summarizer(model, max_output_tokens=100).invoke({"summary": None, "messages": LONG[:1]})
    assert "at most some 60 words" in model.prompts[0]
