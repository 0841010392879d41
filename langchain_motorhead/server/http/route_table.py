"""Finds the route of most requests in a dictionary: requests whose path has one id, after the first segment. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

from langchain_motorhead.server.http.openapi import ApiRoute

_ONE_ID = re.compile(r"/(\w+)/\{(\w+)\}(?:/([\w-]+))?")


class Found(NamedTuple):
    """The route of a request.

    Attributes:
        route: The route.
        parameters: The id in the path, as it was sent, by its name.
    """

    route: ApiRoute
    parameters: dict[str, str]


class RouteTable:
    """The routes whose paths have the form `/sessions/{session_id}/memory` or `/users/{user_id}`.

    Starlette's router tries one pattern after the other. It answers all other requests, also those with another method.

    Args:
        routes: Routes of the application.
    """

    def __init__(self, routes: Iterable[object]) -> None:
        self._routes: dict[tuple[str, str, str], tuple[ApiRoute, str]] = {}
        for route in routes:
            if isinstance(route, ApiRoute) and (parts := _ONE_ID.fullmatch(route.path)):
                first, name, last = parts.groups("")
                self._routes[route.method.upper(), first, last] = (route, name)

    def find(self, method: str, path: str) -> Found | None:
        """Return the route of a request, or None if Starlette's router has to find it.

        Args:
            method: HTTP method.
            path: The path, percent-encoded.
        """
        parts = path.split("/")
        if len(parts) == 4:
            _, first, value, last = parts
        elif len(parts) == 3:
            (_, first, value), last = parts, ""
        else:
            return None
        if not value or (not last and len(parts) == 4):
            return None
        found = self._routes.get((method, first, last))
        return None if found is None else Found(found[0], {found[1]: value})
