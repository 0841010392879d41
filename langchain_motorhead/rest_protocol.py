"""What both ends of the REST wire know: how our server is told from the original, and the codes of errors."""

from __future__ import annotations

from collections.abc import Mapping

from langchain_motorhead import exceptions as ours

WIRE = "X-Motorhead-Wire"
"""Header of every answer of our server, which keeps more of a message than role and content, and knows users."""

CODES: Mapping[type[ours.MotorheadError], str] = {
    ours.InvalidMessageError: "invalid_message",
    ours.InvalidInputError: "invalid_input",
    ours.RecallNotConfiguredError: "long_term_memory_disabled",
    ours.StoreUnavailableError: "redis_unavailable",
    ours.ClosedError: "stopping",
    ours.WrongKeyTypeError: "wrong_key_type",
    ours.SearchUnavailableError: "search_unavailable",
    ours.UnsupportedError: "unsupported",
    ours.IndexMissingError: "index_missing",
    ours.StoreError: "store_error",
    ours.SummarizationError: "summarization_failed",
    ours.EmbeddingError: "embedding_failed",
    ours.EmbeddingMismatchError: "embedding_mismatch",
}
"""The code of each error. They are stable."""
