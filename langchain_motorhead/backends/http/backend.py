"""The HTTP backend: does each task of a `Motorhead` by requests to a server."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NoReturn, TypeVar
from uuid import uuid4

from langchain_motorhead.backends.http import protocol
from langchain_motorhead.backends.http.conversation import RemoteConversations, RemoteRebuild
from langchain_motorhead.backends.http.fact_tasks import RemoteFactTasks
from langchain_motorhead.backends.http.forgetting import RemoteForgetting
from langchain_motorhead.backends.http.protocol import HttpAnswer, HttpCall, HttpFlow, Outgoing
from langchain_motorhead.backends.http.transport import Address, Transport, transport_to
from langchain_motorhead.backends.redis import RedisBackend
from langchain_motorhead.exceptions import ClosedError, InvalidInputError, UnsupportedError
from langchain_motorhead.recall.progress import Report
from langchain_motorhead.recall.query import Hit, Query
from langchain_motorhead.redis_io.address import check_server_url
from langchain_motorhead.sessions.append import MessageLike
from langchain_motorhead.sessions.catch_up import CatchUpResult
from langchain_motorhead.sessions.compaction.report import CompactionReport
from langchain_motorhead.sessions.compaction.window import Window
from langchain_motorhead.sessions.load import Memory
from langchain_motorhead.sessions.operations import AppendResult, Dedup
from langchain_motorhead.storage.keys import SessionKeys

T = TypeVar("T")

# Session ids in one request, and the number of pages after which the original Motorhead refuses more.
_PAGE_SESSIONS, _ORIGINAL_MAX_PAGES = 1_000, 100
_NEEDS_REDIS = "this needs Redis itself. Give Motorhead the Redis URL of the server"


class RemoteBackend(RemoteConversations, RemoteForgetting, RemoteFactTasks):
    """A `Backend` on a server. What the original Motorhead cannot do raises `UnsupportedError`, and nothing is sent.

    Args:
        transport: Connections to the server.
        namespace: Name of the server, in place of a namespace.
    """

    def __init__(self, transport: Transport, namespace: str) -> None:
        self._transport = transport
        self._namespace = namespace
        self._closed = False

    @property
    def closed(self) -> bool:
        """Whether the backend was closed."""
        return self._closed

    @property
    def namespace(self) -> str:
        """Address of the server. The API key decides which namespace of the server's Redis is used."""
        return self._namespace

    @property
    def window(self) -> Window:
        """Raise `UnsupportedError`: the window is a setting of the server."""
        raise UnsupportedError("window is a setting of the server: GET /sessions/ID returns it")

    def require_redis(self) -> RedisBackend:
        """Raise `UnsupportedError`: only the server is connected to Redis."""
        raise UnsupportedError(_NEEDS_REDIS)

    def run(self, flow: HttpFlow[T]) -> T:
        """Run a flow of requests, and return its result."""
        self._check_open()
        answer: HttpAnswer | None = None
        try:
            while True:
                answer = self._transport.send(flow.send(answer))  # type: ignore[arg-type]
        except StopIteration as end:
            result: T = end.value
            return result

    async def arun(self, flow: HttpFlow[T]) -> T:
        """Run a flow of requests, and return its result."""
        self._check_open()
        answer: HttpAnswer | None = None
        while True:
            try:
                call = flow.send(answer)  # type: ignore[arg-type]
            except StopIteration as end:
                result: T = end.value
                return result
            answer = await self._transport.asend(call)

    def append(self, keys: SessionKeys, messages: Sequence[MessageLike], dedup: Dedup) -> HttpFlow[AppendResult | None]:
        """Store messages. See `Backend.append`."""
        known = dedup is not Dedup.OFF
        sent = protocol.outgoing(messages, named=known)
        yield from self._check(keys, sent)
        body = protocol.body(sent.records, unless_known=None if known else False)
        key = None if known else str(uuid4())
        yield HttpCall("POST", protocol.path(keys, "memory"), protocol.user(keys), body, key)
        return None

    def catch_up(
        self, keys: SessionKeys, messages: Sequence[MessageLike], after: str | None, *, read: bool, profile: int = 0
    ) -> HttpFlow[CatchUpResult]:
        """Store the new messages of a conversation. See `Backend.catch_up`."""
        yield from self._needs_ours("catching up with a conversation")
        records = protocol.outgoing(_from(messages, after), named=False).records
        body = protocol.body(records, after=after, read=read)
        answer = yield HttpCall("POST", protocol.path(keys, "catch-up"), protocol.user(keys), body)
        memory = protocol.to_memory(answer) if read else None
        if memory is not None:
            memory.profile = yield from self._profile(keys, profile)
        return CatchUpResult(memory, None)

    def load(self, keys: SessionKeys, profile: int = 0) -> HttpFlow[Memory]:
        """Load a session. See `Backend.load`. A profile takes a request of its own."""
        yield from self._check(keys)
        answer = yield HttpCall("GET", protocol.path(keys, "memory"), {"full": "true", **protocol.user(keys)})
        memory = protocol.to_memory(answer)
        memory.profile = yield from self._profile(keys, profile)
        return memory

    def delete(self, keys: SessionKeys) -> HttpFlow[bool]:
        """Delete a session. The original server does not say whether it existed, so the session is loaded before."""
        yield from self._check(keys)
        there = (yield from self._is_ours()) or (yield from self.load(keys)).total > 0
        answer = yield HttpCall("DELETE", protocol.path(keys, "memory"), {"full": "true", **protocol.user(keys)})
        return bool(protocol.to_mapping(answer).get("deleted", there))

    def sessions(self, user_id: str | None, *, page: int, size: int | None, newest_first: bool) -> HttpFlow[list[str]]:
        """Return session ids, ordered by last activity. See `sessions.registry.list_sessions`."""
        if not isinstance(page, int) or page < 1 or not (size is None or (isinstance(size, int) and size >= 1)):
            raise InvalidInputError(
                "page and size must be whole numbers from 1. Leave size out for all sessions at once"
            )
        if user_id is not None:
            yield from self._needs_ours("listing a user's sessions")
        if not (yield from self._is_ours()):
            ids = yield from self._pages({}, _ORIGINAL_MAX_PAGES)
            ids = ids[::-1] if newest_first else ids
            return ids if size is None and page == 1 else ids[(page - 1) * (size or _PAGE_SESSIONS) :][: size or 0]
        query = {"full": "true", "newest_first": "true" if newest_first else "false"}
        if user_id is not None:
            query["user_id"] = user_id
        if size is None:
            return (yield from self._pages(query)) if page == 1 else []
        if size <= _PAGE_SESSIONS:
            return (yield from self._page(query, page, size))
        ids = yield from self._pages(query)
        return ids[(page - 1) * size : page * size]

    def delete_user(self, user_id: str) -> HttpFlow[int]:
        """Delete all sessions of a user. Returns how many there were."""
        if not isinstance(user_id, str) or not user_id:
            raise InvalidInputError("user_id must be a string. Give the user whose sessions are to be deleted")
        yield from self._needs_ours("deleting a user")
        answer = yield HttpCall("DELETE", f"/users/{protocol.quoted(user_id)}")
        return int(protocol.to_mapping(answer).get("deleted", 0))

    def rebuild(self, keys: SessionKeys, summarizer: object, prompt: str | None, on_progress: object) -> RemoteRebuild:
        """Return the task of making a session's summary again on the server. See `Backend.rebuild`."""
        if summarizer is not None or on_progress is not None:
            raise UnsupportedError("the server has its own summarizer, and reports no progress. Give neither")
        return RemoteRebuild(self, keys, prompt)

    def check_search(self) -> None:
        """Do nothing: only the server knows whether it can search."""

    def search(self, query: Query) -> HttpFlow[list[Hit]]:
        """Search the messages of sessions. The original server searches one session, by meaning only."""
        if query.filter is not None:
            raise UnsupportedError("a filter of redisvl cannot be sent to a server. Use roles, after and before")
        if not query.text.strip():
            return []
        if (yield from self._is_ours()):
            answer = yield HttpCall("POST", "/search", {}, protocol.query(query))
            return protocol.to_hits(answer, query)
        plain = Query(query.text, query.k, query.session_id, search_type=query.search_type, now=query.now)
        if query.session_id is None or plain != query:
            _original("searching beyond one session, or with conditions")
        path = f"/sessions/{protocol.quoted(query.session_id)}/retrieval"
        answer = yield HttpCall("POST", path, {}, protocol.query(Query(query.text)))
        return protocol.to_hits(answer, query)[: query.k]

    def create_index(self) -> HttpFlow[None]:
        """Raise: the server creates its index."""
        raise UnsupportedError(_NEEDS_REDIS)

    def reindex(self, report: Report) -> HttpFlow[int]:
        """Raise: the index is built anew next to Redis."""
        raise UnsupportedError(_NEEDS_REDIS)

    def compact(self, keys: SessionKeys) -> CompactionReport:
        """Compact a session now. See `Backend.compact`."""
        return self.run(self._compact(keys))

    async def acompact(self, keys: SessionKeys) -> CompactionReport:
        """Compact a session now. See `Backend.compact`."""
        return await self.arun(self._compact(keys))

    def after_append(self, keys: SessionKeys, appended: AppendResult | None) -> None:
        """Do nothing: the server does it."""

    async def aafter_append(self, keys: SessionKeys, appended: AppendResult | None) -> None:
        """Do nothing: the server does it."""

    def after_change(self, keys: SessionKeys) -> None:
        """Do nothing: the server does it."""

    async def aafter_change(self, keys: SessionKeys) -> None:
        """Do nothing: the server does it."""

    async def prepare(self, *, counting: bool = False) -> None:
        """Do nothing: the server does it."""

    def flush(self) -> None:
        """Do nothing: the server works in the background, not this process."""

    async def aflush(self) -> None:
        """Do nothing: the server works in the background, not this process."""

    def close(self) -> None:
        """Close the connections to the server if nobody else uses them."""
        self._closed = True
        self._transport.close()

    async def aclose(self) -> None:
        """Close the connections to the server if nobody else uses them."""
        self._closed = True
        await self._transport.aclose()

    def _compact(self, keys: SessionKeys) -> HttpFlow[CompactionReport]:
        yield from self._needs_ours("compaction on demand")
        answer = yield HttpCall("POST", protocol.path(keys, "compact"), protocol.user(keys), slow=True)
        done = protocol.to_mapping(answer)
        return CompactionReport(done.get("summarized", 0), done.get("batches", 0), done.get("tokens", 0))

    def _page(self, query: dict[str, str], page: int, size: int) -> HttpFlow[list[str]]:
        answer = yield HttpCall("GET", "/sessions", {"page": str(page), "size": str(size), **query})
        return protocol.to_ids(answer)

    def _pages(self, query: dict[str, str], most: int | None = None) -> HttpFlow[list[str]]:
        ids, page = dict[str, None](), 1
        while most is None or page <= most:
            found = yield from self._page(query, page, _PAGE_SESSIONS)
            ids.update(dict.fromkeys(found))
            if len(found) < _PAGE_SESSIONS:
                break
            page += 1
        return list(ids)

    def _is_ours(self) -> HttpFlow[bool]:
        """Return whether the server is this package's. It is asked once for each address."""
        if self._transport.ours is None:
            yield HttpCall("GET", "/", probe=True)
        return bool(self._transport.ours)

    def _check(self, keys: SessionKeys, sent: Outgoing | None = None) -> HttpFlow[None]:
        """Raise `UnsupportedError` for what the original server would lose, or would ignore."""
        if keys.user_id is not None:
            yield from self._needs_ours("a session of a user")
        if sent is not None and not sent.plain:
            yield from self._needs_ours("keeping more of a message than its role and text")

    def _needs_ours(self, what: str) -> HttpFlow[None]:
        if not (yield from self._is_ours()):
            _original(what)

    def _check_open(self) -> None:
        if self._closed:
            raise ClosedError("this Motorhead was closed. Make another, or close it later")


