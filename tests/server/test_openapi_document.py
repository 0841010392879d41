"""The OpenAPI document: complete, and true to what the server does."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from starlette.applications import Starlette
from starlette.routing import Route

from langchain_motorhead import HashingEmbeddings
from langchain_motorhead.server import Settings, create_app
from langchain_motorhead.server.http.openapi import JSON, ApiRoute, build_document
from langchain_motorhead.server.http.openapi_errors import described_errors
from support.described import api_routes, validator
from support.doc_blocks import PAGES
from support.factory import MakeMotorhead
from support.http_servers import served

UNDOCUMENTED = {"/mcp", "/openapi.json", "/docs", "/docs/{name}"}
# Only /mcp can answer it.
NOT_ANSWERED = {"unsupported"}
# What examples lead to where it is no success: the ids of facts and of epochs are random.
NO_SUCCESS = {
    "correct_fact": 404, "correct_session_fact": 404, "get_messages epoch": 409, "learn": 400, "learn user_id": 400
}  # fmt: skip


@pytest.fixture
def app(make: MakeMotorhead) -> Starlette:
    """An application without API keys, with search."""
    return create_app(Settings(), motorhead=lambda _: make(embeddings=HashingEmbeddings(32)))


@pytest.fixture
def http(app: Starlette) -> Iterator[httpx.Client]:
    """A client of the application."""
    with served(app) as base, httpx.Client(base_url=base, timeout=30) as client:
        yield client


@pytest.fixture
def document(app: Starlette) -> dict[str, Any]:
    """The document of a server with API keys."""
    return build_document(api_routes(app), version="1", with_keys=True)


def operations(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the operations of a document by their ids, each with its path and its method."""
    return {
        operation["operationId"]: {**operation, "path": path, "method": method}
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    }


def test_every_route_is_in_the_document(app: Starlette, http: httpx.Client) -> None:
    """The document has exactly the routes of the API, and the other routes are the known few."""
    document = http.get("/openapi.json").json()
    described = {(path, method) for path, methods in document["paths"].items() for method in methods}
    assert described == {(route.path, route.method) for route in api_routes(app)}
    others = {route.path for route in app.routes if isinstance(route, Route) and not isinstance(route, ApiRoute)}
    assert {path for path in others if not path.startswith("/ui")} == UNDOCUMENTED
    assert len(operations(document)) == len(described)
    assert "text/html" in http.get("/docs").headers["content-type"]


def test_every_operation_is_complete(document: dict[str, Any]) -> None:
    """Each operation has a text, an example of what it takes and answers, and each error code that it can give."""
    codes = set[str]()
    for operation in operations(document).values():
        assert len(operation["summary"]) < 40
        assert len(operation["description"]) > 20
        for parameter in operation["parameters"]:
            assert parameter["description"]
            assert "example" in parameter or "default" in parameter["schema"], parameter
        named = {each["name"] for each in operation["parameters"] if each["in"] == "path"}
        assert named == {each.strip("{}") for each in operation["path"].split("/") if each.startswith("{")}
        if "requestBody" in operation:
            assert operation["requestBody"]["description"]
            assert operation["requestBody"]["content"][JSON]["example"]
            assert operation["responses"].keys() >= {"400", "408", "413", "415"}
        for status, answer in operation["responses"].items():
            assert answer["description"]
            assert "X-Request-Id" in answer["headers"]
            (media,) = answer["content"].values()
            if status == "200":
                assert media["example"]
            else:
                codes.update(media["examples"])
                assert all(
                    each["summary"] and each["value"]["code"] == code for code, each in media["examples"].items()
                )
        assert "Retry-After" in operation["responses"].get("503", {"headers": ["Retry-After"]})["headers"]
    assert codes | NOT_ANSWERED | {"forbidden"} == described_errors().keys()


def test_every_code_is_on_the_page() -> None:
    """The page about the server has each error code, in the row of its status."""
    page = (PAGES / "operate" / "server.md").read_text()
    rows = dict(re.findall(r"(?m)^\| (\d{3}) \| (.*) \|$", page))
    for code, error in described_errors().items():
        assert f"`{code}`" in rows[str(error.status)]


def test_every_schema_is_described(document: dict[str, Any]) -> None:
    """Each schema has a text and an example, and each of its properties has a text."""
    for name, schema in document["components"]["schemas"].items():
        assert schema["description"], name
        assert schema["examples"], name
        for field, property_ in schema["properties"].items():
            assert property_.get("description"), f"{name}.{field}"


