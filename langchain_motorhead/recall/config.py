"""`Recall`: the settings of how messages are indexed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from langchain_motorhead.exceptions import InvalidInputError
from langchain_motorhead.recall.terms import LANGUAGES

_ALGORITHMS = ("flat", "hnsw")


_METRICS = ("cosine", "l2", "ip")


_DATATYPES = ("float32", "float64", "float16", "bfloat16")


_ROLES = ("human", "ai", "system", "tool", "function", "chat")


@dataclass(frozen=True, slots=True)
class Recall:
    """How recall indexes. The defaults suit most; a change of the first four, or of the model, asks for a `reindex`.

    Args:
        algorithm: `"flat"` compares with every vector in question; `"hnsw"` approximately, for millions of messages.
        metric: `"cosine"`, `"l2"` or `"ip"`.
        datatype: Of the stored vectors: `"float32"`, `"float64"`, `"float16"` or `"bfloat16"`.
        language: What the messages are in, for the words they are found by, such as `"english"` or `"german"`.
        roles: Which messages are indexed, by LangChain's type. Tool results are not by default: they are long, and what
            matters of them is in the answer that follows. Messages without a text never are.
        max_input_tokens: Longer messages are indexed in pieces of so many tokens, and found as one.
        model: Name of the embedding model that is kept with the index. By default it is taken from the model.
        timeout: Seconds that a batch of embeddings may take.

    Raises:
        InvalidInputError: An option cannot be used.
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
