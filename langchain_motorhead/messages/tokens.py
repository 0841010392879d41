"""Token counting: by tiktoken if its encoding can be loaded, else approximately."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from typing import Any

from langchain_core.messages import BaseMessage

from langchain_motorhead.forks import ForkSafeLock
from langchain_motorhead.messages.approximate_tokens import approximate_tokens
from langchain_motorhead.messages.media import TokenCounter, media_tokens
from langchain_motorhead.messages.text import message_text, text_runs, without_surrogates

__all__ = ["TiktokenCounter", "TokenCounter", "count_tokens"]

logger = logging.getLogger(__name__)

# Tokens that a chat format adds to each message, for its role and its end.
_TOKENS_PER_MESSAGE = 3


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
    """Return a counter of messages, made of a function that returns the number of tokens of a text."""

    def count(messages: Sequence[BaseMessage]) -> int:
        total = 0
        for message in messages:
            total += _TOKENS_PER_MESSAGE + length(without_surrogates(message_text(message))) + media_tokens(message)
        return total

    return count


count_tokens = TiktokenCounter()
"""The default counter. One for the whole process, so that its encoding is loaded once."""
