"""What is new beside the wire: a session's counts, compaction on demand, search across sessions, users."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from langchain_motorhead import operations
from langchain_motorhead.hits import Query
from langchain_motorhead.keys import check_user
from langchain_motorhead.server import answers, described
from langchain_motorhead.server.errors import RequestError
from langchain_motorhead.server.requests import Asked, number_of, text_of

router = APIRouter(tags=["Beside the wire"])

_MOST_FOUND = 100
_KINDS = ("hybrid", "similarity")


@router.get("/sessions/{session_id}", **described.SESSION)
async def get_session(request: Request) -> Response:
    """Tell the counts of a session: messages in all, summarized, in the list, and how many are due."""
    asked = Asked(request)
    engine = asked.engine
    keys = asked.keys(engine)
    reading = await engine.aexecute(operations.read(keys, 1, 0))  # none of the messages
    check_user(keys, reading.user)
    return answers.plain(
        {
            "session_id": keys.session_id,
            "exists": reading.epoch is not None,
            "user_id": reading.user,
            "length": reading.length,
            "indexed": reading.indexed,
            **answers.counts(reading, engine.window),
            "window": {"max_messages": engine.window.max_messages, "max_tokens": engine.window.max_tokens},
        }
    )


@router.post("/sessions/{session_id}/compact", **described.COMPACT)
async def compact(request: Request) -> Response:
    """Fold the oldest messages of a session into its summary now, if that is due, and wait for it."""
    asked = Asked(request)
    session = asked.motorhead.session(asked.path_id("session_id"), asked.query_id("user_id"))
    report = await session.acompact()
    return answers.plain({"status": "Ok", "folded": report.folded, "batches": report.batches, "tokens": report.tokens})


@router.post("/search", **described.SEARCH)
async def search(request: Request) -> Response:
    """Search what was said: in the whole namespace of the key, in the sessions of a user, or in one session."""
    asked = Asked(request)
    motorhead = asked.motorhead
    body = await asked.body()
    kind = text_of(body, "search_type") or "hybrid"
    if kind not in _KINDS:
        raise RequestError(f"search_type must be one of {', '.join(_KINDS)}")
    query = Query(
        text_of(body, "text", needed=True) or "",
        number_of(body, "k", 10, _MOST_FOUND),
        session_id=asked.id_of(body, "session_id"),
        user_id=asked.id_of(body, "user_id"),
        search_type=kind,
    )
    return answers.plain([answers.full_hit(found) for found in await motorhead._asearch(query)])


@router.delete("/users/{user_id}", **described.USER)
async def delete_user(request: Request) -> Response:
    """Delete every session of a user, and everything of them."""
    asked = Asked(request)
    motorhead = asked.motorhead
    deleted = await motorhead.adelete_user(asked.path_id("user_id"))
    return answers.plain({"status": "Ok", "deleted": deleted})
