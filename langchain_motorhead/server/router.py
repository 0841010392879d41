"""From a request straight to what answers it: our routes ask the framework for nothing but their description. ASGI."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import NamedTuple

from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import compile_path
from starlette.types import ASGIApp, Receive, Scope, Send

from langchain_motorhead.server.errors import HANDLED, to_response


class _Route(NamedTuple):
    match: Callable[[str], dict[str, str] | None]
    answer: Callable[[Request], Awaitable[Response]]
    route: APIRoute


class Direct:
    """Wraps the application: answers what one of its routes is for, and leaves to it all else, such as its errors.

    The framework would look for dependencies, bodies and models of each route, and ours have none: it takes longer for
    that than a session takes to be read.

    Args:
        app: The application.
        routes: Its routes; each is a function from a request to a response.
    """

    def __init__(self, app: ASGIApp, routes: Iterable[APIRoute]) -> None:
        self._app = app
        self._routes: dict[str, list[_Route]] = {}
        for route in routes:
            for method in route.methods or ():
                self._routes.setdefault(method, []).append(_Route(_matcher(route.path), route.endpoint, route))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] == "http":
            path = scope["path"]
            for each in self._routes.get(scope["method"], ()):
                found = each.match(path)
                if found is not None:
                    scope["path_params"], scope["route"] = found, each.route
                    try:
                        response = await each.answer(Request(scope, receive))
                    except HANDLED as error:
                        response = to_response(error)
                    await response(scope, receive, send)
                    return
        await self._app(scope, receive, send)


def _matcher(path: str) -> Callable[[str], dict[str, str] | None]:
    pattern = compile_path(path)[0]

    def match(given: str) -> dict[str, str] | None:
        found = pattern.match(given)
        return None if found is None else found.groupdict()

    return match
