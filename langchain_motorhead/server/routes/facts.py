"""Routes of the facts about a user: read, stated, corrected, forgotten, and everything about the user exported.

The functions answer also for a session without a user, whose routes and their descriptions are in `session_facts.py`.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from langchain_motorhead.facts.editing import DEFAULT_ATTRIBUTE
from langchain_motorhead.facts.model import USER
from langchain_motorhead.facts.reading import PROFILE_TOKENS
from langchain_motorhead.facts.records import to_data
from langchain_motorhead.handles.user import User
from langchain_motorhead.server.http import responses
from langchain_motorhead.server.http.body import text_of
from langchain_motorhead.server.http.errors import RequestError
from langchain_motorhead.server.http.openapi import ApiRoute
from langchain_motorhead.server.http.request import RequestContext
from langchain_motorhead.server.schemas import facts as schemas


async def get_facts(request: Request) -> Response:
    """Return facts about a user: those that a person stated first, then the newest; or those that match a query."""
    asked = RequestContext(request)
    found = await _owner(asked).afacts(
        request.query_params.get("query") or None,
        asked.number("k", 100, schemas.MAX_FACTS),
        as_of=_time("as_of", request.query_params.get("as_of") or None),
        superseded=asked.flag("superseded"),
    )
    return responses.plain({"facts": [to_data(fact) for fact in found]})


async def add_fact(request: Request) -> Response:
    """Store a fact that a person states. No model can change it."""
    asked = RequestContext(request)
    owner, body = _owner(asked), await asked.body()
    fact = await owner.aremember(
        text_of(body, "text", needed=True) or "",
        subject=text_of(body, "subject") or USER,
        attribute=text_of(body, "attribute") or DEFAULT_ATTRIBUTE,
        valid_from=_time("valid_from", text_of(body, "valid_from")),
        valid_until=_time("valid_until", text_of(body, "valid_until")),
    )
    return responses.plain(to_data(fact))


async def correct_fact(request: Request) -> Response:
    """Put a fact that a person states in the place of another one, which is superseded."""
    asked = RequestContext(request)
    owner, body = _owner(asked), await asked.body()
    fact = await owner.acorrect(asked.path_id("fact_id"), text_of(body, "text", needed=True) or "")
    return responses.plain(to_data(fact))


async def delete_fact(request: Request) -> Response:
    """Remove a fact for good. Facts that it had superseded hold again."""
    asked = RequestContext(request)
    deleted = await _owner(asked).aforget(asked.path_id("fact_id"))
    return responses.plain({"status": "Ok", "deleted": deleted})


async def get_profile(request: Request) -> Response:
    """Return what is most important to know about a user, as text for a prompt."""
    asked = RequestContext(request)
    tokens = asked.number("max_tokens", PROFILE_TOKENS, schemas.MAX_PROFILE_TOKENS)
    return responses.plain({"profile": await _owner(asked).aprofile(tokens)})


async def export_user(request: Request) -> Response:
    """Return all that is stored about a user: facts with their sources, and sessions with all their messages."""
    return responses.plain(await _owner(RequestContext(request)).aexport())


def _owner(asked: RequestContext) -> User:
    """Return whose facts they are: the user of the path, or its session, which has facts of its own without a user."""
    if "user_id" in asked.request.path_params:
        return asked.motorhead.user(asked.path_id("user_id"))
    return asked.motorhead.user(session_id=asked.path_id("session_id"))


def _time(name: str, text: str | None) -> Any:
    """Parse a time of a request.

    Raises:
        RequestError: It is no time with a time zone.
    """
    if text is None:
        return None
    try:
        # A plus in a query is a space.
        time = datetime.fromisoformat(text.strip().replace(" ", "+"))
    except ValueError:
        time = None
    if time is None or time.tzinfo is None:
        raise RequestError(f"{name} must be a time in ISO 8601 with a time zone, such as 2025-06-01T12:00:00Z")
    return time


_FACTS = "/users/{user_id}/facts"
_FACT = f"{_FACTS}/{{fact_id}}"

ROUTES = (
    ApiRoute(
        "GET", _FACTS, get_facts, tag="Extensions", summary="Read facts",
        query=schemas.FactsQuery, answer=schemas.FactList,
    ),
    ApiRoute(
        "POST", _FACTS, add_fact, tag="Extensions", summary="State a fact",
        body=schemas.NewFact, answer=schemas.StoredFact, errors=("invalid_input",),
    ),
    ApiRoute(
        "PUT", _FACT, correct_fact, tag="Extensions", summary="Correct a fact",
        body=schemas.FactText, answer=schemas.StoredFact, errors=("invalid_input", "unknown_fact"),
    ),
    ApiRoute(
        "DELETE", _FACT, delete_fact, tag="Extensions", summary="Delete a fact", answer=schemas.FactDeleted
    ),
    ApiRoute(
        "GET", "/users/{user_id}/profile", get_profile, tag="Extensions", summary="Read a user's profile",
        query=schemas.ProfileQuery, answer=schemas.Profile,
    ),
    ApiRoute(
        "GET", "/users/{user_id}/export", export_user, tag="Extensions", summary="Export a user",
        answer=schemas.UserExport,
    ),
)  # fmt: skip
