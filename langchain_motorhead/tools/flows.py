"""What each tool does, as a flow: one copy for LangChain and MCP, sync and async, Redis and a server."""

from __future__ import annotations

from datetime import datetime

from langchain_motorhead.backends.base import BackendFlow
from langchain_motorhead.exceptions import InvalidInputError, UnknownFactError
from langchain_motorhead.facts.editing import DEFAULT_ATTRIBUTE
from langchain_motorhead.facts.model import USER
from langchain_motorhead.facts.reading import FactQuery
from langchain_motorhead.messages.quoting import block
from langchain_motorhead.recall.search_options import to_query
from langchain_motorhead.sessions.info import SessionInfo
from langchain_motorhead.tools import arguments, rendering
from langchain_motorhead.tools.scope import ToolScope

_PAGE_SESSIONS = 20


def search_memory(scope: ToolScope, given: arguments.SearchMemory) -> BackendFlow[str]:
    """Search what was said in the conversations of the scope."""
    unseen = None
    if scope.in_prompt and scope.session_id is not None:
        memory = yield from scope.backend.load(scope.keys(scope.session_id))
        unseen = (scope.session_id, memory.start)
    query = to_query(
        given.query,
        scope.backend.namespace,
        session_id=scope.session_id if scope.user_id is None else None,
        user_id=scope.user_id,
        unseen=unseen,
        k=given.count,
        now=datetime.now(scope.zone),
    )
    hits = yield from scope.backend.search(query)
    return rendering.found(hits)


def read_conversation(scope: ToolScope, given: arguments.ReadConversation) -> BackendFlow[str]:
    """Read messages of a conversation word for word: the newest ones, or those at a place."""
    if given.around is not None and given.start is not None:
        raise InvalidInputError("give either around or start, not both")
    session_id = given.session_id or scope.session_id
    if session_id is None:
        raise InvalidInputError("give a session_id, as search_memory and list_sessions show it")
    info = yield from _reached(scope, session_id)
    if given.start is not None:
        start = anchor = given.start
    elif given.around is not None:
        start, anchor = max(0, given.around - given.count // 2), given.around
    else:
        start, anchor = max(0, info.total - given.count), info.total
    page = yield from scope.backend.transcript(scope.keys(session_id), start, start + given.count, given.count, None)
    return rendering.conversation(info, page, anchor)


def list_sessions(scope: ToolScope, given: arguments.ListSessions) -> BackendFlow[str]:
    """List the conversations of the scope, the newest first."""
    if scope.user_id is None:
        ids = [scope.session_id or ""] if given.page == 1 else []
    else:
        ids = yield from scope.backend.sessions(scope.user_id, page=given.page, size=_PAGE_SESSIONS, newest_first=True)
    infos = yield from scope.backend.describe(ids)
    return rendering.sessions([each for each in infos if each is not None and scope.reaches(each)], given.page)


def user_profile(scope: ToolScope, given: arguments.UserProfile) -> BackendFlow[str]:
    """Return facts about the user, with their ids: those that match, or else the most important ones."""
    found = yield from scope.facts.find(FactQuery(given.query or None, given.count))
    if found or not given.query:
        return rendering.facts(found)
    every = yield from scope.facts.find(FactQuery(None, given.count))  # a fact may say it in other words
    return (
        f"No fact has these words. The most important facts:\n{rendering.facts(every)}"
        if every
        else rendering.facts([])
    )


def remember(scope: ToolScope, given: arguments.Remember) -> BackendFlow[str]:
    """Store a fact about the user."""
    fact = yield from scope.facts.remember(
        given.text, subject=USER, attribute=given.attribute or DEFAULT_ATTRIBUTE, valid_from=None, valid_until=None
    )
    return f"Remembered as fact {fact.id}."


def correct_fact(scope: ToolScope, given: arguments.CorrectFact) -> BackendFlow[str]:
    """Put another fact in the place of one."""
    fact = yield from scope.facts.correct(given.fact_id, given.text)
    return f"Fact {rendering.quoted_id(given.fact_id)} is superseded by fact {fact.id}."


def forget_fact(scope: ToolScope, given: arguments.ForgetFact) -> BackendFlow[str]:
    """Remove a fact for good."""
    if not (yield from scope.facts.forget(given.fact_id)):
        raise UnknownFactError(
            f"there is no fact {rendering.quoted_id(given.fact_id[:80])}. user_profile shows the ids"
        )
    return f"Fact {rendering.quoted_id(given.fact_id)} was removed."


def read_summary(scope: ToolScope, session_id: str) -> BackendFlow[str]:
    """Return the summary of a conversation, quoted. Empty if there is none."""
    yield from _reached(scope, session_id)
    memory = yield from scope.backend.load(scope.keys(session_id))
    return "" if memory.summary is None else block("summary", rendering.clipped(memory.summary, rendering.MAX_QUOTED))


def newest_sessions(scope: ToolScope) -> BackendFlow[list[str]]:
    """Return the ids of the newest conversations of the scope."""
    if scope.user_id is None:
        return [scope.session_id or ""]
    return (yield from scope.backend.sessions(scope.user_id, page=1, size=_PAGE_SESSIONS, newest_first=True))


def _reached(scope: ToolScope, session_id: str) -> BackendFlow[SessionInfo]:
    """Return a session of the scope. Whether there is one outside of it is not said."""
    infos = (yield from scope.backend.describe([session_id])) if scope.may_name(session_id) else [None]
    if infos[0] is None or not scope.reaches(infos[0]):
        raise InvalidInputError(
            f"there is no conversation {rendering.quoted_id(session_id[:80])} that can be read here"
        )
    return infos[0]
