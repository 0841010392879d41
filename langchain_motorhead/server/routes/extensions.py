"""What is new beside the wire: a session's counts, compaction on demand, search across sessions, users."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from langchain_motorhead.server import openapi as described
from langchain_motorhead.server import responses as answers
from langchain_motorhead.server.errors import RequestError
from langchain_motorhead.server.request import RequestContext, flag_of, number_of, text_of
from langchain_motorhead.sessions import operations
from langchain_motorhead.storage.keys import check_user

router = APIRouter(tags=["Beside the wire"])

_MOST_FOUND = 1_000
# Fields of a search that are those of a retriever.
_SEARCH = frozenset(
    "search_type score_threshold roles after before neighbors exclude_window fetch_k lambda_mult".split()
)


@router.get("/sessions/{session_id}", **described.SESSION)
async def get_session(request: Request) -> Response:
    """Tell the counts of a session: messages in all, summarized, in the list, and how many are due."""
    asked = RequestContext(request)
    backend = asked.backend
    keys = asked.keys(backend)
    reading = await backend.aexecute(operations.read(keys, 1, 0))  # none of the messages
    check_user(keys, reading.user)
    return answers.plain(
        {
            "session_id": keys.session_id,
            "exists": reading.epoch is not None,
            "user_id": reading.user,
            "length": reading.length,
            "indexed": reading.indexed,
            **answers.counts(reading, backend.window),
            "window": {"max_messages": backend.window.max_messages, "max_tokens": backend.window.max_tokens},
        }
    )


@router.post("/sessions/{session_id}/compact", **described.COMPACT)
async def compact(request: Request) -> Response:
    """Fold the oldest messages of a session into its summary now, if that is due, and wait for it."""
    asked = RequestContext(request)
    session = asked.motorhead.session(asked.path_id("session_id"), asked.query_id("user_id"))
    report = await session.acompact()
    return answers.plain({"status": "Ok", "folded": report.folded, "batches": report.batches, "tokens": report.tokens})


@router.post("/search", **described.SEARCH)
async def search(request: Request) -> Response:
    """Search what was said: in the whole namespace of the key, in the sessions of a user, or in one session."""
    asked = RequestContext(request)
    motorhead = asked.motorhead
    body = await asked.body()
    text = text_of(body, "text", needed=True) or ""
    fields = {name: body[name] for name in _SEARCH if body.get(name) is not None}
    unseen = _unseen(body)
    retriever = motorhead.retriever(
        asked.id_of(body, "session_id"),
        asked.id_of(body, "user_id"),
        k=number_of(body, "k", 10, _MOST_FOUND),
        **fields,
    )
    found = await motorhead._asearch(retriever.without(unseen).query(text))
    return answers.plain([answers.full_hit(each) for each in found])


def _unseen(body: Mapping[str, Any]) -> tuple[str, int] | None:
    """Read what a search leaves out: messages of a session from a sequence number on."""
    unseen = body.get("unseen")
    if unseen is None:
        return None
    session_id, seq = (unseen.get("session_id"), unseen.get("seq")) if isinstance(unseen, dict) else (None, None)
    if not isinstance(session_id, str) or isinstance(seq, bool) or not isinstance(seq, int) or not 0 <= seq < 2**53:
        raise RequestError("unseen must be an object with session_id and seq, a whole number from 0")
    return session_id, seq


@router.post("/sessions/{session_id}/catch-up", **described.CATCH_UP)
async def catch_up(request: Request) -> Response:
    """Store what is new of a conversation that is held elsewhere, and read the session, in one go."""
    asked = RequestContext(request)
    session = asked.motorhead.session(asked.path_id("session_id"), asked.query_id("user_id"))
    body = await asked.body()
    messages, after = asked.messages_of(body), text_of(body, "after")
    if flag_of(body, "read", default=True):
        return answers.whole(await session.acatch_up(messages, after=after))
    await session.aappend_new(messages, after=after)
    return answers.raw(answers.OK)


@router.delete("/users/{user_id}", **described.USER)
async def delete_user(request: Request) -> Response:
    """Delete every session of a user, and everything of them."""
    asked = RequestContext(request)
    motorhead = asked.motorhead
    deleted = await motorhead.adelete_user(asked.path_id("user_id"))
    return answers.plain({"status": "Ok", "deleted": deleted})
