"""The addresses of the memory page. Ids are in the query, where every id can be written, and keys in no address."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from langchain_motorhead.server.http.errors import NotFoundError
from langchain_motorhead.server.page import browsing, events, finding, knowledge, signing_in
from langchain_motorhead.server.page.actions import action as actions
from langchain_motorhead.server.page.actions import message as message_actions
from langchain_motorhead.server.page.actions import session as session_actions
from langchain_motorhead.server.page.actions import user as user_actions
from langchain_motorhead.server.page.actions.action import Action
from langchain_motorhead.server.page.visit import Answer, PageState, Visit, page

_ACTIONS: Mapping[str, Action] = {
    **session_actions.ACTIONS, **message_actions.ACTIONS, **knowledge.ACTIONS, **user_actions.ACTIONS
}  # fmt: skip
_CACHE = {"Cache-Control": "public, max-age=31536000, immutable"}  # the address has the version


async def page_file(request: Request) -> Response:
    """Return the style sheet or the script of the page.

    Raises:
        HTTPException: There is no such file.
    """
    state: PageState = request.app.state.page
    found = state.pages.files.get(request.path_params["name"])
    if found is None:
        raise HTTPException(404)
    content, media_type = found
    return Response(content, media_type=media_type, headers=_CACHE)


async def confirm(visit: Visit) -> Answer:
    """Ask whether to do what the address names."""
    return await actions.confirm(visit, _action(visit))


async def do(visit: Visit) -> Answer:
    """Do what the address names, and what was confirmed."""
    return await actions.do(visit, _action(visit))


async def nothing(_: Visit) -> Answer:
    """Say that there is no such page."""
    raise NotFoundError("there is no such page")


def _action(visit: Visit) -> Action:
    action = _ACTIONS.get(visit.query("do"))
    if action is None:
        raise NotFoundError("there is no such action")
    return action


ROUTES = (
    Route("/ui", page(browsing.sessions)),
    Route("/ui/users", page(browsing.users)),
    Route("/ui/search", page(finding.search)),
    Route("/ui/events", page(events.list_events)),
    Route("/ui/session", page(browsing.session)),
    Route("/ui/session/transcript", page(browsing.transcript)),
    Route("/ui/session/message", page(browsing.message)),
    Route("/ui/session/summary", page(browsing.summary)),
    Route("/ui/session/prompt", page(finding.prompt)),
    Route("/ui/session/events", page(events.session_events)),
    Route("/ui/facts", page(knowledge.facts)),
    Route("/ui/confirm", page(confirm)),
    Route("/ui/do", page(do), methods=["POST"]),
    Route("/ui/sign-in", page(signing_in.sign_in, public=True), methods=["POST"]),
    Route("/ui/sign-out", page(signing_in.sign_out), methods=["POST"]),
    Route("/ui/files/{name}", page_file),
    Route("/ui/{rest:path}", page(nothing)),
)
