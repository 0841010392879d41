"""What can be configured, and the engine made of it."""

from __future__ import annotations

from datetime import timedelta
from typing import Literal, TypedDict, cast

from langchain_motorhead.exceptions import InvalidInputError
from langchain_motorhead.messages.tokens import TokenCounter
from langchain_motorhead.recall.config import Recall
from langchain_motorhead.sessions.window import Window


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


def redis_options(options: UrlOptions) -> Options:
    """Give the options of a `Motorhead` on Redis.

    Raises:
        InvalidInputError: One is a server's.
    """
    if of_server := options.keys() & RemoteOptions.__annotations__.keys():
        names = ", ".join(sorted(of_server))
        raise InvalidInputError(f"{names}: a server's, at an http:// or https:// URL. Redis' password is in its URL")
    return cast("Options", options)
