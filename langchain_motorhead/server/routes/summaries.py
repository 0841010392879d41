"""Routes of the versions of a session's summary: read them, replace the summary, make it again."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from langchain_motorhead.server.http import responses
from langchain_motorhead.server.http.body import flag_of, text_of
from langchain_motorhead.server.http.openapi import ApiRoute
from langchain_motorhead.server.http.openapi_errors import OF_USER
from langchain_motorhead.server.http.request import RequestContext
from langchain_motorhead.server.schemas import answers, requests
from langchain_motorhead.server.schemas import summaries as schemas
from langchain_motorhead.sessions.snapshot import read_snapshot
from langchain_motorhead.sessions.summaries.rebuilding import RebuildReport
from langchain_motorhead.storage.keys import check_user


async def get_summary(request: Request) -> Response:
    """Return the summary of a session."""
    asked = RequestContext(request)
    keys = asked.keys(asked.backend)
    reading = await asked.backend.aexecute(read_snapshot(keys, 1, 0))
    check_user(keys, reading.user)
    return responses.plain({"summary": reading.summary, "summarized": reading.covered, "written_by": reading.author})


async def put_summary(request: Request) -> Response:
    """Replace the summary of a session by a text, which is checked as a model's answer would be."""
    asked = RequestContext(request)
    body = await asked.body()
    text, override = text_of(body, "text", needed=True) or "", flag_of(body, "override", default=False)
    session = asked.motorhead.session(asked.path_id("session_id"), asked.query_id("user_id"))
    await session.aset_summary(text, override=override)
    return responses.raw(responses.OK)


async def get_summaries(request: Request) -> Response:
    """Return the latest versions of a session's summary, oldest first."""
    asked = RequestContext(request)
    session = asked.motorhead.session(asked.path_id("session_id"), asked.query_id("user_id"))
    return responses.plain([responses.version(each) for each in await session.asummaries()])


async def rebuild(request: Request) -> Response:
    """Make the summary of a session again from its messages. The old one stays in use until then."""
    asked = RequestContext(request)
    body = await asked.body(needed=False)
    prompt, wait = text_of(body, "prompt"), flag_of(body, "wait", default=False)
    await asked.warmed()
    session = asked.motorhead.session(asked.path_id("session_id"), asked.query_id("user_id"))
    if wait:
        report = await session.arebuild_summary(prompt=prompt)
    else:
        await session.arebuild_summary(prompt=prompt, wait=False)
        report = RebuildReport()
    return responses.plain(
        {"status": "Ok", "messages": report.messages, "batches": report.batches, "tokens": report.tokens}
    )


_SESSION = "/sessions/{session_id}"
_CHANGES = (*OF_USER, "session_replaced", "summarization_failed")

ROUTES = (
    ApiRoute(
        "GET", f"{_SESSION}/summary", get_summary, tag="Extensions", summary="Read the summary",
        query=requests.UserQuery, answer=schemas.Summary, errors=OF_USER,
    ),
    ApiRoute(
        "PUT", f"{_SESSION}/summary", put_summary, tag="Extensions", summary="Replace the summary",
        query=requests.UserQuery, body=schemas.NewSummary, answer=answers.Done, errors=_CHANGES,
    ),
    ApiRoute(
        "GET", f"{_SESSION}/summaries", get_summaries, tag="Extensions", summary="Read the versions of the summary",
        query=requests.UserQuery, answer=list[schemas.SummaryVersion],
        answer_text="Versions of the summary, oldest first.", errors=OF_USER,
    ),
    ApiRoute(
        "POST", f"{_SESSION}/rebuild", rebuild, tag="Extensions", summary="Make the summary again",
        query=requests.UserQuery, body=schemas.RebuildBody, needs_body=False, answer=schemas.Rebuilt,
        errors=_CHANGES,
    ),
)  # fmt: skip