def examples(document: dict[str, Any]) -> Iterator[tuple[dict[str, Any], Any]]:
    """Yield every example of a document, with its schema."""
    for name, schema in document["components"]["schemas"].items():
        yield from (({"$ref": f"#/components/schemas/{name}"}, each) for each in schema["examples"])
    described = [*document["components"]["headers"].values()]
    for operation in operations(document).values():
        described += operation["parameters"]
        answers = [operation.get("requestBody"), *operation["responses"].values()]
        for media in (media for each in answers if each for media in each["content"].values()):
            described.append(media)
            yield from ((media["schema"], each["value"]) for each in media.get("examples", {}).values())
    yield from ((each["schema"], each["example"]) for each in described if "example" in each)


def test_every_example_fits_its_schema(document: dict[str, Any]) -> None:
    """Each example of a schema, parameter, header, body or answer is valid, and no key of it is made up."""
    found = list(examples(document))
    for schema, example in found:
        problems = [each.message for each in validator(schema, document).iter_errors(example)]
        assert not problems, (problems, example)
    assert len(found) > 300
    for name, schema in document["components"]["schemas"].items():
        for example in schema["examples"]:
            assert example.keys() <= schema["properties"].keys() or schema.get("additionalProperties"), name


def test_examples_are_answered(http: httpx.Client) -> None:
    """Each request of the document's examples succeeds, where its ids can exist; so it does with each parameter."""
    everything = operations(http.get("/openapi.json").json())
    append = everything["post_memory"]
    answered = {}
    for name, operation in everything.items():
        path_of = {each["name"]: each.get("example") for each in operation["parameters"] if each["in"] == "path"}
        others = [each for each in operation["parameters"] if each["in"] != "path" and "example" in each]
        body = operation.get("requestBody", {"content": {JSON: {}}})["content"][JSON].get("example")
        for parameter in (None, *others):
            http.delete("/users/alice")
            http.delete(f"/sessions/{path_of.get('session_id')}/memory")
            http.post(
                append["path"].replace("{session_id}", path_of.get("session_id") or "other"),
                json=append["requestBody"]["content"][JSON]["example"],
            ).raise_for_status()
            place = {} if parameter is None else {parameter["name"]: str(parameter["example"])}
            in_query = parameter is not None and parameter["in"] == "query"
            answer = http.request(
                operation["method"],
                operation["path"].format(**{key: quote(value, safe="") for key, value in path_of.items()}),
                params=place if in_query else None,
                headers=None if in_query else place,
                json=body,
            )
            answered[" ".join([name, *place])] = answer.status_code
            assert str(answer.status_code) in operation["responses"], answer.text
    # Without a search module, `retrieve` is a documented 501.
    failed = {name: status for name, status in answered.items() if status != 200 and not name.startswith("retrieve")}
    assert failed == NO_SUCCESS
    assert len(answered) > len(everything) + 20


@pytest.mark.parametrize("with_keys", [True, False])
def test_references_resolve(app: Starlette, with_keys: bool) -> None:
    """Every reference in the document leads to a component that the document has, and no component is unused."""

    def references(value: Any) -> set[str]:
        if isinstance(value, dict):
            own = {value["$ref"]} if isinstance(value.get("$ref"), str) else set()
            return own.union(*map(references, value.values()))
        return set().union(*map(references, value)) if isinstance(value, list) else set()

    document = build_document(api_routes(app), version="1", with_keys=with_keys)
    of_kind = {kind: document["components"][kind] for kind in ("schemas", "headers")}
    assert references(document) == {f"#/components/{kind}/{name}" for kind, named in of_kind.items() for name in named}


@pytest.mark.parametrize("with_keys", [True, False])
def test_keys_in_the_document(app: Starlette, with_keys: bool) -> None:
    """A server with API keys says which requests need one and how to send it; a server without keys says neither."""
    document = build_document(api_routes(app), version="1", with_keys=with_keys)
    assert ("securitySchemes" in document["components"]) == with_keys
    assert ("x-metal-api-key" in document["info"]["description"]) == with_keys
    needing = set()
    for operation in operations(document).values():
        assert ("401" in operation["responses"]) == bool(operation["security"])
        assert ("403" in operation["responses"]) == (not with_keys)
        if operation["security"]:
            needing.add(operation["path"])
    assert needing == ({*document["paths"]} - {"/", "/health", "/ready", "/metrics"} if with_keys else set())


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
    assert sorted(checked) == ["k", "k", "limit", "limit", "max_tokens", "max_tokens", "page", "start", "stop"]
    properties = document["components"]["schemas"]["SearchBody"]["properties"]
    for name in ("k", "neighbors"):
        maximum = properties[name]["maximum"]
        statuses = [
            http.post("/search", json={"text": "x", name: value}).status_code for value in (maximum, maximum + 1)
        ]
        assert statuses == [200, 400]
