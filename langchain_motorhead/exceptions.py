"""Every error this package raises on purpose, and nothing else.

```text
MotorheadError
├── InvalidInputError            also a ValueError: an argument cannot be used
│   └── InvalidMessageError      a message cannot be stored as it is
├── ClosedError                  the handle was closed
├── MissingExtraError            also an ImportError: an optional dependency is not installed
├── StoreError                   Redis answered, but not with what was asked for
│   ├── StoreUnavailableError    Redis could not be reached, or did not answer in time
│   ├── WrongKeyTypeError        a key of ours holds something else
│   ├── SearchUnavailableError   this Redis has no search module
│   ├── IndexMissingError        an index that recall needs was dropped
│   └── UnsupportedError         the server at a URL cannot do this
├── SummarizationError           the summarizer failed; no message was removed
├── EmbeddingError               the embedding model failed; no message was removed
├── RecallNotConfiguredError     recall was asked for, and there are no embeddings
├── EmbeddingMismatchError       the index was made with another embedding model, or otherwise
└── EmbeddedRedisError           no server could be started from the wheels
```

An error that stems from a library keeps that library's error as its `__cause__`.
"""


class MotorheadError(Exception):
    """Base of all errors of this package."""


class InvalidInputError(MotorheadError, ValueError):
    """An argument cannot be used; the message says what to give instead."""


class InvalidMessageError(InvalidInputError):
    """A message cannot be stored as it is; none of its call was stored."""


class ClosedError(MotorheadError):
    """The handle was closed. Make another one."""


class MissingExtraError(MotorheadError, ImportError):
    """An optional dependency is not installed; the message names the extra that has it."""


class StoreError(MotorheadError):
    """Redis refused a command, or a server a request."""


class StoreUnavailableError(StoreError):
    """Redis, or a server, could not be reached, or did not answer in time."""


class WrongKeyTypeError(StoreError):
    """A key of a session exists already and is not of this package."""


class SearchUnavailableError(StoreError):
    """This Redis has no search module, which recall needs, and nothing else."""


class IndexMissingError(StoreError):
    """The index is not there. Recall makes it when it is next needed."""


class UnsupportedError(StoreError):
    """What is at the URL cannot do this. Nothing was done."""


class SummarizationError(MotorheadError):
    """The summarizer raised, took too long, or answered nothing. No message was removed."""


class EmbeddingError(MotorheadError):
    """The embedding model raised, took too long, or gave something else than vectors. No message was removed."""


class RecallNotConfiguredError(MotorheadError):
    """Recall was asked for without an embedding model."""


class EmbeddingMismatchError(MotorheadError):
    """The index was made with another embedding model, or in another way. `Motorhead.reindex` makes it anew."""


class EmbeddedRedisError(MotorheadError):
    """The embedded server could not be started."""
