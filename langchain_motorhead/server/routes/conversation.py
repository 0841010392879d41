"""Routes of a session's whole conversation: its messages are read, forgotten and edited wherever they are stored."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from langchain_motorhead.server.http import responses
from langchain_motorhead.server.http.errors import RequestError
from langchain_motorhead.server.http.openapi import ApiRoute
from langchain_motorhead.server.http.openapi_errors import OF_USER
from langchain_motorhead.server.http.request import RequestContext
from langchain_motorhead.server.schemas import conversation as schemas
from langchain_motorhead.server.schemas import requests
from langchain_motorhead.server.schemas.limits import MAX_PAGE_MESSAGES, MAX_SEQ


async def get_messages(request: Request) -> Response:
    """Return messages of a session word for word, oldest first: those in its window, and those that were summarized."""
    asked = RequestContext(request)
    backend = asked.backend
    start = asked.number("start", 0, MAX_SEQ, minimum=0)
    stop = asked.number("stop", MAX_SEQ, MAX_SEQ, minimum=0)
    limit = asked.number("limit", schemas.DEFAULT_PAGE_MESSAGES, MAX_PAGE_MESSAGES)
    epoch = request.query_params.get("epoch") or None
    page = await backend.arun(backend.transcript(asked.keys(backend), start, stop, limit, epoch))
    return responses.transcript(page)


async def forget_messages(request: Request) -> Response:
    """Forget messages of a session for good, with all that was made of them. All of them, or none after an error."""
    asked = RequestContext(request)
    session = asked.motorhead.session(asked.path_id("session_id"), asked.query_id("user_id"))
    ids = (await asked.body()).get("message_ids")
    if not isinstance(ids, list):
        raise RequestError("message_ids must be a list of ids, or of sequence numbers")
    return responses.receipt(await session.aforget(ids))


async def put_message(request: Request) -> Response:
    """Replace a message of a session by another one, at its place and under its id."""
    asked = RequestContext(request)
    session = asked.motorhead.session(asked.path_id("session_id"), asked.query_id("user_id"))
    named = asked.path_id("seq")
    if asked.flag("by_id"):
        return responses.receipt(await session.aedit(named, await asked.body()))
    if not (named.isascii() and named.isdigit() and int(named) <= MAX_SEQ):
        raise RequestError("give the sequence number of the message, or its id with by_id=true")
    return responses.receipt(await session.aedit(int(named), await asked.body()))


ROUTES = (
    ApiRoute(
        "GET", "/sessions/{session_id}/messages", get_messages, tag="Extensions", summary="Read messages",
        query=schemas.TranscriptQuery, answer=schemas.TranscriptPage, errors=(*OF_USER, "session_replaced"),
    ),
    ApiRoute(
        "PUT", "/sessions/{session_id}/messages/{seq}", put_message, tag="Extensions", summary="Edit a message",
        query=schemas.EditQuery, body=requests.NewMessage, answer=schemas.Receipt,
        errors=(*OF_USER, "invalid_message", "unknown_message"),
    ),
    ApiRoute(
        "POST", "/sessions/{session_id}/forget", forget_messages, tag="Extensions", summary="Forget messages",
        query=requests.UserQuery, body=schemas.ForgetBody, answer=schemas.Receipt,
        errors=(*OF_USER, "unknown_message"),
    ),
)  # fmt: skip
