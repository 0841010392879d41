"""The LLM summarizer: a runnable that asks a language model to extend a summary by new messages."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator, Sequence
from contextlib import aclosing, closing
from typing import Any, NamedTuple, TypeAlias, TypeVar, cast

from langchain_core.callbacks import AsyncCallbackManagerForChainRun, CallbackManagerForChainRun
from langchain_core.messages import BaseMessage, ChatMessage, HumanMessage
from langchain_core.runnables import Runnable, RunnableConfig

from langchain_motorhead.flows.protocol import SummaryInput
from langchain_motorhead.messages.tokens import TokenCounter, aprepare
from langchain_motorhead.models.summarizer_client import model_below
from langchain_motorhead.sessions.compaction.window import chunk
from langchain_motorhead.summarizers.answers import ended_in_thought, summary_of
from langchain_motorhead.summarizers.extending import Task, extended, task_of
from langchain_motorhead.summarizers.output_limit import limited, streams, thinks
from langchain_motorhead.summarizers.prompting import (
    build_prompt,
)
from langchain_motorhead.summarizers.streaming import AnswerStream, StreamingChoice

# A model that reasons before it answers is given so many times the tokens, and up to the last of these at once more.
_ROOM_FOR_THOUGHT = (1, 8, 32)

T = TypeVar("T")


class Question(NamedTuple):
    """What a model is asked.

    Attributes:
        prompt: The messages.
        limit: Tokens that the answer may have.
    """

    prompt: list[BaseMessage]
    limit: int


SummarySteps: TypeAlias = Generator[Question, Any, T]
"""A generator that yields questions and receives the model's answers."""


