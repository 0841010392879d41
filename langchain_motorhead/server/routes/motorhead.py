"""The routes of the original Motorhead server. Their answers are the original's, byte for byte where possible."""

from __future__ import annotations

import time

from starlette.requests import Request
from starlette.responses import Response

from langchain_motorhead.recall.query import Query
from langchain_motorhead.runtime import watched
from langchain_motorhead.server import audit, groups
from langchain_motorhead.server.http import responses
from langchain_motorhead.server.http.body import flag_of, text_of
from langchain_motorhead.server.http.errors import RequestError
from langchain_motorhead.server.http.openapi import ApiRoute
from langchain_motorhead.server.http.openapi_errors import OF_USER, SEARCHES, STORES
from langchain_motorhead.server.http.request import RequestContext
from langchain_motorhead.server.monitoring.tracing import execute
from langchain_motorhead.server.schemas import answers, requests
from langchain_motorhead.server.schemas.base import EXAMPLE_SESSION_ID
from langchain_motorhead.server.schemas.limits import MAX_PAGE_NUMBER, MAX_PAGE_SESSIONS, RETRIEVAL_HITS
from langchain_motorhead.sessions.operations import Dedup
from langchain_motorhead.sessions.snapshot import read_snapshot
from langchain_motorhead.storage.keys import check_user


async def now(_: Request) -> Response:
    """Return the server's time in milliseconds since 1970."""
    return responses.plain({"now": time.time_ns() // 1_000_000})


async def list_sessions(request: Request) -> Response:
    """List session ids, the least recently active first: those of a group, of a user, or those in no group."""
    asked = RequestContext(request)
    motorhead = asked.motorhead
    page, size = asked.number("page", 1), asked.number_up_to("size", 10, MAX_PAGE_SESSIONS)
    group, user_id, full = asked.query_id("namespace"), asked.query_id("user_id"), asked.flag("full")
    if page > MAX_PAGE_NUMBER and not full:
        raise RequestError(f"page must not exceed {MAX_PAGE_NUMBER}")
    newest_first = asked.flag("newest_first")
    if user_id is not None or full:
        return responses.plain(await motorhead.asessions(user_id, page=page, size=size, newest_first=newest_first))
    listed = groups.list_group(motorhead.namespace, group, page=page, size=size)
    return responses.plain(await asked.backend.arun(listed))


async def get_memory(request: Request) -> Response:
    """Read a session: its newest messages, newest first, and the summary of all older ones."""
    asked = RequestContext(request)
    backend = asked.backend
    keys, window = asked.keys(backend), backend.window
    if asked.flag("full"):
        return responses.whole(await backend.arun(backend.load(keys)))
    limit = min(asked.number("limit", window.max_messages), window.read_limit)
    reading = await execute(backend, watched.READ, keys, read_snapshot(keys, -limit))
    check_user(keys, reading.user)
    return responses.memory(reading, window)


async def post_memory(request: Request) -> Response:
    """Append messages to a session. A new session is created. A `context` replaces the summary."""
    asked = RequestContext(request)
    backend = asked.backend
    keys, group = asked.keys(backend), asked.query_id("namespace")
    body = await asked.body()
    context = text_of(body, "context")
    if context is not None:
        audit.note(request.scope, "edit summary", session_id=keys.session_id)
    if backend.append_config.counted:
        await backend.prepare(counting=True)
    messages = asked.messages_of(body)
    records = await asked.records_of(messages, backend)
    dedup = Dedup.SKIP_KNOWN if flag_of(body, "unless_known", default=True) else Dedup.OFF
    if records or context is not None:
        mark = groups.request_mark(asked.idempotency_key(), records, (context, group, dedup))
        operation = groups.post(
            groups.grouped_keys(keys, group), records, backend.append_config,
            context=context, group=group, dedup=dedup, request=mark,
        )  # fmt: skip
        left = await execute(backend, watched.APPEND, keys, operation, messages)
        request.app.state.metrics.counts.messages += left.added if left else 0
        await backend.aafter_append(keys, left)
    return responses.raw(responses.OK)


async def delete_memory(request: Request) -> Response:
    """Delete a session with its messages, its summary and its entries in the search index."""
    asked = RequestContext(request)
    backend = asked.backend
    deleted = await backend.arun(backend.delete(asked.keys(backend)))
    return responses.plain({"status": "Ok", "deleted": deleted}) if asked.flag("full") else responses.raw(responses.OK)


async def retrieve(request: Request) -> Response:
    """Search a session by meaning. The answer has ten messages at most, the best match first."""
    asked = RequestContext(request)
    motorhead = asked.motorhead
    session_id, user_id = asked.path_id("session_id"), asked.query_id("user_id")
    text = text_of(await asked.body(), "text", needed=True) or ""
    query = Query(text, RETRIEVAL_HITS, session_id=session_id, user_id=user_id, search_type="similarity")
    return responses.plain([responses.hit(found) for found in await motorhead._asearch(query)])


_MEMORY = "/sessions/{session_id}/memory"
_RETRIEVAL = "/sessions/{session_id}/retrieval"

# Starlette tries them in order, so the most frequent ones stand first.
ROUTES = (
    ApiRoute(
        "GET", _MEMORY, get_memory, tag="Motorhead API", summary="Read a session",
        query=requests.MemoryQuery, answer=answers.SessionMemory, errors=OF_USER,
    ),
    ApiRoute(
        "POST", _MEMORY, post_memory, tag="Motorhead API", summary="Append messages",
        query=requests.GroupQuery, headers=requests.AppendHeaders, body=requests.NewMessages,
        answer=answers.Done, errors=(*OF_USER, *STORES, "id_conflict", "idempotency_key_reused"),
    ),
    ApiRoute(
        "DELETE", _MEMORY, delete_memory, tag="Motorhead API", summary="Delete a session",
        query=requests.DeleteQuery, answer=answers.Deleted, errors=OF_USER,
    ),
    ApiRoute(
        "POST", _RETRIEVAL, retrieve, tag="Motorhead API", summary="Search a session",
        query=requests.UserQuery, body=requests.RetrievalBody, answer=list[answers.Hit],
        answer_text="The messages found, the best match first.", errors=SEARCHES,
    ),
    ApiRoute(
        "GET", "/sessions", list_sessions, tag="Motorhead API", summary="List sessions",
        query=requests.ListQuery, answer=list[str], answer_text="Ids of sessions.", example=[EXAMPLE_SESSION_ID],
    ),
    ApiRoute("GET", "/", now, tag="Motorhead API", summary="Tell the time", answer=answers.Now, needs_key=False),
)  # fmt: skip