def connect_to(
    url: str,
    *,
    api_key: str | None = None,
    client_id: str | None = None,
    timeout: float = 30.0,
    **others: object,
) -> RemoteBackend:
    """Build the backend of the server at a URL. Does no I/O.

    Args:
        url: URL of the server, `http://` or `https://`.
        api_key: Key that is sent with each request, or None.
        client_id: Client id, as the managed Motorhead required it, or None.
        timeout: Seconds that the server may take to answer. A compaction may take longer.
        **others: Options of a `Motorhead` on Redis. None is accepted: the server has its own.

    Raises:
        InvalidInputError: The URL or an option cannot be used.
    """
    if others:
        names = ", ".join(sorted(others))
        raise InvalidInputError(
            f"{names}: must be configured on the server, see motorhead serve --settings. The API key decides which "
            "namespace is used"
        )
    for name, value in (("api_key", api_key), ("client_id", client_id)):
        if value is not None and (not isinstance(value, str) or not value.isascii() or not value.isprintable()):
            raise InvalidInputError(f"{name} must be a string of printable ASCII characters")
    if isinstance(timeout, bool) or not isinstance(timeout, int | float) or not 0 < timeout < float("inf"):
        raise InvalidInputError(f"timeout must be a number of seconds above 0, not {timeout!r}")
    where = check_server_url(url)
    address = Address(url.rstrip("/"), api_key, client_id, float(timeout))
    return RemoteBackend(transport_to(address), where)


def _from(messages: Sequence[Any], after: str | None) -> Sequence[Any]:
    """Return the messages from the one on that is known to be stored."""
    for at in range(len(messages) - 1, -1, -1) if after is not None else ():
        message = messages[at]
        if (message.get("id") if isinstance(message, dict) else getattr(message, "id", None)) == after:
            return messages[at:]
    return messages


def _original(what: str) -> NoReturn:
    raise UnsupportedError(f"the server is the original Motorhead, which does not support {what}. Nothing was done")