class Summarizer(Runnable[SummaryInput, str]):
    """Extends a summary by new messages by asking a model. `create_summarizer` (`creating.py`) builds it.

    The model is asked for what the messages add, which follows the previous summary after a blank line. Only a summary
    that has no room left is written anew, shorter. With a prompt of your own, it is written anew each time.

    Attributes:
        model: The model.
        max_input_tokens: Largest number of tokens of summary and messages in one call.
        max_output_tokens: Largest number of tokens of a summary.
        count: Counts the tokens of messages.
    """

    def __init__(
        self,
        model: Runnable[Any, Any],
        prompt: str,
        max_input_tokens: int,
        max_output_tokens: int,
        count: TokenCounter,
        *,
        extends: bool,
    ) -> None:
        self.model = model
        self.max_input_tokens = max_input_tokens
        self.max_output_tokens = max_output_tokens
        self._prompt = prompt
        self._extends = extends
        self.count = count
        self._room = 1 if thinks(model_below(model)) else 0
        self._asked = self._limited()
        self._streaming = StreamingChoice(possible=streams(model))

    def __repr__(self) -> str:  # of the model the class alone, since a wrapped one may show a key
        model = type(model_below(self.model) or self.model).__name__
        return f"{type(self).__name__}({model}, max_output_tokens={self.max_output_tokens})"

    def note_timeout(self) -> None:
        """Learn that a call was given up, since it exceeded its time limit: later answers are streamed."""
        self._streaming.note_timeout()

    def invoke(self, input: SummaryInput, config: RunnableConfig | None = None, **kwargs: Any) -> str:  # noqa: A002
        """Return a summary that also covers the new messages.

        Args:
            input: The previous summary, and the messages that it does not cover.
            config: Configuration of the run.
            **kwargs: Passed to the model.

        Returns:
            The new summary, or the previous one if the model adds nothing, or `NONE` if there is neither.

        Raises:
            UnusableAnswerError: The model refused, was cut off, repeated itself, or returned no text.
        """

        def run(given: SummaryInput, run_manager: CallbackManagerForChainRun, config: RunnableConfig) -> str:  # noqa: ARG001
            steps = self._steps(given)
            asked, summary = _advance(steps, None)
            while asked is not None:
                asked, summary = _advance(steps, self._answer(*asked, config, kwargs))
            return summary

        return self._call_with_config(run, input, config)

    async def ainvoke(self, input: SummaryInput, config: RunnableConfig | None = None, **kwargs: Any) -> str:  # noqa: A002
        """Return a summary that also covers the new messages. See `invoke`."""

        async def run(
            given: SummaryInput,
            run_manager: AsyncCallbackManagerForChainRun,  # noqa: ARG001
            config: RunnableConfig,
        ) -> str:
            await aprepare(self.count)
            steps = self._steps(given)
            asked, summary = _advance(steps, None)
            while asked is not None:
                asked, summary = _advance(steps, await self._aanswer(*asked, config, kwargs))
            return summary

        return await self._acall_with_config(run, input, config)

    def _answer(self, prompt: list[BaseMessage], limit: int, config: RunnableConfig, kwargs: dict[str, Any]) -> Any:
        if not self._streaming.streams:
            return self._whole(self._asked.invoke(prompt, config, **kwargs))
        answer = AnswerStream(limit)
        try:
            with closing(cast("Generator[Any]", self._asked.stream(prompt, config, **kwargs))) as chunks:
                any(map(answer.add, chunks))  # until one says to stop
        except ValueError:  # langchain-core's error for a stream without chunks: the server does not stream
            if not answer.is_empty:
                raise
        self._streaming.note_stream(answer)
        return self._asked.invoke(prompt, config, **kwargs) if answer.is_empty else answer.answer()

    async def _aanswer(
        self, prompt: list[BaseMessage], limit: int, config: RunnableConfig, kwargs: dict[str, Any]
    ) -> Any:
        if not self._streaming.streams:
            return self._whole(await self._asked.ainvoke(prompt, config, **kwargs))
        answer = AnswerStream(limit)
        try:
            async with aclosing(cast("AsyncGenerator[Any]", self._asked.astream(prompt, config, **kwargs))) as chunks:
                async for chunk in chunks:
                    if answer.add(chunk):
                        break
        except ValueError:
            if not answer.is_empty:
                raise
        self._streaming.note_stream(answer)
        return await self._asked.ainvoke(prompt, config, **kwargs) if answer.is_empty else answer.answer()

    def _whole(self, answer: Any) -> Any:
        """Return an answer that was not streamed. The next ones are streamed if it ran on."""
        self._streaming.note_call(answer, self._given_limit)
        return answer

    def _limit(self, given: SummaryInput) -> int:
        return min(self.max_output_tokens, given.get("max_tokens", self.max_output_tokens))

    @property
    def _given_limit(self) -> int:
        """The limit of output tokens that the model is given."""
        return self.max_output_tokens * _ROOM_FOR_THOUGHT[self._room]

    def _limited(self) -> Runnable[Any, Any]:
        return limited(self.model, self._given_limit)

    def _steps(self, given: SummaryInput) -> SummarySteps[str]:
        """Ask the model once for each group of messages that fits beside the summary, and return the summary."""
        summary: str | None = given["summary"] or None
        messages = list(given["messages"])
        limit, condensed = self._limit(given), False
        while messages:
            if summary is not None and not condensed and self._size(summary) > self.max_input_tokens // 2:
                # A long summary leaves no room for messages, so it is shortened, once, since that may fail.
                shorter, pieces, condensed = (
                    None,
                    list[BaseMessage]([ChatMessage(content=summary, role="Summary")]),
                    True,
                )
                while pieces:
                    shorter, pieces = yield from self._merge_group(shorter, pieces, limit, anew=True)
                summary = shorter or summary
            summary, messages = yield from self._merge_group(summary, messages, limit, given.get("correction", ()))
        return summary or given["summary"] or "NONE"

    def _merge_group(
        self,
        summary: str | None,
        messages: Sequence[BaseMessage],
        limit: int,
        correction: Sequence[BaseMessage] = (),
        *,
        anew: bool = False,
    ) -> SummarySteps[tuple[str | None, list[BaseMessage]]]:
        """Ask the model once, for as many messages as fit. Return the summary and the messages not covered yet."""
        room = max(self.max_input_tokens - self._size(summary or ""), self.max_input_tokens // 4)
        group, *rest = chunk(messages, room, self.count)
        task = Task(self._prompt, limit)
        if summary is not None and self._extends and not anew:
            task = task_of(limit, limit - self._size(summary), self.max_output_tokens)
        asked = build_prompt(task.instruction, summary, group, "Addition:" if task.extends else "New summary:")
        question = Question([*asked, *(() if rest else correction)], task.limit)
        answer = yield question
        while ended_in_thought(answer) and self._room < len(_ROOM_FOR_THOUGHT) - 1:
            self._room += 1  # for all later answers, too
            self._asked = self._limited()
            answer = yield question
        found = summary_of(answer)
        if found is not None and task.extends and summary is not None:
            found = extended(summary, found)
        return summary if found is None else found, [message for later in rest for message in later]

    def _size(self, text: str) -> int:
        return self.count([HumanMessage(text)])


def _advance(steps: SummarySteps[str], answer: Any) -> tuple[Question | None, str]:
    """Send an answer to the steps. Return the next question, or None and the summary when they end."""
    try:
        return steps.send(answer), ""
    except StopIteration as end:
        return None, end.value
