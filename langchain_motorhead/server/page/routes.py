"""The addresses of the memory page. Ids are in the query, where every id can be written, and keys in no address."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from importlib import import_module

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from langchain_motorhead.server.http.errors import NotFoundError
from langchain_motorhead.server.page.visit import Answer, PageState, View, Visit, page

MODULES = tuple(
    f"langchain_motorhead.server.page.{name}"
    for name in ("actions.catalog", "browsing", "events", "finding", "knowledge", "signing_in")
)
"""Modules that answer visits. The server imports them after its first answers, before the first visit is answered."""

_CACHE = {"Cache-Control": "public, max-age=31536000, immutable"}  # the address has the version


async def page_file(request: Request) -> Response:
    """Return the style sheet or the script of the page.

    Raises:
        HTTPException: There is no such file.
    """
    state: PageState = request.app.state.page
    found = (await state.pages.aget()).files.get(request.path_params["name"])
    if found is None:
        raise HTTPException(404)
    content, media_type = found
    return Response(content, media_type=media_type, headers=_CACHE)


async def nothing(_: Visit) -> Answer:
    """Say that there is no such page."""
    raise NotFoundError("there is no such page")


def _part(module: str, name: str, *, public: bool = False) -> Callable[[Request], Awaitable[Response]]:
    """Return the endpoint of a part of the page, which is looked up when it is visited."""

    async def visited(visit: Visit) -> Answer:
        view: View = getattr(import_module(f"langchain_motorhead.server.page.{module}"), name)
        return await view(visit)

    return page(visited, public=public)


ROUTES = (
    Route("/ui", _part("browsing", "sessions")),
    Route("/ui/users", _part("browsing", "users")),
    Route("/ui/search", _part("finding", "search")),
    Route("/ui/events", _part("events", "list_events")),
    Route("/ui/session", _part("browsing", "session")),
    Route("/ui/session/transcript", _part("browsing", "transcript")),
    Route("/ui/session/message", _part("browsing", "message")),
    Route("/ui/session/summary", _part("browsing", "summary")),
    Route("/ui/session/prompt", _part("finding", "prompt")),
    Route("/ui/session/events", _part("events", "session_events")),
    Route("/ui/facts", _part("knowledge", "facts")),
    Route("/ui/confirm", _part("actions.catalog", "confirm")),
    Route("/ui/do", _part("actions.catalog", "do"), methods=["POST"]),
    Route("/ui/sign-in", _part("signing_in", "sign_in", public=True), methods=["POST"]),
    Route("/ui/sign-out", _part("signing_in", "sign_out"), methods=["POST"]),
    Route("/ui/files/{name}", page_file),
    Route("/ui/{rest:path}", page(nothing)),
)
