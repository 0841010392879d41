"""What can be configured, and the engine made of it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Literal, TypedDict, cast

from langchain_motorhead.background import Background
from langchain_motorhead.compaction import Compactor
from langchain_motorhead.connection import Connection
from langchain_motorhead.drivers import Driver
from langchain_motorhead.embedding import EmbeddingCalls, model_name, resolve_embeddings
from langchain_motorhead.engine import Engine
from langchain_motorhead.exceptions import InvalidInputError
from langchain_motorhead.index_setup import Indexer
from langchain_motorhead.keys import registry_key
from langchain_motorhead.recall import Recall
from langchain_motorhead.store import Store
from langchain_motorhead.summarization import budget_of, resolve_summarizer
from langchain_motorhead.summarizing import SummarizerCalls
from langchain_motorhead.tokens import TokenCounter, count_tokens
from langchain_motorhead.turns import Turns
from langchain_motorhead.window import Window


class Options(TypedDict, total=False):
    """What can be configured, by keyword.

    Attributes:
        llm: What summarizes: a chat model, its name as `init_chat_model` takes it, or a summarizer runnable. None for
            an `ExtractiveSummarizer`, which needs no model.
        embeddings: The embedding model of recall, or its name as `init_embeddings` takes it. None for no recall.
        recall: How recall indexes.
        window: Bounds of what is kept verbatim.
        namespace: Group of sessions, such as a tenant.
        compaction: When to summarize: `"background"`, `"inline"` (an append waits for it) or `"manual"`.
        ttl: Seconds, or a timedelta, until a session expires unless written to. None for never.
        fallback: What summarizes when `llm` fails, if anything: as `llm`.
        token_counter: From messages to tokens, as `trim_messages` takes it.
        summary_timeout: Seconds that a summary may take.
        max_concurrency: Sessions summarized at once, in threads and on each event loop. Others wait for their turn.
    """

    llm: object
    embeddings: object
    recall: Recall
    window: Window
    namespace: str
    compaction: Literal["background", "inline", "manual"]
    ttl: float | timedelta | None
    fallback: object
    token_counter: TokenCounter | None
    summary_timeout: float
    max_concurrency: int


class RemoteOptions(TypedDict, total=False):
    """What can be configured of a client of a server; the rest is configured there.

    Attributes:
        api_key: Sent as `x-metal-api-key` and as a bearer token.
        client_id: Sent as `x-metal-client-id`, which the managed Motorhead asked for.
        timeout: Seconds that the server may take to answer, compactions apart.
    """

    api_key: str | None
    client_id: str | None
    timeout: float


class UrlOptions(Options, RemoteOptions, total=False):
    """Options of either."""


def of_redis(options: UrlOptions) -> Options:
    """Give the options of a `Motorhead` on Redis.

    Raises:
        InvalidInputError: One is a server's.
    """
    if of_server := options.keys() & RemoteOptions.__annotations__.keys():
        names = ", ".join(sorted(of_server))
        raise InvalidInputError(f"{names}: a server's, at an http:// or https:// URL. Redis' password is in its URL")
    return cast("Options", options)


def make_engine(
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
) -> Engine:
    """Make the engine of a configuration. For the arguments, see `Options`.

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
        raise InvalidInputError("recall is how to index, and asks for embeddings=, the model to index with")
    if isinstance(max_concurrency, bool) or not isinstance(max_concurrency, int) or max_concurrency < 1:
        raise InvalidInputError(f"max_concurrency must be a whole number of at least 1, not {max_concurrency!r}")
    registry_key(namespace)  # checks it
    count = token_counter or count_tokens
    summarizer = _extractive(count) if llm is None else resolve_summarizer(llm, "llm", count)
    other = None if fallback is None else resolve_summarizer(fallback, "fallback", count)
    # A quarter is left for the summary so far.
    budget = budget_of(summarizer) if other is None else min(budget_of(summarizer), budget_of(other))
    calls = SummarizerCalls(summarizer, other, _seconds("summary_timeout", summary_timeout))
    vectors, indexer = None, None
    if embeddings is not None:
        how, model = recall or Recall(), resolve_embeddings(embeddings)
        vectors = EmbeddingCalls(model, how.timeout)
        indexer = Indexer(namespace, how, how.model or model_name(model), count)
    return Engine(
        driver=Driver(Store(connection), calls, vectors),
        compactor=Compactor(
            window or Window(), budget * 3 // 4, count, has_fallback=other is not None, recall=indexer is not None
        ),
        namespace=namespace,
        mode=compaction,
        ttl=0 if ttl is None else max(1, round(_seconds("ttl", ttl) * 1000)),
        indexer=indexer,
        turns=Turns(max_concurrency),
        background=Background(threads=max(_THREADS, max_concurrency)),
    )


_LONGEST = 100 * 366 * 86_400
# At least, so that a bound of few summaries is none of what is indexed.
_THREADS = 4


def _extractive(count: TokenCounter) -> Any:
    from langchain_motorhead.extractive import ExtractiveSummarizer

    return ExtractiveSummarizer(token_counter=count)


def _seconds(name: str, value: object) -> float:
    seconds = value.total_seconds() if isinstance(value, timedelta) else value
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 < seconds < float("inf"):
        raise InvalidInputError(f"{name} must be a number of seconds above 0, not {value!r}")
    if seconds > _LONGEST:
        raise InvalidInputError(f"{name} of {value!r} is longer than a century. Leave it out for none")
    return float(seconds)
