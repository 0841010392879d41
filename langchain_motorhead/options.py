"""The options of `Motorhead`: their names, types and defaults, in one place.

Everything that takes options (`Motorhead`, the chat message history, the chain memory, the retriever) reads their names
from `UrlOptions` and their defaults from `DEFAULTS` and `REMOTE_DEFAULTS`.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Any, Final, Literal, TypedDict, cast

from langchain_motorhead.exceptions import InvalidInputError
from langchain_motorhead.facts.config import Facts
from langchain_motorhead.messages.tokens import TokenCounter
from langchain_motorhead.recall.config import Recall
from langchain_motorhead.sessions.archive.config import Archive
from langchain_motorhead.sessions.compaction.window import Window


class Options(TypedDict, total=False):
    """Keyword arguments of a `Motorhead` that works on Redis itself.

    Two words that occur below: the *window* of a session is the newest messages, which are kept word for word. A
    *compaction* takes the oldest messages out of the window and summarizes them.

    Attributes:
        llm: The model that writes summaries: a chat model, the name of one as `init_chat_model` takes it, or a runnable
            made by `create_summarizer`. None for `ExtractiveSummarizer`, which needs no model. Default: `None`.
        embeddings: The embedding model that semantic search (recall) needs, or the name of one as `init_embeddings`
            takes it. None for no search. Default: `None`.
        recall: How messages are indexed for search. Needs `embeddings`. None for `Recall()` if there is an embedding
            model. Default: `None`.
        window: How many messages, and how many tokens, the window may hold. Default: `Window()`.
        namespace: Name of a group of sessions, such as a tenant. Sessions of other namespaces are never read or
            searched. Default: `"default"`.
        archive: Whether the messages that leave the window are kept word for word, compressed, for
            `Session.transcript`. True to keep all of them as long as their session, an `Archive` for limits, or False
            to keep only the summary. Default: `True`.
        facts: Whether and how facts about users are learned from their sessions: a `Facts`. Needs the archive. None to
            learn nothing. Default: `None`.
        compaction: When a session is compacted: `"background"` (after an append, while the caller goes on), `"inline"`
            (an append waits for it) or `"manual"` (only by `Session.compact`). Default: `"background"`.
        ttl: Time after the last append at which a session expires: seconds, or a timedelta. None for never. Default:
            `None`.
        fallback: A second model or summarizer, used for a summary that `llm` failed to write. Takes what `llm` takes.
            Default: `None`.
        token_counter: A function that counts the tokens of a message or of a list of them, as `trim_messages` takes
            it. None for a counter by tiktoken. Default: `None`.
        summary_timeout: Seconds after which a call of the summarizer is given up. Default: `60.0`.
        max_concurrency: How many sessions are summarized at the same time, in threads and on each event loop. Further
            ones wait in a queue. Default: `16`.
        summary_tokens: Tokens that a summary may have at most. A model's answer is stopped there. For a short
            conversation it is less, as a summary is always smaller than what it replaces. Default: `512`.
    """

    llm: object
    embeddings: object
    recall: Recall | None
    window: Window | None
    namespace: str
    archive: bool | Archive
    facts: Facts | None
    compaction: Literal["background", "inline", "manual"]
    ttl: float | timedelta | None
    fallback: object
    token_counter: TokenCounter | None
    summary_timeout: float
    max_concurrency: int
    summary_tokens: int


class RemoteOptions(TypedDict, total=False):
    """Keyword arguments of a `Motorhead` that works with a server, at an `http://` or `https://` URL.

    Models, the window and all else are options of the server.

    Attributes:
        api_key: The API key. Sent as the header `x-metal-api-key` and as a bearer token. Default: `None`.
        client_id: Sent as the header `x-metal-client-id`, which the managed Motorhead requires. Default: `None`.
        timeout: Seconds that the server may take to answer a request, except for a compaction. Default: `30.0`.
    """

    api_key: str | None
    client_id: str | None
    timeout: float


class UrlOptions(Options, RemoteOptions, total=False):
    """Keyword arguments of `Motorhead.from_url`: `Options` for a Redis URL, `RemoteOptions` for a server's URL."""


DEFAULTS: Final[Options] = {
    "llm": None,
    "embeddings": None,
    "recall": None,
    "window": Window(),
    "namespace": "default",
    "archive": True,
    "facts": None,
    "compaction": "background",
    "ttl": None,
    "fallback": None,
    "token_counter": None,
    "summary_timeout": 60.0,
    "max_concurrency": 16,
    "summary_tokens": 512,
}
"""The value of every option that is not given."""

REMOTE_DEFAULTS: Final[RemoteOptions] = {"api_key": None, "client_id": None, "timeout": 30.0}
"""The value of every option for a server that is not given."""


def check_names(names: Iterable[str]) -> None:
    """Raise an error if there is no option of such a name.

    Raises:
        InvalidInputError: One of the names is no option. The message names the closest option.
    """
    known = UrlOptions.__annotations__
    for name in names:
        if name not in known:
            raise InvalidInputError.unknown_name("option", name, known)


def redis_options(options: UrlOptions | Options) -> Options:
    """Return options that were given for a Redis URL or client, after a check of their names.

    Raises:
        InvalidInputError: One of them is no option, or is an option for a server's URL only.
    """
    check_names(options)
    if remote := options.keys() & RemoteOptions.__annotations__.keys():
        names = ", ".join(sorted(remote))
        raise InvalidInputError(
            f"{names}: only for a server, at an http:// or https:// URL. The password of Redis is in its URL"
        )
    return options


def complete(options: Options) -> Options:
    """Return the options with the default of each one that is missing. A `window` of None is the default too."""
    completed: dict[str, Any] = {**DEFAULTS, **options}
    if completed["window"] is None:
        completed["window"] = DEFAULTS["window"]
    return cast("Options", completed)
