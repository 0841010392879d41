"""Routes that the original did not have: session counters, compaction, search across sessions, catch-up, users."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from langchain_motorhead.facts.operations import read_learned
from langchain_motorhead.server.http import responses
from langchain_motorhead.server.http.body import flag_of, number_of, text_of
from langchain_motorhead.server.http.errors import RequestError
from langchain_motorhead.server.http.openapi import ApiRoute
from langchain_motorhead.server.http.openapi_errors import HAS_ID, OF_USER, SEARCHES, STORES
from langchain_motorhead.server.http.request import RequestContext
from langchain_motorhead.server.schemas import answers, requests
from langchain_motorhead.server.schemas.limits import MAX_SEARCH_HITS
from langchain_motorhead.sessions import operations
from langchain_motorhead.sessions.compaction.summarize import COUNTED
from langchain_motorhead.sessions.info import read_updated
from langchain_motorhead.sessions.snapshot import read_snapshot
from langchain_motorhead.sessions.summaries.operations import count_versions
from langchain_motorhead.sessions.summaries.origin import kept_to_json
from langchain_motorhead.storage.keys import check_user
from langchain_motorhead.storage.operation import together

# Fields of a search body that the retriever takes under the same name.
_RETRIEVER_FIELDS = frozenset(
    (
        "search_type score_threshold roles after before now neighbors exclude_window fetch_k lambda_mult facts expand"
    ).split()
)


async def get_session(request: Request) -> Response:
    """Return the counters of a session: messages in total, summarized, stored verbatim, and waiting for a summary."""
    asked = RequestContext(request)
    backend = asked.backend
    keys = asked.keys(backend)
    # None of the messages.
    reading, rejected, versions, learned, updated = await backend.aexecute(
        together(
            read_snapshot(keys, 1, 0),
            operations.rejections(keys, COUNTED),
            count_versions(keys),
            read_learned(keys),
            read_updated(keys),
        )
    )
    check_user(keys, reading.user)
    return responses.plain(
        {
            "session_id": keys.session_id,
            "exists": reading.epoch is not None,
            "user_id": reading.user,
            "updated": None if updated is None else updated.isoformat(),
            "length": reading.length,
            "indexed": reading.indexed,
            "learned": learned,
            **responses.counts(reading, backend.window),
            "written_by": reading.author,
            "kept": kept_to_json(reading.kept),
            "rejected": rejected,
            "versions": versions,
            "window": {"max_messages": backend.window.max_messages, "max_tokens": backend.window.max_tokens},
        }
    )


async def compact(request: Request) -> Response:
    """Summarize and remove the oldest messages of a session now, if it has outgrown its window, and wait for it."""
    asked = RequestContext(request)
    session = asked.motorhead.session(asked.path_id("session_id"), asked.query_id("user_id"))
    report = await session.acompact()
    return responses.plain(
        {"status": "Ok", "summarized": report.summarized, "batches": report.batches, "tokens": report.tokens}
    )


async def search(request: Request) -> Response:
    """Search messages by meaning and by words: in one session, in a user's sessions, or all that the key reads."""
    asked = RequestContext(request)
    motorhead = asked.motorhead
    body = await asked.body()
    text = text_of(body, "text", needed=True) or ""
    await asked.warmed()
    fields = {name: body[name] for name in _RETRIEVER_FIELDS if body.get(name) is not None}
    unseen = _unseen(body)
    retriever = motorhead.retriever(
        asked.id_of(body, "session_id"),
        asked.id_of(body, "user_id"),
        k=number_of(body, "k", 10, MAX_SEARCH_HITS),
        **fields,
    )
    found = await motorhead._asearch(retriever.without(unseen).query(text))
    return responses.plain([responses.full_hit(each) for each in found])


def _unseen(body: Mapping[str, Any]) -> tuple[str, int] | None:
    """Parse which messages a search leaves out: those of a session from a sequence number on."""
    unseen = body.get("unseen")
    if unseen is None:
        return None
    session_id, seq = (unseen.get("session_id"), unseen.get("seq")) if isinstance(unseen, dict) else (None, None)
    if not isinstance(session_id, str) or isinstance(seq, bool) or not isinstance(seq, int) or not 0 <= seq < 2**53:
        raise RequestError("unseen must be an object with session_id and seq, a whole number from 0")
    return session_id, seq


async def catch_up(request: Request) -> Response:
    """Store the new messages of a conversation that the client holds, and read the session, in one request."""
    asked = RequestContext(request)
    session = asked.motorhead.session(asked.path_id("session_id"), asked.query_id("user_id"))
    body = await asked.body()
    messages, after = asked.messages_of(body), text_of(body, "after")
    if flag_of(body, "read", default=True):
        return responses.whole(await session.acatch_up(messages, after=after))
    await session.aappend_new(messages, after=after)
    return responses.raw(responses.OK)


async def delete_user(request: Request) -> Response:
    """Delete all sessions of a user, with their messages, summaries and entries in the search index."""
    asked = RequestContext(request)
    motorhead = asked.motorhead
    deleted = await motorhead.adelete_user(asked.path_id("user_id"))
    return responses.plain({"status": "Ok", "deleted": deleted})


_SESSION = "/sessions/{session_id}"

ROUTES = (
    ApiRoute(
        "GET", _SESSION, get_session, tag="Extensions", summary="Count a session's messages",
        query=requests.UserQuery, answer=answers.SessionInfo, errors=OF_USER,
    ),
    ApiRoute(
        "POST", f"{_SESSION}/compact", compact, tag="Extensions", summary="Compact a session",
        query=requests.UserQuery, answer=answers.Compacted,
        errors=(*OF_USER, "embedding_failed", "embedding_mismatch", "summarization_failed"),
    ),
    ApiRoute(
        "POST", "/search", search, tag="Extensions", summary="Search sessions",
        body=requests.SearchBody, answer=list[answers.SearchHit],
        answer_text="The messages found, the best match first.", errors=(*HAS_ID, *SEARCHES),
    ),
    ApiRoute(
        "POST", f"{_SESSION}/catch-up", catch_up, tag="Extensions", summary="Store a conversation, and read it",
        query=requests.UserQuery, body=requests.Conversation, answer=answers.SessionMemory | answers.Done,
        answer_text="The session; with `read=false`, only that it was stored.", errors=(*OF_USER, *STORES),
    ),
    ApiRoute(
        "DELETE", "/users/{user_id}", delete_user, tag="Extensions", summary="Delete a user",
        answer=answers.UserDeleted,
    ),
)  # fmt: skip
