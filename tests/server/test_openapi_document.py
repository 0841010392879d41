"""The OpenAPI document: complete, and true to what the server does."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from pydantic import TypeAdapter
from starlette.applications import Starlette
from starlette.routing import Route

from langchain_motorhead import HashingEmbeddings
from langchain_motorhead.rest_protocol import CODES
from langchain_motorhead.server import Settings, create_app
from langchain_motorhead.server.http.errors import error_messages
from langchain_motorhead.server.http.openapi import ApiRoute, build_document
from support.factory import MakeMotorhead
from support.http_servers import served

UNDOCUMENTED = {"/mcp", "/metrics", "/openapi.json", "/docs", "/docs/{name}", "/sessions/{session_id}/export"}


@pytest.fixture
def app(make: MakeMotorhead) -> Starlette:
    """An application without API keys, with search."""
    return create_app(Settings(), motorhead=lambda _: make(embeddings=HashingEmbeddings(32)))


@pytest.fixture
def http(app: Starlette) -> Iterator[httpx.Client]:
    """A client of the application."""
    with served(app) as base, httpx.Client(base_url=base, timeout=30) as client:
        yield client


def api_routes(app: Starlette) -> list[ApiRoute]:
    """Return the routes that have a description."""
    return [route for route in app.routes if isinstance(route, ApiRoute)]


def test_every_route_is_in_the_document(app: Starlette, http: httpx.Client) -> None:
    """The document has exactly the routes of the API, and the other routes are the known few."""
    document = http.get("/openapi.json").json()
    described = {(path, method) for path, methods in document["paths"].items() for method in methods}
    assert described == {(route.path, route.method) for route in api_routes(app)}
    others = {route.path for route in app.routes if isinstance(route, Route) and not isinstance(route, ApiRoute)}
    assert {path for path in others if not path.startswith("/ui")} == UNDOCUMENTED
    ids = [request["operationId"] for methods in document["paths"].values() for request in methods.values()]
    assert len(ids) == len(set(ids))


def test_examples_fit_their_models(app: Starlette) -> None:
    """Each body and each answer has an example that its model accepts, and each error code has one too."""
    document = build_document(api_routes(app), version="1", with_keys=False)
    codes = set()
    for route in api_routes(app):
        request = document["paths"][route.path][route.method]
        answer = request["responses"]["200"]["content"]["application/json"]
        if route.answer != list[str]:
            TypeAdapter(route.answer).validate_python(answer["example"], strict=True)
        if route.body is not None:
            TypeAdapter(route.body).validate_python(request["requestBody"]["content"]["application/json"]["example"])
        assert all(each["description"] for each in request["parameters"])
        for status, error in request["responses"].items():
            if status != "200":
                examples = error["content"]["application/json"]["examples"]
                assert {code: each["value"]["error"] for code, each in examples.items()} == error_messages()[
                    int(status)
                ]
                codes.update(examples)
    assert set(CODES.values()) <= codes


def test_references_resolve(app: Starlette) -> None:
    """Every reference in the document leads to a model that the document has, and no model is unused."""
    document = build_document(api_routes(app), version="1", with_keys=True)

    def references(value: Any) -> set[str]:
        if isinstance(value, dict):
            own = {value["$ref"]} if isinstance(value.get("$ref"), str) else set()
            return own.union(*map(references, value.values()))
        return set().union(*map(references, value)) if isinstance(value, list) else set()

    assert references(document) == {f"#/components/schemas/{name}" for name in document["components"]["schemas"]}


@pytest.mark.parametrize("with_keys", [True, False])
def test_keys_in_the_document(app: Starlette, with_keys: bool) -> None:
    """A server with API keys says which requests need one and how to send it; a server without keys says neither."""
    document = build_document(api_routes(app), version="1", with_keys=with_keys)
    assert ("securitySchemes" in document["components"]) == with_keys
    assert ("x-metal-api-key" in document["info"]["description"]) == with_keys
    needing = set()
    for path, methods in document["paths"].items():
        for request in methods.values():
            assert ("security" in request) == with_keys
            if request.get("security"):
                needing.add(path)
    assert needing == ({*document["paths"]} - {"/", "/health", "/ready"} if with_keys else set())


def test_limits_in_the_document_are_the_servers(http: httpx.Client) -> None:
    """The server accepts the largest number that the document allows for a parameter, and refuses the next one."""
    document = http.get("/openapi.json").json()
    checked = []
    for template, methods in document["paths"].items():
        path = template.replace("{session_id}", "s").replace("{user_id}", "u")
        for each in methods.get("get", {"parameters": ()})["parameters"]:
            maximum = each["schema"].get("maximum")
            if maximum is not None:
                statuses = [
                    http.get(path, params={each["name"]: value}).status_code for value in (maximum, maximum + 1)
                ]
                assert statuses == [200, 400]
                checked.append(each["name"])
    assert sorted(checked) == ["k", "limit", "limit", "max_tokens", "page", "start", "stop"]
    properties = document["components"]["schemas"]["SearchBody"]["properties"]
    for name in ("k", "neighbors"):
        maximum = properties[name]["maximum"]
        statuses = [
            http.post("/search", json={"text": "x", name: value}).status_code for value in (maximum, maximum + 1)
        ]
        assert statuses == [200, 400]
