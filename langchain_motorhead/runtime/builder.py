"""Build the maintenance of a `Motorhead` from its options: the dependency injection of this package. Does no I/O."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, Literal

from langchain_motorhead.concurrency.background import Background
from langchain_motorhead.concurrency.deferred import Deferred
from langchain_motorhead.concurrency.fair_semaphore import FairSemaphore
from langchain_motorhead.exceptions import InvalidInputError
from langchain_motorhead.facts.config import Facts
from langchain_motorhead.flows.protocol import SummaryInput, Writer
from langchain_motorhead.messages.media import with_media
from langchain_motorhead.messages.tokens import CheckedCounter, TokenCounter, count_tokens
from langchain_motorhead.options import Options, complete
from langchain_motorhead.recall.config import Recall
from langchain_motorhead.redis_io.connection import Connection
from langchain_motorhead.redis_io.executor import Executor
from langchain_motorhead.runtime.driver import Driver
from langchain_motorhead.runtime.maintenance import Maintenance
from langchain_motorhead.sessions.archive.config import Archive
from langchain_motorhead.sessions.compaction.flow import Compactor
from langchain_motorhead.sessions.compaction.window import Window
from langchain_motorhead.sessions.compaction.writing import Writing
from langchain_motorhead.storage.keys import registry_key
from langchain_motorhead.summarizers.prompting import DEFAULT_BUDGET

if TYPE_CHECKING:
    from langchain_core.runnables import Runnable

    from langchain_motorhead.models.embedding_client import EmbeddingClient
    from langchain_motorhead.models.summarizer_client import SummarizerClient

MAX_SECONDS = 100 * 366 * 86_400
# Indexing shares these threads, so it keeps some even if few sessions may be summarized at once.
MIN_THREADS_COUNT = 4
# Tokens of an extract, which need not be as long as a summary in sentences of its own may be.
EXTRACT_TOKENS = 384
MIN_TOKENS = 16
_WRITERS: Final[dict[Writer, Literal["llm", "fallback"]]] = {Writer.MODEL: "llm", Writer.FALLBACK: "fallback"}


def build_maintenance(connection: Connection, options: Options) -> Maintenance:
    """Build what compacts and indexes the sessions of one configuration.

    Args:
        connection: The Redis to work on.
        options: Options that differ from `DEFAULTS`.

    Raises:
        InvalidInputError: The value of an option cannot be used.
    """
    given = complete(options)
    _check(given)
    count = CheckedCounter(count_tokens if given["token_counter"] is None else with_media(given["token_counter"]))
    tokens = given["summary_tokens"]
    timeout = _seconds("summary_timeout", given["summary_timeout"])
    named = {writer: option for writer, option in _WRITERS.items() if given[option] is not None}
    resolved = Deferred(
        lambda: {writer: _summarizer(given[option], option, count, tokens) for writer, option in named.items()}
    )
    budget = DEFAULT_BUDGET
    if named and not any(isinstance(given[option], Deferred) for option in named.values()):
        budget = _budget(resolved.get().values())  # what cannot be used is an error at once
    client = Deferred(lambda: _summarizer_client(resolved.get(), _extractive(count, tokens), timeout))
    vectors, indexer = None, None
    if given["embeddings"] is not None:
        from langchain_motorhead.recall.indexing.index import Indexer

        recall = given["recall"] or Recall()
        vectors, name = _embedding_client(given["embeddings"], recall)
        indexer = Indexer(given["namespace"], recall, name, count)
    executor, learner = Executor(connection), None
    if given["facts"] is not None:
        from langchain_motorhead.runtime import fact_builder

        learner = fact_builder.learner_client(given["facts"])
    driver = Driver(executor, client, vectors, learner)
    maintenance = Maintenance(
        driver=driver,
        compactor=Compactor(
            given["window"] or Window(),
            Writing(
                budget * 3 // 4,  # the rest is for the summary so far
                count,
                summary_tokens=tokens,
                has_model=Writer.MODEL in named,
                has_fallback=Writer.FALLBACK in named,
                supplement=_supplement,
            ),
            recall=indexer is not None,
            archive=_archive(given["archive"]),
        ),
        namespace=given["namespace"],
        mode=given["compaction"],
        ttl=0 if given["ttl"] is None else max(1, round(_seconds("ttl", given["ttl"]) * 1000)),
        indexer=indexer,
        semaphore=FairSemaphore(given["max_concurrency"]),
        background=Background(threads=max(MIN_THREADS_COUNT, given["max_concurrency"])),
    )
    if given["facts"] is not None:
        maintenance.learning = fact_builder.fact_learning(given["facts"], maintenance)
    return maintenance


def _check(given: Options) -> None:
    """Raise `InvalidInputError` if an option has a value of a wrong kind."""
    compaction, window, recall = given["compaction"], given["window"], given["recall"]
    if compaction not in ("background", "inline", "manual"):
        raise InvalidInputError(f'compaction must be "background", "inline" or "manual", not {compaction!r}')
    if not isinstance(window, Window):
        raise InvalidInputError(f"window must be a Window, such as Window(max_messages=12), not {window!r}")
    if recall is not None and not isinstance(recall, Recall):
        raise InvalidInputError(f'recall must be a Recall, such as Recall(language="german"), not {recall!r}')
    if recall is not None and given["embeddings"] is None:
        raise InvalidInputError(
            "recall= says how to index messages. Give embeddings= too, the model to index them with"
        )
    if given["facts"] is not None and not isinstance(given["facts"], Facts):
        raise InvalidInputError(f"facts must be a Facts, such as Facts() or Facts(llm=…), not {given['facts']!r:.60}")
    if given["facts"] is not None and not given["archive"]:
        raise InvalidInputError(
            "facts= needs the archive: what was not learned yet must not be lost. Leave out archive="
        )
    concurrency = given["max_concurrency"]
    if isinstance(concurrency, bool) or not isinstance(concurrency, int) or concurrency < 1:
        raise InvalidInputError(f"max_concurrency must be a whole number of at least 1, not {concurrency!r}")
    tokens = given["summary_tokens"]
    if isinstance(tokens, bool) or not isinstance(tokens, int) or tokens < MIN_TOKENS:
        raise InvalidInputError(f"summary_tokens must be a whole number of at least {MIN_TOKENS}, not {tokens!r}")
    registry_key(given["namespace"])  # raises if the name cannot be part of a key


def _archive(given: object) -> Archive | None:
    """Return what is kept of messages that leave the window, or None if nothing is.

    Raises:
        InvalidInputError: It is neither a truth value nor an `Archive`.
    """
    if isinstance(given, Archive):
        return given
    if not isinstance(given, bool):
        raise InvalidInputError(
            f"archive must be True, False or an Archive, such as Archive(max_bytes=1_000_000), not {given!r}"
        )
    return Archive() if given else None


def _summarizer(given: object, option: Literal["llm", "fallback"], count: TokenCounter, tokens: int) -> Any:
    from langchain_motorhead.summarizers.creating import resolve_summarizer

    return resolve_summarizer(given.get() if isinstance(given, Deferred) else given, option, count, tokens)


def _budget(summarizers: Iterable[Runnable[SummaryInput, Any]]) -> int:
    from langchain_motorhead.summarizers.creating import budget_of

    return min(map(budget_of, summarizers))


def _summarizer_client(
    summarizers: Mapping[Writer, Runnable[SummaryInput, Any]], extract: Runnable[SummaryInput, str], timeout: float
) -> SummarizerClient:
    from langchain_motorhead.models.summarizer_client import SummarizerClient
    from langchain_motorhead.summarizers.answers import summary_of

    return SummarizerClient({Writer.MODEL: extract, **summarizers, Writer.EXTRACT: extract}, timeout, summary_of)


def _embedding_client(given: object, recall: Recall) -> tuple[Deferred[EmbeddingClient], str]:
    """Return what calls the embedding model, and the model's name. A deferred model needs a name in `recall`."""

    def client() -> EmbeddingClient:
        from langchain_motorhead.models.embedding_client import EmbeddingClient, resolve_embeddings

        return EmbeddingClient(
            resolve_embeddings(given.get() if isinstance(given, Deferred) else given), recall.timeout
        )

    vectors = Deferred(client)
    if isinstance(given, Deferred) and recall.model:
        return vectors, recall.model
    from langchain_motorhead.models.embedding_client import model_name

    return vectors, recall.model or model_name(vectors.get().embeddings)


def _extractive(count: TokenCounter, tokens: int) -> Runnable[SummaryInput, str]:
    from langchain_motorhead.summarizers.extractive import ExtractiveSummarizer

    return ExtractiveSummarizer(max_tokens=min(EXTRACT_TOKENS, tokens), token_counter=count)


def _supplement(text: str, extract: str, *, budget: int, count: Callable[[str], int]) -> str:
    from langchain_motorhead.summarizers.supplement import supplement  # with large patterns

    return supplement(text, extract, budget=budget, count=count)


def _seconds(name: str, value: object) -> float:
    """Return a duration in seconds.

    Raises:
        InvalidInputError: It is no duration, not above 0, or longer than a century.
    """
    seconds = value.total_seconds() if isinstance(value, timedelta) else value
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 < seconds < float("inf"):
        raise InvalidInputError(f"{name} must be a number of seconds above 0, not {value!r}")
    if seconds > MAX_SECONDS:
        raise InvalidInputError(f"{name} of {value!r} is longer than a century. Leave it out for no limit")
    return float(seconds)
