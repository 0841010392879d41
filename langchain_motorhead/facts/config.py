"""`Facts`: whether and how facts about users are learned."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from langchain_core.runnables import Runnable

from langchain_motorhead.exceptions import InvalidInputError

_LONGEST_SECONDS = 7 * 86_400


@dataclass(frozen=True, slots=True)
class Facts:
    """How facts about users are learned from their sessions, in the background.

    Attributes:
        llm: The model that finds facts: a chat model, or the name of one as `init_chat_model` takes it. None for
            `ExtractiveLearner`, which needs no model.
        learner: A learner instead of a model: what `create_learner` returns, an `ExtractiveLearner`, or a runnable of
            your own that takes a `LearnerInput` and returns a list of `LearnerOperation`.
        every: Seconds, or a timedelta, after which new messages are learned at the latest.
        enough_tokens: Tokens of new messages, about, that are learned at once, without waiting for `every`.
        expire_with_sessions: Whether the facts of a user expire with the last of the sessions that they were learned
            from, if sessions expire. Otherwise facts stay, with their quotes.
        timeout: Seconds after which a call of the learner is given up.

    Raises:
        InvalidInputError: An argument cannot be used.
    """

    llm: object = None
    learner: Runnable[Any, Any] | None = None
    every: float | timedelta = 60.0
    enough_tokens: int = 1_000
    expire_with_sessions: bool = False
    timeout: float = 60.0

    def __repr__(self) -> str:  # of a model the class alone, since a wrapped one may show a key
        if self.learner is not None:
            learns = f"learner={type(self.learner).__name__}"
        else:
            named = self.llm is None or isinstance(self.llm, str)
            learns = f"llm={repr(self.llm) if named else type(self.llm).__name__}"
        return f"{type(self).__name__}({learns}, every={self.every}, enough_tokens={self.enough_tokens})"

    def __post_init__(self) -> None:
        if self.llm is not None and self.learner is not None:
            raise InvalidInputError("give Facts either llm=, a model, or learner=, a learner")
        if self.learner is not None and not isinstance(self.learner, Runnable):
            raise InvalidInputError(
                f"learner must be a runnable, such as create_learner(model), not {type(self.learner).__name__}"
            )
        for name in ("every", "timeout"):
            value = getattr(self, name)
            seconds = value.total_seconds() if isinstance(value, timedelta) else value
            if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 < seconds <= _LONGEST_SECONDS:
                raise InvalidInputError(f"{name} must be a number of seconds above 0, a week at most, not {value!r}")
        if isinstance(self.enough_tokens, bool) or not isinstance(self.enough_tokens, int) or self.enough_tokens < 1:
            raise InvalidInputError(f"enough_tokens must be a whole number above 0, not {self.enough_tokens!r}")

    @property
    def every_seconds(self) -> float:
        """`every` in seconds."""
        return self.every.total_seconds() if isinstance(self.every, timedelta) else float(self.every)
