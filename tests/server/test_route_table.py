"""The dictionary of routes: it finds what Starlette's router finds, or nothing."""

from __future__ import annotations

from itertools import product
from typing import Any

from starlette.routing import Match

from langchain_motorhead.server import Settings, create_app
from langchain_motorhead.server.http.openapi import ApiRoute
from langchain_motorhead.server.http.route_table import RouteTable

_SEGMENTS = ("sessions", "users", "memory", "retrieval", "facts", "a%2Fb", "seq", "", "mcp", "openapi.json")


def test_the_table_and_the_router_agree() -> None:
    """Of all paths of up to five of these segments, each is found with the router's endpoint and id, or not at all."""
    routes = [route for route in create_app(Settings()).routes if isinstance(route, ApiRoute)]
    table, found = RouteTable(routes), set[Any]()
    paths = ["/" + "/".join(segments) for length in range(1, 5) for segments in product(_SEGMENTS, repeat=length)]
    for method, path in product(("GET", "POST", "PUT", "DELETE", "HEAD", "BREW"), paths):
        entry = table.find(method, path)
        if entry is None:
            continue
        scope = {"type": "http", "method": method, "path": path, "root_path": ""}
        matches = [(each, each.matches(scope)) for each in routes]
        route, (_, child) = next(each for each in matches if each[1][0] is Match.FULL)
        assert (entry.route, entry.parameters) == (route, child["path_params"])
        found.add(route.endpoint)
    assert {"get_memory", "post_memory", "delete_memory", "retrieve", "get_facts"} <= {each.__name__ for each in found}
