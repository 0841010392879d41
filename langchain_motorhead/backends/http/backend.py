"""A `Motorhead` on a server: what each call of it comes to there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NoReturn, TypeVar

from langchain_motorhead.backends.http import protocol as calls
from langchain_motorhead.backends.http.protocol import Answer, Call, Calls, Outgoing
from langchain_motorhead.backends.http.transport import Address, Transport, transport_to
from langchain_motorhead.exceptions import ClosedError, InvalidInputError, UnsupportedError
from langchain_motorhead.recall.query import Hit, Query
from langchain_motorhead.recall.reindexing import Report
from langchain_motorhead.redis_io.address import check_server_url
from langchain_motorhead.runtime.engine import Engine
from langchain_motorhead.sessions.catch_up import CatchUpResult
from langchain_motorhead.sessions.compaction import CompactionReport
from langchain_motorhead.sessions.load import Memory
from langchain_motorhead.sessions.operations import AppendResult, Dedup
from langchain_motorhead.sessions.window import Window
from langchain_motorhead.storage.keys import SessionKeys

T = TypeVar("T")

# Session ids asked for at once, and pages that the original gives.
_PAGE, _PAGES = 1_000, 100
_ORIGINAL_FOUND = 10
_NEEDS_REDIS = "this needs Redis itself. Give Motorhead the Redis URL of the server"


class RemoteBackend:
    """See `Backend`. What the original Motorhead cannot do raises `UnsupportedError` before anything is done.

    Args:
        transport: To the server.
        namespace: What the server is called here.
    """

    def __init__(self, transport: Transport, namespace: str) -> None:
        self._transport = transport
        self._namespace = namespace
        self._closed = False

    @property
    def closed(self) -> bool:
        """Whether it was closed."""
        return self._closed

    @property
    def namespace(self) -> str:
        """The server's address. Which namespace of its Redis that is, the API key decides."""
        return self._namespace

    @property
    def window(self) -> Window:
        """Raises: it is the server's."""
        _not_here("window is the server's setting: GET /sessions/ID tells it")

    @property
    def engine(self) -> Engine:
        """Raises: it is the server's."""
        _not_here(_NEEDS_REDIS)

    def run(self, flow: Calls[T]) -> T:
        """Run a flow."""
        self._check_open()
        answer: Answer | None = None
        try:
            while True:
                answer = self._transport.send(flow.send(answer))  # type: ignore[arg-type]
        except StopIteration as end:
            result: T = end.value
            return result

    async def arun(self, flow: Calls[T]) -> T:
        """Run a flow."""
        self._check_open()
        answer: Answer | None = None
        while True:
            try:
                call = flow.send(answer)  # type: ignore[arg-type]
            except StopIteration as end:
                result: T = end.value
                return result
            answer = await self._transport.asend(call)

    def append(self, keys: SessionKeys, messages: Sequence[Any], leave_out: Dedup) -> Calls[AppendResult | None]:
        """Store messages."""
        sent = calls.outgoing(messages)
        yield from self._check(keys, sent)
        known = leave_out is not Dedup.OFF
        body = calls.body(sent.records, unless_known=None if known else False)
        yield Call("POST", calls.path(keys, "memory"), calls.user(keys), body, again=known)
        return None

    def follow(
        self, keys: SessionKeys, messages: Sequence[Any], after: str | None, *, read: bool
    ) -> Calls[CatchUpResult]:
        """Store what is new of a conversation, and read the session if that is wanted."""
        yield from self._needs_ours("catching up with a conversation")
        records = calls.outgoing(_from(messages, after)).records
        body = calls.body(records, after=after, read=read)
        answer = yield Call("POST", calls.path(keys, "catch-up"), calls.user(keys), body)
        return CatchUpResult(calls.to_memory(answer) if read else None, None)

    def load(self, keys: SessionKeys) -> Calls[Memory]:
        """Read a session."""
        yield from self._check(keys)
        answer = yield Call("GET", calls.path(keys, "memory"), {"full": "true", **calls.user(keys)})
        return calls.to_memory(answer)

    def delete(self, keys: SessionKeys) -> Calls[bool]:
        """Delete a session. The original does not say whether there was one, so it is read before."""
        yield from self._check(keys)
        there = (yield from self._is_ours()) or (yield from self.load(keys)).total > 0
        answer = yield Call("DELETE", calls.path(keys, "memory"), {"full": "true", **calls.user(keys)})
        return bool(calls.to_mapping(answer).get("deleted", there))

    def sessions(self, user_id: str | None, *, page: int, size: int | None, newest_first: bool) -> Calls[list[str]]:
        """List session ids."""
        if not isinstance(page, int) or page < 1 or not (size is None or (isinstance(size, int) and size >= 1)):
            raise InvalidInputError("page and size are whole numbers from 1; leave size out for all sessions at once")
        if user_id is not None:
            yield from self._needs_ours("listing a user's sessions")
        if not (yield from self._is_ours()):
            ids = yield from self._pages({}, _PAGES)
            ids = ids[::-1] if newest_first else ids
            return ids if size is None and page == 1 else ids[(page - 1) * (size or _PAGE) :][: size or 0]
        query = {"full": "true", "newest_first": "true" if newest_first else "false"}
        if user_id is not None:
            query["user_id"] = user_id
        if size is None:
            return (yield from self._pages(query)) if page == 1 else []
        if size <= _PAGE:
            return (yield from self._page(query, page, size))
        ids = yield from self._pages(query)
        return ids[(page - 1) * size : page * size]

    def delete_user(self, user_id: str) -> Calls[int]:
        """Delete a user's sessions."""
        if not isinstance(user_id, str) or not user_id:
            raise InvalidInputError("user_id must be a string. Give the user whose sessions are to be deleted")
        yield from self._needs_ours("deleting a user")
        answer = yield Call("DELETE", f"/users/{calls.quoted(user_id)}")
        return int(calls.to_mapping(answer).get("deleted", 0))

    def check_search(self) -> None:
        """Nothing is known before the server is asked."""

    def search(self, query: Query) -> Calls[list[Hit]]:
        """Search what was said. The original searches one session, by meaning."""
        if query.filter is not None:
            raise UnsupportedError("a filter of redisvl cannot be sent over REST. Use roles, after and before")
        if not query.text.strip():
            return []
        if (yield from self._is_ours()):
            answer = yield Call("POST", "/search", {}, calls.query(query))
            return calls.to_hits(answer, query)
        plain = Query(query.text, query.k, query.session_id, search_type=query.search_type)
        if query.session_id is None or plain != query:
            _original("searching beyond one session, or with conditions")
        path = f"/sessions/{calls.quoted(query.session_id)}/retrieval"
        answer = yield Call("POST", path, {}, calls.query(Query(query.text)))
        return calls.to_hits(answer, query)[: query.k]

    def create_index(self) -> Calls[None]:
        """Raise: the server creates its index."""
        _not_here(_NEEDS_REDIS)

    def reindex(self, report: Report) -> Calls[int]:
        """Raise: the index is built anew next to Redis."""
        _not_here(_NEEDS_REDIS)

    def compact(self, keys: SessionKeys) -> CompactionReport:
        """Compact a session now."""
        return self.run(self._compact(keys))

    async def acompact(self, keys: SessionKeys) -> CompactionReport:
        """Compact a session now."""
        return await self.arun(self._compact(keys))

    def after_append(self, keys: SessionKeys, left: AppendResult | None) -> None:
        """Nothing: the server does it."""

    async def aafter_append(self, keys: SessionKeys, left: AppendResult | None) -> None:
        """Nothing: the server does it."""

    async def prepare(self, *, counting: bool = False) -> None:
        """Nothing: the server does it."""

    def flush(self) -> None:
        """Nothing: the background is the server's."""

    async def aflush(self) -> None:
        """Nothing: the background is the server's."""

    def close(self) -> None:
        """Close the connections if no other handle shares them."""
        self._closed = True
        self._transport.close()

    async def aclose(self) -> None:
        """Close the connections if no other handle shares them."""
        self._closed = True
        await self._transport.aclose()

    def _compact(self, keys: SessionKeys) -> Calls[CompactionReport]:
        yield from self._needs_ours("compaction on demand")
        answer = yield Call("POST", calls.path(keys, "compact"), calls.user(keys), slow=True)
        done = calls.to_mapping(answer)
        return CompactionReport(done.get("folded", 0), done.get("batches", 0), done.get("tokens", 0))

    def _page(self, query: dict[str, str], page: int, size: int) -> Calls[list[str]]:
        answer = yield Call("GET", "/sessions", {"page": str(page), "size": str(size), **query})
        return calls.to_ids(answer)

    def _pages(self, query: dict[str, str], most: int | None = None) -> Calls[list[str]]:
        ids, page = dict[str, None](), 1
        while most is None or page <= most:
            found = yield from self._page(query, page, _PAGE)
            ids.update(dict.fromkeys(found))
            if len(found) < _PAGE:
                break
            page += 1
        return list(ids)

    def _is_ours(self) -> Calls[bool]:
        """Say whether it is our server; asked once for all handles of an address."""
        if self._transport.ours is None:
            yield Call("GET", "/", probe=True)
        return bool(self._transport.ours)

    def _check(self, keys: SessionKeys, sent: Outgoing | None = None) -> Calls[None]:
        """Refuse what the original would lose, or do although it should not."""
        if keys.user_id is not None:
            yield from self._needs_ours("a session of a user")
        if sent is not None and not sent.plain:
            yield from self._needs_ours("keeping more of a message than its role and text")

    def _needs_ours(self, what: str) -> Calls[None]:
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
    """Work with the server at a URL. No I/O is done until something is asked of it.

    Raises:
        InvalidInputError: The URL cannot be used, or an option.
    """
    if others:
        names = ", ".join(sorted(others))
        raise InvalidInputError(
            f"{names}: configured on the server, see motorhead serve --help. Which namespace it is, the API key decides"
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
    """Leave out what comes before the message that is known to be stored."""
    for at in range(len(messages) - 1, -1, -1) if after is not None else ():
        message = messages[at]
        if (message.get("id") if isinstance(message, dict) else getattr(message, "id", None)) == after:
            return messages[at:]
    return messages


def _original(what: str) -> NoReturn:
    raise UnsupportedError(f"the server is the original Motorhead, which does not offer {what}. Nothing was done")


def _not_here(text: str) -> NoReturn:
    raise UnsupportedError(text)
