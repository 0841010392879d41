"""Recall configuration: how messages are indexed for search."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from langchain_motorhead.exceptions import InvalidInputError
from langchain_motorhead.recall.words.terms import LANGUAGES

_ALGORITHMS = ("flat", "hnsw")
_METRICS = ("cosine", "l2", "ip")
_DATATYPES = ("float32", "float64", "float16", "bfloat16")
_ROLES = ("human", "ai", "system", "tool", "function", "chat")


@dataclass(frozen=True, slots=True)
class Recall:
    """How recall indexes messages. The defaults suit most uses.

    After a change of `algorithm`, `metric`, `datatype` or `language`, or of the embedding model, call
    `Motorhead.reindex`.

    Args:
        algorithm: `"flat"` compares a query with every vector. `"hnsw"` searches approximately, for millions of
            messages.
        metric: `"cosine"`, `"l2"` or `"ip"`.
        datatype: Type of the stored numbers: `"float32"`, `"float64"`, `"float16"` or `"bfloat16"`.
        language: Language of the messages, such as `"english"` or `"german"`, for the search by words.
        roles: LangChain's types of the messages that are indexed. Tool results are not indexed by default: they are
            long, and the answer after them repeats what matters. Messages without text are never indexed.
        max_input_tokens: A longer message is indexed in pieces of at most this many tokens, and found as one message.
        model: Name of the embedding model, which is stored with the index. By default the model itself is asked.
        timeout: Time limit of an embedding call in seconds.

    Raises:
        InvalidInputError: An option has an invalid value.
    """

    algorithm: str = "flat"
    metric: str = "cosine"
    datatype: str = "float32"
    language: str = "english"
    roles: tuple[str, ...] = ("human", "ai", "chat")
    max_input_tokens: int = 256
    model: str | None = None
    timeout: float = 60.0

    def __post_init__(self) -> None:
        if self.model is not None and (not isinstance(self.model, str) or not self.model):
            raise InvalidInputError(f"model must be a name of the embedding model, not {self.model!r}")
        for name, known in (("algorithm", _ALGORITHMS), ("metric", _METRICS), ("datatype", _DATATYPES)):
            if getattr(self, name) not in known:
                raise InvalidInputError(f"{name} must be one of {', '.join(known)}, not {getattr(self, name)!r}")
        if not isinstance(self.language, str) or self.language not in LANGUAGES:
            raise InvalidInputError(f"language must be one of {', '.join(sorted(LANGUAGES))}, not {self.language!r}")
        wrong = isinstance(self.roles, str) or not isinstance(self.roles, Iterable) or not self.roles
        if wrong or not all(role in _ROLES for role in self.roles):
            raise InvalidInputError(f"roles must be some of {_ROLES}, not {self.roles!r}")
        if not isinstance(self.max_input_tokens, int) or self.max_input_tokens < 32:
            raise InvalidInputError(
                f"max_input_tokens must be a whole number of at least 32, not {self.max_input_tokens!r}"
            )
        if isinstance(self.timeout, bool) or not isinstance(self.timeout, int | float) or not self.timeout > 0:
            raise InvalidInputError(f"timeout must be a number of seconds above 0, not {self.timeout!r}")
