"""Token counting: by tiktoken if its encoding can be loaded, else approximately."""

from __future__ import annotations

import logging
import math
import threading
from collections.abc import Callable, Sequence
from functools import lru_cache
from numbers import Real
from typing import Any

from langchain_core.messages import BaseMessage

from langchain_motorhead.concurrency.forks import ForkSafeLock
from langchain_motorhead.concurrency.threads import run_in_thread
from langchain_motorhead.messages.approximate_tokens import approximate_tokens
from langchain_motorhead.messages.media import TokenCounter, media_tokens
from langchain_motorhead.messages.text import message_text, text_runs, without_surrogates

__all__ = ["TiktokenCounter", "TokenCounter", "aprepare", "count_tokens", "prepare"]

logger = logging.getLogger(__name__)

_MAX_COUNT = 2**53
"""Largest count: Redis' scripts compute with floats."""

# Tokens that a chat format adds to each message, for its role and its end.
_TOKENS_PER_MESSAGE = 3
_CHARACTERS_PER_TOKEN = 4
_REMEMBERED_TEXTS, _REMEMBERED_CHARACTERS = 1_024, 2_000


class TiktokenCounter:
    """Counts tokens with tiktoken, or approximately if its encoding cannot be loaded.

    Tiktoken downloads an encoding when it is first used. The first count tries that once, for `wait` seconds at most.
    If it fails, the process counts approximately from then on and logs that once, so that all counts stay comparable.
    An image, a recording or a file counts 300 tokens, whatever its size.

    Args:
        encoding: Name of a tiktoken encoding.
        wait: Seconds to wait for the encoding before counting approximately.

    Example:
        ```python
        TiktokenCounter()([HumanMessage("How far is the moon?")])
        ```
    """

    def __init__(self, encoding: str = "o200k_base", *, wait: float = 3.0) -> None:
        self.encoding = encoding
        self._wait = wait
        self._lock = ForkSafeLock()
        self._count: TokenCounter | None = None

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.encoding!r})"

    @property
    def ready(self) -> bool:
        """Whether counting will start at once, without loading the encoding first."""
        return self._count is not None

    def prepare(self) -> None:
        """Load the encoding. Blocks for `wait` seconds at most, so never call it on an event loop."""
        with self._lock:
            if self._count is None:
                self._count = self._choose()

    def __call__(self, messages: Sequence[BaseMessage]) -> int:
        """Return the number of tokens of messages."""
        if self._count is None:
            self.prepare()
        count = self._count
        return count(messages) if count else 0

    def _choose(self) -> TokenCounter:
        loaded: list[Any] = []
        errors: list[Exception] = []

        def load() -> None:
            try:
                import tiktoken

                loaded.append(tiktoken.get_encoding(self.encoding))
            except Exception as error:  # noqa: BLE001 - a failed download must not reach the user
                errors.append(error)

        thread = threading.Thread(target=load, name="motorhead-tiktoken", daemon=True)
        try:
            thread.start()
        except RuntimeError as error:  # the process has as many threads as it may have, or is ending
            errors.append(error)
        else:
            thread.join(self._wait)
        if loaded:
            encode = loaded[0].encode_ordinary
            return _counter(lambda text: sum(len(encode(run)) for run in text_runs(text)))
        logger.info(
            "tiktoken's encoding %s could not be loaded (%s); tokens are counted approximately",
            self.encoding,
            errors[0].__class__.__name__ if errors else f"no answer in {self._wait:g} s",
        )
        return _counter(approximate_tokens)


def _counter(length: Callable[[str], int]) -> TokenCounter:
    """Return a counter of messages, made of a function that returns the number of tokens of a text.

    A compaction counts a message several times: for its plan, and for each request to the model. So the counter
    remembers texts of usual length for a while.
    """
    remembered = lru_cache(_REMEMBERED_TEXTS)(length)

    def count(messages: Sequence[BaseMessage]) -> int:
        total = 0
        for message in messages:
            text = without_surrogates(message_text(message))
            tokens = remembered(text) if len(text) <= _REMEMBERED_CHARACTERS else length(text)
            total += _TOKENS_PER_MESSAGE + tokens + media_tokens(message)
        return total

    return count


def whole_count(value: object) -> int | None:
    """Return a count that other code has made as a whole number from 0, or None if it cannot be one.

    Args:
        value: A number of any kind. A fraction is rounded, since `len(text) / 4` is a common way to count.
    """
    if isinstance(value, bool) or not isinstance(value, Real):
        return None
    number = float(value)
    return max(0, round(number)) if math.isfinite(number) and number <= _MAX_COUNT else None


def prepare(count: object) -> None:
    """Load what a counter needs, if it is one that loads anything. Blocks, so never call it on an event loop.

    Args:
        count: A counter of tokens.
    """
    if not getattr(count, "ready", True):
        count.prepare()  # type: ignore[attr-defined]


async def aprepare(count: object) -> None:
    """Load what a counter needs, outside of the event loop. See `prepare`."""
    if not getattr(count, "ready", True):
        await run_in_thread(lambda: prepare(count))


class CheckedCounter:
    """A token counter that always returns a whole number, whatever the counter of a user does.

    Where that one raises an error or returns no number, a token is counted for every four characters, and a warning is
    logged once.

    Args:
        count: The counter of a user.
    """

    def __init__(self, count: Callable[[Sequence[BaseMessage]], object]) -> None:
        self._count = count
        self._warned = False

    @property
    def ready(self) -> bool:
        """Whether counting will start at once."""
        return bool(getattr(self._count, "ready", True))

    def prepare(self) -> None:
        """Prepare the counter, if it needs that."""
        prepare(self._count)

    def __call__(self, messages: Sequence[BaseMessage]) -> int:
        """Return the number of tokens of messages."""
        try:
            value: object = self._count(messages)
            counted = whole_count(value)
            problem = f"it returned {value!r:.40}"
        except Exception as error:  # noqa: BLE001 - one message must not block its session
            counted, problem = None, f"it raised {type(error).__name__}"
        if counted is not None:
            return counted
        if not self._warned:
            self._warned = True
            logger.warning("the token counter failed (%s); tokens are estimated where it does", problem)
        return sum(
            _TOKENS_PER_MESSAGE + len(message_text(message)) // _CHARACTERS_PER_TOKEN + media_tokens(message)
            for message in messages
        )


count_tokens = TiktokenCounter()
"""The default counter. One for the whole process, so that its encoding is loaded once."""
