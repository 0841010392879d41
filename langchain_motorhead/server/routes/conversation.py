"""Routes of a session's whole conversation: all messages by sequence number, wherever they are stored."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from langchain_motorhead.server import responses
from langchain_motorhead.server.openapi import ApiRoute
from langchain_motorhead.server.request import RequestContext
from langchain_motorhead.server.schemas import conversation as schemas
from langchain_motorhead.server.schemas.limits import MAX_PAGE_MESSAGES, MAX_SEQ
from langchain_motorhead.sessions.transcript import read_page


async def get_messages(request: Request) -> Response:
    """Return messages of a session word for word, oldest first: those in its window, and those that were summarized."""
    asked = RequestContext(request)
    backend = asked.backend
    start = asked.number("start", 0, MAX_SEQ, minimum=0)
    stop = asked.number("stop", MAX_SEQ, MAX_SEQ, minimum=0)
    limit = asked.number("limit", schemas.DEFAULT_PAGE_MESSAGES, MAX_PAGE_MESSAGES)
    epoch = request.query_params.get("epoch") or None
    page = await backend.arun(read_page(asked.keys(backend), start, stop, limit, epoch))
    return responses.transcript(page)


ROUTES = (
    ApiRoute(
        "GET", "/sessions/{session_id}/messages", get_messages, tag="Extensions",
        query=schemas.TranscriptQuery, answer=schemas.TranscriptPage,
    ),
)  # fmt: skip
