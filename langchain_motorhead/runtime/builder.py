"""Construction of the maintenance, with all that it works with, from the options of a `Motorhead`."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from langchain_motorhead.concurrency.background import Background
from langchain_motorhead.concurrency.fair_semaphore import FairSemaphore
from langchain_motorhead.exceptions import InvalidInputError
from langchain_motorhead.messages.tokens import TokenCounter, count_tokens
from langchain_motorhead.models.embedding_client import EmbeddingClient, model_name, resolve_embeddings
from langchain_motorhead.models.summarizer_client import SummarizerClient
from langchain_motorhead.recall.config import Recall
from langchain_motorhead.recall.index import Indexer
from langchain_motorhead.redis_io.connection import Connection
from langchain_motorhead.redis_io.executor import Executor
from langchain_motorhead.runtime.driver import Driver
from langchain_motorhead.runtime.maintenance import Maintenance
from langchain_motorhead.sessions.compaction import Compactor
from langchain_motorhead.sessions.window import Window
from langchain_motorhead.storage.keys import registry_key
from langchain_motorhead.summarizers.llm import budget_of, resolve_summarizer


def build_maintenance(
    connection: Connection,
    *,
    llm: object = None,
    embeddings: object = None,
    recall: Recall | None = None,
    window: Window | None = None,
    namespace: str = "default",
    compaction: str = "background",
    ttl: float | timedelta | None = None,
    fallback: object = None,
    token_counter: TokenCounter | None = None,
    summary_timeout: float = 60.0,
    max_concurrency: int = 16,
) -> Maintenance:
    """Build the maintenance of a namespace on a connection. Does no I/O. For the options, see `options.Options`.

    Raises:
        InvalidInputError: An option cannot be used.
    """
    if compaction not in ("background", "inline", "manual"):
        raise InvalidInputError(f'compaction must be "background", "inline" or "manual", not {compaction!r}')
    if window is not None and not isinstance(window, Window):
        raise InvalidInputError(f"window must be a Window, such as Window(max_messages=12), not {window!r}")
    if recall is not None and not isinstance(recall, Recall):
        raise InvalidInputError(f'recall must be a Recall, such as Recall(language="german"), not {recall!r}')
    if recall is not None and embeddings is None:
        raise InvalidInputError(
            "recall= configures how messages are indexed, and needs embeddings=, the embedding model"
        )
    if isinstance(max_concurrency, bool) or not isinstance(max_concurrency, int) or max_concurrency < 1:
        raise InvalidInputError(f"max_concurrency must be a whole number of at least 1, not {max_concurrency!r}")
    registry_key(namespace)  # raises if the namespace cannot be used
    count = token_counter or count_tokens
    summarizer = _extractive(count) if llm is None else resolve_summarizer(llm, "llm", count)
    other = None if fallback is None else resolve_summarizer(fallback, "fallback", count)
    # A quarter of the budget is left for the summary so far.
    budget = budget_of(summarizer) if other is None else min(budget_of(summarizer), budget_of(other))
    calls = SummarizerClient(summarizer, other, _seconds("summary_timeout", summary_timeout))
    vectors, indexer = None, None
    if embeddings is not None:
        how, model = recall or Recall(), resolve_embeddings(embeddings)
        vectors = EmbeddingClient(model, how.timeout)
        indexer = Indexer(namespace, how, how.model or model_name(model), count)
    return Maintenance(
        driver=Driver(Executor(connection), calls, vectors),
        compactor=Compactor(
            window or Window(), budget * 3 // 4, count, has_fallback=other is not None, recall=indexer is not None
        ),
        namespace=namespace,
        mode=compaction,
        ttl=0 if ttl is None else max(1, round(_seconds("ttl", ttl) * 1000)),
        indexer=indexer,
        semaphore=FairSemaphore(max_concurrency),
        background=Background(threads=max(_MIN_THREADS, max_concurrency)),
    )


_MAX_SECONDS = 100 * 366 * 86_400
# Indexing runs in these threads, too, and is not limited by `max_concurrency`.
_MIN_THREADS = 4


def _extractive(count: TokenCounter) -> Any:
    from langchain_motorhead.summarizers.extractive import ExtractiveSummarizer

    return ExtractiveSummarizer(token_counter=count)


def _seconds(name: str, value: object) -> float:
    seconds = value.total_seconds() if isinstance(value, timedelta) else value
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 < seconds < float("inf"):
        raise InvalidInputError(f"{name} must be a number of seconds above 0, not {value!r}")
    if seconds > _MAX_SECONDS:
        raise InvalidInputError(f"{name} of {value!r} is longer than 100 years. Leave it out for no limit")
    return float(seconds)
