"""Routes of the facts that a session without a user has of its own, and of learning from a session now."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from langchain_motorhead.facts.learning.report import report_to_data
from langchain_motorhead.server.http import responses
from langchain_motorhead.server.http.openapi import ApiRoute
from langchain_motorhead.server.http.request import RequestContext
from langchain_motorhead.server.routes import facts
from langchain_motorhead.server.schemas import facts as schemas
from langchain_motorhead.server.schemas import requests


async def get_session_facts(request: Request) -> Response:
    """Return the facts that a session without a user has of its own: pinned ones first, then the newest."""
    return await facts.get_facts(request)


async def add_session_fact(request: Request) -> Response:
    """Store a fact that a person states, for a session without a user. No model can change it."""
    return await facts.add_fact(request)


async def correct_session_fact(request: Request) -> Response:
    """Put a fact that a person states in the place of one of a session without a user, which is superseded."""
    return await facts.correct_fact(request)


async def delete_session_fact(request: Request) -> Response:
    """Remove a fact of a session without a user for good. Facts that it had superseded hold again."""
    return await facts.delete_fact(request)


async def get_session_profile(request: Request) -> Response:
    """Return the most important facts of a session without a user, as text for a prompt."""
    return await facts.get_profile(request)


async def learn(request: Request) -> Response:
    """Learn facts from the messages of a session that were not learned yet now, and wait for it."""
    asked = RequestContext(request)
    session = asked.motorhead.session(asked.path_id("session_id"), asked.query_id("user_id"))
    return responses.plain({"status": "Ok", **report_to_data(await session.alearn())})


_SESSION = "/sessions/{session_id}"
_FACTS = f"{_SESSION}/facts"
_FACT = f"{_FACTS}/{{fact_id}}"

ROUTES = (
    ApiRoute(
        "GET", _FACTS, get_session_facts, tag="Extensions", summary="Read a session's own facts",
        query=schemas.FactsQuery, answer=schemas.FactList,
    ),
    ApiRoute(
        "POST", _FACTS, add_session_fact, tag="Extensions", summary="State a fact for a session",
        body=schemas.NewFact, answer=schemas.StoredFact, errors=("invalid_input",),
    ),
    ApiRoute(
        "PUT", _FACT, correct_session_fact, tag="Extensions", summary="Correct a session's own fact",
        body=schemas.FactText, answer=schemas.StoredFact, errors=("invalid_input", "unknown_fact"),
    ),
    ApiRoute(
        "DELETE", _FACT, delete_session_fact, tag="Extensions", summary="Delete a session's own fact",
        answer=schemas.FactDeleted,
    ),
    ApiRoute(
        "GET", f"{_SESSION}/profile", get_session_profile, tag="Extensions", summary="Read a session's profile",
        query=schemas.ProfileQuery, answer=schemas.Profile,
    ),
    ApiRoute(
        "POST", f"{_SESSION}/learn", learn, tag="Extensions", summary="Learn from a session now",
        query=requests.UserQuery, answer=schemas.Learned, errors=("invalid_input", "learning_failed"),
    ),
)  # fmt: skip
