"""The original's wire: its seven requests, and its answers, byte for byte where it can be."""

from __future__ import annotations

import time

from fastapi import APIRouter, Request
from starlette.responses import Response

from langchain_motorhead.recall.query import Query
from langchain_motorhead.server import groups as posting
from langchain_motorhead.server import openapi as described
from langchain_motorhead.server import responses as answers
from langchain_motorhead.server.errors import RequestError
from langchain_motorhead.server.request import RequestContext, flag_of, text_of, to_records
from langchain_motorhead.sessions import load as loading
from langchain_motorhead.sessions import operations
from langchain_motorhead.sessions import registry as sessions
from langchain_motorhead.sessions.operations import Dedup
from langchain_motorhead.storage.keys import check_user

router = APIRouter(tags=["The wire of Motorhead"])

_MOST_PAGES, _MOST_ON_A_PAGE = 100, 1_000
_FOUND = 10


@router.get("/", **described.NOW)
async def now(_: Request) -> Response:
    """Tell the time, in milliseconds since 1970."""
    return answers.plain({"now": time.time_ns() // 1_000_000})


@router.get("/sessions", **described.SESSIONS)
async def list_sessions(request: Request) -> Response:
    """List session ids, the least recently active first: of a group, of a user, or those posted without a group."""
    asked = RequestContext(request)
    motorhead = asked.motorhead
    page, size = asked.number("page", 1), asked.number("size", 10, _MOST_ON_A_PAGE)
    group, user_id, full = asked.query_id("namespace"), asked.query_id("user_id"), asked.flag("full")
    if page > _MOST_PAGES and not full:
        raise RequestError(f"page must not exceed {_MOST_PAGES}")
    newest_first = asked.flag("newest_first")
    if user_id is not None or full:
        return answers.plain(await motorhead.asessions(user_id, page=page, size=size, newest_first=newest_first))
    listed = posting.list_group(motorhead.namespace, group, page=page, size=size)
    return answers.plain(await asked.backend.arun(listed))


@router.get("/sessions/{session_id}/memory", **described.GET_MEMORY)
async def get_memory(request: Request) -> Response:
    """Read a session: its newest messages, newest first, and the summary of what was before."""
    asked = RequestContext(request)
    backend = asked.backend
    keys, window = asked.keys(backend), backend.window
    if asked.flag("full"):
        return answers.whole(await backend.arun(loading.load(keys, window)))
    limit = min(asked.number("limit", window.max_messages), window.read_limit)
    reading = await backend.aexecute(operations.read(keys, -limit))
    check_user(keys, reading.user)
    return answers.memory(reading, window)


@router.post("/sessions/{session_id}/memory", **described.POST_MEMORY)
async def post_memory(request: Request) -> Response:
    """Append messages to a session, making it if it is not there. A context replaces the summary."""
    asked = RequestContext(request)
    backend = asked.backend
    keys, group = asked.keys(backend), asked.query_id("namespace")
    body = await asked.body()
    context = text_of(body, "context")
    if backend.append_config.counted:
        await backend.prepare(counting=True)
    records = to_records(asked.messages_of(body), backend.append_config)
    dedup = Dedup.SKIP_KNOWN if flag_of(body, "unless_known", default=True) else Dedup.OFF
    if records or context is not None:
        operation = posting.post(
            posting.grouped_keys(keys, group), records, backend.append_config, context=context, group=group, dedup=dedup
        )
        left = await backend.aexecute(operation)
        request.app.state.metrics.messages.inc(left.added if left else 0)
        await backend.aafter_append(keys, left)
    return answers.raw(answers.OK)


@router.delete("/sessions/{session_id}/memory", **described.DELETE_MEMORY)
async def delete_memory(request: Request) -> Response:
    """Delete a session and everything of it."""
    asked = RequestContext(request)
    backend = asked.backend
    deleted = await backend.arun(sessions.delete_session(asked.keys(backend), one_slot=backend.one_slot))
    return answers.plain({"status": "Ok", "deleted": deleted}) if asked.flag("full") else answers.raw(answers.OK)


@router.post("/sessions/{session_id}/retrieval", **described.RETRIEVAL)
async def retrieve(request: Request) -> Response:
    """Search a session by meaning: ten messages at most, nearest first."""
    asked = RequestContext(request)
    motorhead = asked.motorhead
    session_id, user_id = asked.path_id("session_id"), asked.query_id("user_id")
    text = text_of(await asked.body(), "text", needed=True) or ""
    query = Query(text, _FOUND, session_id=session_id, user_id=user_id, search_type="similarity")
    return answers.plain([answers.hit(found) for found in await motorhead._asearch(query)])
