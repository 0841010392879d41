"""Reading an answer while a model writes it, so that one that does not end can be stopped. Pure."""

from __future__ import annotations

import zlib
from typing import Any

from langchain_core.messages import AIMessageChunk, BaseMessage

from langchain_motorhead.exceptions import UnusableAnswerError
from langchain_motorhead.sessions.checks.reasons import Reason
from langchain_motorhead.sessions.checks.wording import compact, distinct_ngrams, folded
from langchain_motorhead.summarizers.answers import finish_reason
from langchain_motorhead.summarizers.reasoning import UnclosedReasoningError, without_reasoning

# A token of any language has fewer bytes on average: the provider's own limit is exact, this one is for those without.
_BYTES_PER_TOKEN = 6
_LOOK_CHARS = 160  # between two looks at the text
_TAIL_CHARS = 700  # in which a repetition is looked for
_REPETITIVE = 0.22  # compressed share of a text that repeats itself; of prose of this length, half or more
_LOOP_CHARS = 400  # in which a loop of sentences is looked for
_LOOPING = 0.5  # distinct 3-grams of words; of prose of this length, nearly all
_MAX_THOUGHT_CHARS = 60_000
# Answers that have to end by themselves, without being stopped, before a model is called without a stream.
_ENDED_ANSWERS = 3


class StreamingChoice:
    """Decides whether the next answer of a model is read while the model writes it.

    Only a stream can be stopped. But its pieces, one for each token, cost the libraries of models a quarter of a
    millisecond of CPU each, so that an answer of 300 tokens takes 80 ms instead of 2. So a model is streamed until a
    few answers have ended by themselves. One that says the same over and over, or that does not end without a stream,
    is streamed from then on.

    Args:
        possible: Whether the model streams.
    """

    def __init__(self, *, possible: bool) -> None:
        self._possible = possible
        self._ended = 0
        self._runs_on = False

    @property
    def streams(self) -> bool:
        """Whether the next answer is to be streamed."""
        return self._possible and (self._runs_on or self._ended < _ENDED_ANSWERS)

    def note_stream(self, answer: AnswerStream) -> None:
        """Learn from an answer that was streamed."""
        self._possible = answer.says_its_ending
        self._ended += not answer.is_stopped
        self._runs_on = self._runs_on or answer.repeats

    def note_call(self, answer: Any, max_tokens: int) -> None:
        """Learn from an answer that was not streamed.

        Args:
            answer: The answer.
            max_tokens: Tokens that it may have by the limit that the model was given.
        """
        read = AnswerStream(max_tokens)
        read.add(answer)
        self._runs_on = self._runs_on or read.is_stopped

    def note_timeout(self) -> None:
        """Learn that an answer was given up, since it took too long."""
        self._runs_on = True


class AnswerStream:
    """The chunks of one answer.

    Args:
        max_tokens: Tokens that the answer may have, without the reasoning before it.
    """

    def __init__(self, max_tokens: int) -> None:
        self._limit = max_tokens * _BYTES_PER_TOKEN
        self._chunks: list[BaseMessage] = []
        self._text = ""
        self._looked_at = 0
        self._fault = ""

    def add(self, chunk: Any) -> bool:
        """Take the next chunk. Return whether to read no further: the answer cannot be used any more."""
        if not isinstance(chunk, BaseMessage):
            chunk = AIMessageChunk(content=str(chunk))
        self._chunks.append(chunk)
        self._text += str(chunk.text)
        if len(self._text) - self._looked_at >= _LOOK_CHARS:
            self._looked_at = len(self._text)
            self._fault = self._find_fault()
        return bool(self._fault)

    @property
    def is_empty(self) -> bool:
        """Whether nothing has come yet."""
        return not self._chunks

    @property
    def is_stopped(self) -> bool:
        """Whether the answer cannot be used: it says the same over and over, or passes the limit."""
        return self._fault != ""

    @property
    def repeats(self) -> bool:
        """Whether it was stopped because it says the same over and over."""
        return self._fault.startswith(Reason.REPEATS)

    @property
    def says_its_ending(self) -> bool:
        """Whether the model has said how its answer ended, so that a cut-off one can be recognized."""
        return self.is_stopped or any(finish_reason(chunk) for chunk in self._chunks[-3:])

    def answer(self) -> BaseMessage:
        """Return the whole answer.

        Raises:
            UnusableAnswerError: It was stopped, or there is none.
        """
        if self._fault:
            raise UnusableAnswerError(self._fault)
        if not self._chunks:
            raise UnusableAnswerError(f"{Reason.EMPTY}: it says nothing")
        whole: Any = self._chunks[0]
        for chunk in self._chunks[1:]:
            whole = whole + chunk
        return whole if isinstance(whole, BaseMessage) else self._chunks[-1]

    def _find_fault(self) -> str:
        tail = compact(self._text[-_TAIL_CHARS:])
        recent = self._text[-_LOOP_CHARS:]
        loops = len(recent) == _LOOP_CHARS and distinct_ngrams(folded(recent)) < _LOOPING
        if loops or (len(tail) >= _TAIL_CHARS and len(zlib.compress(tail, 6)) < _REPETITIVE * len(tail)):
            return f"{Reason.REPEATS}: it said the same over and over, and was stopped"
        try:
            size = len(without_reasoning(self._text.strip()).encode("utf-8", "replace"))
        except UnclosedReasoningError:
            size = 0
        if size > self._limit:
            return f"{Reason.TOO_LONG}: it did not end, and was stopped"
        if len(self._text) > _MAX_THOUGHT_CHARS:
            return f"{Reason.CUT_OFF}: it did not end its reasoning, and was stopped"
        return ""
