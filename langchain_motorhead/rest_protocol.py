"""Constants of the REST API that the server and the HTTP backend share: headers, and the error codes."""

from __future__ import annotations

from collections.abc import Mapping

from langchain_motorhead import exceptions as ours

WIRE = "X-Motorhead-Wire"
"""A header that `motorhead serve` sends with every response. The original Motorhead does not send it.

A client that sees it may use what the original lacks: whole messages instead of role and content, users, and search
beyond one session.
"""

IDEMPOTENCY_KEY = "Idempotency-Key"
"""A request header: text that the client makes up for an append, and repeats when it sends the append again."""

CODES: Mapping[type[ours.MotorheadError], str] = {
    ours.IdConflictError: "id_conflict",
    ours.UnknownFactError: "unknown_fact",
    ours.InvalidMessageError: "invalid_message",
    ours.UnknownMessageError: "unknown_message",
    ours.InvalidInputError: "invalid_input",
    ours.RecallNotConfiguredError: "long_term_memory_disabled",
    ours.StoreUnavailableError: "redis_unavailable",
    ours.ClosedError: "stopping",
    ours.WrongKeyTypeError: "wrong_key_type",
    ours.SearchUnavailableError: "search_unavailable",
    ours.UnsupportedError: "unsupported",
    ours.IndexMissingError: "index_missing",
    ours.SessionReplacedError: "session_replaced",
    ours.StoreError: "store_error",
    ours.SummarizationError: "summarization_failed",
    ours.LearningError: "learning_failed",
    ours.EmbeddingError: "embedding_failed",
    ours.EmbeddingMismatchError: "embedding_mismatch",
}
"""The code that an error response has for each exception. Codes do not change between versions."""
