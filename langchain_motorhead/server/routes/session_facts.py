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
        "GET", _FACTS, facts.get_facts,
        name="get_session_facts", tag="Extensions", summary="Read a session's own facts",
        description="Return the facts of its own that a session without a user has: pinned first, then the newest.",
        query=schemas.FactsQuery, answer=schemas.FactList,
    ),
    ApiRoute(
        "POST", _FACTS, facts.add_fact,
        name="add_session_fact", tag="Extensions", summary="State a fact for a session",
        description="Store a fact that a person states, for a session without a user. No model can change it.",
        body=schemas.NewFact, answer=schemas.StoredFact, errors=("invalid_input",),
    ),
    ApiRoute(
        "PUT", _FACT, facts.correct_fact,
        name="correct_session_fact", tag="Extensions", summary="Correct a session's own fact",
        description="Put a fact that a person states in the place of a session's own one, which is superseded.",
        body=schemas.FactText, answer=schemas.StoredFact, errors=("invalid_input", "unknown_fact"),
    ),
    ApiRoute(
        "DELETE", _FACT, facts.delete_fact,
        name="delete_session_fact", tag="Extensions", summary="Delete a session's own fact",
        description="Remove a fact of a session without a user for good. Facts that it had superseded hold again.",
        answer=schemas.FactDeleted,
    ),
    ApiRoute(
        "GET", f"{_SESSION}/profile", facts.get_profile,
        name="get_session_profile", tag="Extensions", summary="Read a session's profile",
        description="Return the most important facts of a session without a user, as text for a prompt.",
        query=schemas.ProfileQuery, answer=schemas.Profile,
    ),
    ApiRoute(
        "POST", f"{_SESSION}/learn", learn, tag="Extensions", summary="Learn from a session now",
        query=requests.UserQuery, answer=schemas.Learned, errors=("invalid_input", "learning_failed"),
    ),
)  # fmt: skip
