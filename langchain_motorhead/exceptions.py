"""The exceptions of this package: every error that it raises on purpose.

```text
MotorheadError
├── InvalidInputError            an argument cannot be used; also a ValueError
│   ├── UnknownMessageError      a session never had a message
│   └── InvalidMessageError      a message cannot be stored
│       └── IdConflictError      its id is that of another message
│   └── UnknownFactError         there is no fact with this id
├── ClosedError                  the Motorhead was closed
├── MissingExtraError            an optional dependency is not installed; also an ImportError
├── StoreError                   Redis, or the server, refused a request
│   ├── StoreUnavailableError    it could not be reached, or did not answer in time
│   ├── StoreFullError           Redis has no room for what was to be written
│   ├── WrongKeyTypeError        a key of a session holds a value of another program
│   ├── SearchUnavailableError   this Redis has no search module that recall can use
│   ├── IndexMissingError        an index that recall needs was dropped
│   ├── SessionReplacedError     a session was deleted while it was read page by page
│   └── UnsupportedError         the server cannot do this
├── SummarizationError           the summarizer failed; no message was removed
│   └── UnusableAnswerError      its model's answer is no summary
├── LearningError                the learner failed; its messages are learned later
│   └── UnusableOperationsError  its model's answer is no list of operations
├── EmbeddingError               the embedding model failed; messages are found by words
├── RecallNotConfiguredError     recall needs an embedding model, and there is none
├── EmbeddingMismatchError       the index was made with another embedding model, or with other settings
└── EmbeddedRedisError           the embedded Redis server could not be started
```

An error of this package that was caused by an error of a library has that error as its `__cause__`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Self

    from pydantic import ValidationError


class MotorheadError(Exception):
    """Base class of all errors of this package."""


class InvalidInputError(MotorheadError, ValueError):
    """An argument cannot be used. The message says what to give instead."""

    @classmethod
    def unknown_name(cls, kind: str, name: str, known: Iterable[str]) -> Self:
        """Build the error for a name that does not exist. Its message names the most similar one that does.

        Args:
            kind: What the name should be the name of, such as `"option"`.
            name: The name that was given.
            known: The names that exist.
        """
        return cls(f"there is no {kind} {name!r}{_suggestion(name, known)}")

    @classmethod
    def from_validation(cls, what: str, error: ValidationError, known: Iterable[str]) -> Self:
        """Build the error for arguments that pydantic refused. Its message does not repeat their values.

        Args:
            what: What could not be built, such as `"MotorheadMemory"`.
            error: The error of pydantic.
            known: The names of the arguments that exist.
        """
        known, problems = list(known), []
        for found in error.errors():
            name = ".".join(map(str, found["loc"]))
            if found["type"] == "extra_forbidden":
                problems.append(f"there is no option {name!r}{_suggestion(name, known)}")
            else:
                problems.append(f"{name}: {found['msg']}")
        return cls(f"{what} cannot be made: {'; '.join(problems)}")


class UnknownMessageError(InvalidInputError):
    """A session never had a message that is to be forgotten or edited. Nothing was changed."""


class InvalidMessageError(InvalidInputError):
    """A message cannot be stored. No message of the same call was stored."""


class IdConflictError(InvalidMessageError):
    """A message has the id of another message of the session. No message of the same call was stored.

    Attributes:
        positions: Positions of such messages among those that were given, from 0.
    """

    def __init__(self, message: str, positions: Sequence[int] = ()) -> None:
        super().__init__(message)
        self.positions = tuple(positions)


class UnknownFactError(InvalidInputError):
    """The user has no current fact with this id."""


class ClosedError(MotorheadError):
    """The `Motorhead` was closed, so it can no longer be used. Make another one."""


class MissingExtraError(MotorheadError, ImportError):
    """An optional dependency is not installed; the message names the extra that has it."""


class StoreError(MotorheadError):
    """Redis refused a command, or a server refused a request."""


class StoreUnavailableError(StoreError):
    """Redis, or a server, could not be reached, or did not answer in time."""


class StoreFullError(StoreError):
    """Redis has reached its `maxmemory`, and refused a write. Nothing was written."""


class WrongKeyTypeError(StoreError):
    """A key of a session exists, but its value was written by another program."""


class SearchUnavailableError(StoreError):
    """This Redis has no search module that recall can use. Messages and summaries need none."""


class IndexMissingError(StoreError):
    """The search index does not exist. Recall makes it again when it next needs it."""


class SessionReplacedError(StoreError):
    """A session was deleted, and perhaps created again, while it was read page by page. Read it again."""


class UnsupportedError(StoreError):
    """The server at the URL cannot do this. Nothing was changed."""


class SummarizationError(MotorheadError):
    """The summarizer raised an error, took too long, or returned nothing. No message was removed."""


class UnusableAnswerError(SummarizationError):
    """A model's answer is no summary: it refused, was cut off, repeats itself, or says nothing.

    Raised by a summarizer that `create_summarizer` made. In a session such an answer is asked for once more; then an
    extract of the messages takes its place.

    Attributes:
        reason: Why, as in `"refused: …"`. The part before the colon is the same for all errors of a kind.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(f"the model's answer cannot be used: {reason}")
        self.reason = reason


class LearningError(MotorheadError):
    """The learner of facts raised an error or took too long. Nothing was stored, and its messages are learned later."""


class UnusableOperationsError(LearningError):
    """A model's answer is no list of operations: it refused, was cut off, or wrote something else.

    Raised by a learner that `create_learner` made, after it has asked its model to repair the answer. In a session,
    `ExtractiveLearner` then learns these messages.

    Attributes:
        reason: Why, as in `"refused: …"`. The part before the colon is the same for all errors of a kind.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(f"the model's answer cannot be used: {reason}")
        self.reason = reason


class EmbeddingError(MotorheadError):
    """The embedding model raised an error, took too long, or did not return vectors. It is tried again by itself."""


class RecallNotConfiguredError(MotorheadError):
    """Recall needs an embedding model, and there is none. Give `embeddings=`."""


class EmbeddingMismatchError(MotorheadError):
    """The index was made with another embedding model, or with other settings. `Motorhead.reindex` makes it anew."""


class EmbeddedRedisError(MotorheadError):
    """The embedded Redis server could not be started."""


def _suggestion(name: str, known: Iterable[str]) -> str:
    from difflib import get_close_matches

    closest = get_close_matches(name, known, n=1)
    return f". Did you mean {closest[0]!r}?" if closest else ""
