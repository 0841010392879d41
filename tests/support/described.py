"""Compares what an application answers with its OpenAPI document: the tests' servers do so for every request."""

from __future__ import annotations

from typing import Any

import jsonschema_rs
import orjson
from starlette.applications import Starlette
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from langchain_motorhead.server.http.openapi import JSON, ApiRoute, build_document


def api_routes(app: Starlette) -> list[ApiRoute]:
    """Return the routes that have a description."""
    return [route for route in app.routes if isinstance(route, ApiRoute)]


def validator(schema: dict[str, Any], document: dict[str, Any]) -> jsonschema_rs.Draft202012Validator:
    """Return what checks values against a schema of a document."""
    return jsonschema_rs.Draft202012Validator({**schema, "components": document["components"]})


class Description:
    """The document of an application, and what checks answers against it.

    Args:
        routes: The routes that the document describes.
        with_keys: Whether the application has API keys.
    """

    def __init__(self, routes: list[ApiRoute], *, with_keys: bool) -> None:
        self.document = build_document(routes, version="1", with_keys=with_keys)
        self._operations = {
            (route.endpoint, route.method.upper()): self.document["paths"][route.path][route.method] for route in routes
        }
        self._validators: dict[tuple[str, str], jsonschema_rs.Draft202012Validator] = {}

    def lacks(self, scope: Scope, status: str, body: bytes) -> list[str]:
        """Return what an answer has that the document does not: a status, a code, or a value that fits no schema."""
        asked: Any = (scope.get("endpoint"), scope["method"])
        operation = self._operations.get(asked)
        if operation is None:
            return []
        name = f"{operation['operationId']}: {status} "
        if status not in operation["responses"]:
            return [name + body.decode()]
        media = operation["responses"][status]["content"].get(JSON)
        if media is None:
            return []
        value, key = orjson.loads(body), (operation["operationId"], status)
        if status != "200" and value["code"] not in media["examples"]:
            return [name + body.decode()]
        if key not in self._validators:
            self._validators[key] = validator(media["schema"], self.document)
        return [f"{name}{each.message} at {each.instance_path}" for each in self._validators[key].iter_errors(value)]


class Described:
    """An application whose answers are compared with its document.

    Args:
        app: The application.
        description: What it should answer.

    Attributes:
        lacking: What was answered and is not in the document.
    """

    def __init__(self, app: ASGIApp, description: Description) -> None:
        self._app, self._description = app, description
        self.lacking: list[str] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request, and note what its answer has that the document does not."""
        sent: list[Message] = []

        async def noting(message: Message) -> None:
            sent.append(message)
            await send(message)

        try:
            await self._app(scope, receive, noting)
        finally:
            complete = sent and sent[-1]["type"] == "http.response.body" and not sent[-1].get("more_body")
            if complete:
                body = b"".join(each.get("body", b"") for each in sent[1:])
                self.lacking += self._description.lacks(scope, str(sent[0]["status"]), body)


# The routes are the same for every application.
_descriptions: dict[bool, Description] = {}


def described(app: Any) -> Any:
    """Return an application whose answers are compared with its document, if it is the server's."""
    tenants = getattr(getattr(app, "state", None), "tenants", None)
    if tenants is None:
        return app
    with_keys = not tenants.open_to_all
    if with_keys not in _descriptions:
        _descriptions[with_keys] = Description(api_routes(app), with_keys=with_keys)
    return Described(app, _descriptions[with_keys])
