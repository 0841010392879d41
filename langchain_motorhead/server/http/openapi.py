"""Routes that carry their own OpenAPI description, and the OpenAPI document generated from them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any, Literal, TypeAlias, get_args

from pydantic import BaseModel, TypeAdapter
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from langchain_motorhead.server.http import openapi_errors as errors_of
from langchain_motorhead.server.schemas.answers import ErrorAnswer
from langchain_motorhead.server.schemas.base import EXAMPLE_SESSION_ID, EXAMPLE_USER_ID, Id

JSON = "application/json"
"""Media type of bodies, and of nearly all answers."""

Endpoint: TypeAlias = Callable[[Request], Awaitable[Response]]
Method = Literal["GET", "POST", "PUT", "DELETE"]
Tag = Literal["Motorhead API", "Extensions", "Operations"]

_TAGS: Mapping[Tag, str] = {
    "Motorhead API": "The requests of the original Motorhead server, with the same answers.",
    "Extensions": "Requests that the original did not have.",
    "Operations": "For whoever runs the server. These requests need no API key.",
}
_DESCRIPTION = (
    "A *session* is one conversation. The server stores its newest messages verbatim (the *window*) and a running "
    "*summary* of all older ones. When a session outgrows its window, a background *compaction* summarizes the oldest "
    "messages and then removes them. With long-term memory, every message can also be found by a search.\n\n{key}\n\n"
    "Every error is a JSON object with a text (`error`) and a stable `code`. Each request lists the codes that it can "
    "give. Beyond them, an unknown path is a 404 (`not_found`), and an unknown method is a 405 (`method_not_allowed`). "
    "Every answer has an `X-Request-Id` header that the log repeats. Where GET is supported, so is HEAD."
)
_KEY_NEEDED = (
    "Requests need an API key: `Authorization: Bearer KEY` or `x-metal-api-key: KEY`. The key decides whose sessions a "
    "request reads and writes."
)
_NO_KEY_NEEDED = "This server needs no API key."
_SECURITY_SCHEMES = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "An API key of this server."},
    "x-metal-api-key": {
        "type": "apiKey",
        "in": "header",
        "name": "x-metal-api-key",
        "description": "The same key, in the header that the original's clients send.",
    },
}
_PATH_IDS = {
    "session_id": ("the session", EXAMPLE_SESSION_ID),
    "user_id": ("the user", EXAMPLE_USER_ID),
    "fact_id": ("the fact", "5f0c1a9e7b3d2468"),
    "seq": ("the message: its sequence number", "0"),
}
_SCHEMA_PATH = "#/components/schemas/{model}"


class ApiRoute(Route):
    """A route of the REST API with its OpenAPI description. GET routes answer HEAD too.

    Args:
        method: HTTP method.
        path: Path with parameters in braces.
        endpoint: Answers the request.
        name: Id of the operation. The default is the name of `endpoint`.
        description: What the request does. The default is the docstring of `endpoint`.
        tag: Section of the documentation.
        summary: What the request does, in a few words.
        answer: Type of a successful answer's content.
        answer_text: What a successful answer is. The default is the docstring of its type.
        query: Model of the query parameters, if there are any.
        headers: Model of the headers that the request may have, if there are any.
        body: Model of the JSON body, if there is one.
        needs_body: Whether a request without the body is refused.
        errors: Codes of errors beyond those that follow from the other arguments.
        needs_key: Whether the request needs an API key where the server has any, and asks Redis.
        media_type: Media type of a successful answer.
        example: Example of a successful answer. The default is the one of its type.
    """

    def __init__(
        self,
        method: Method,
        path: str,
        endpoint: Endpoint,
        *,
        name: str | None = None,
        description: str | None = None,
        tag: Tag,
        summary: str,
        answer: Any,
        answer_text: str = "",
        query: type[BaseModel] | None = None,
        headers: type[BaseModel] | None = None,
        body: type[BaseModel] | None = None,
        needs_body: bool = True,
        errors: Sequence[str] = (),
        needs_key: bool = True,
        media_type: str = JSON,
        example: Any = None,
    ) -> None:
        super().__init__(path, endpoint, methods=[method], name=name)
        # Instead of Starlette's wrapper, which handles exceptions once more before its middleware does.
        self.app = _asgi(endpoint)
        self.method = method.lower()
        self.tag, self.summary, self.answer, self.answer_text = tag, summary, answer, answer_text
        self.query, self.headers, self.body, self.needs_body = query, headers, body, needs_body
        self.description = description or (endpoint.__doc__ or "").strip()
        self.needs_key = needs_key
        self.media_type, self.example = media_type, example
        self._errors = errors

    def error_codes(self, *, with_keys: bool) -> frozenset[str]:
        """Return the codes of all errors that the request can give.

        Args:
            with_keys: Whether the server needs an API key.
        """
        fields = [
            field for each in (self.query, self.headers) if each is not None for field in each.model_fields.values()
        ]
        ids = [field for field in fields if Id in get_args(field.annotation)]
        groups = (
            (True, errors_of.EVERY_REQUEST),
            (not with_keys, errors_of.NEEDS_NO_KEY),
            (self.needs_key, errors_of.USES_REDIS),
            (self.needs_key and with_keys, errors_of.NEEDS_KEY),
            (bool(ids or self.param_convertors), errors_of.HAS_ID),
            (len(fields) > len(ids), errors_of.HAS_PARAMETERS),
            (self.body is not None, errors_of.HAS_BODY),
            (True, self._errors),
        )
        return frozenset(code for applies, codes in groups if applies for code in codes)


def _asgi(endpoint: Endpoint) -> ASGIApp:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        response = await endpoint(Request(scope, receive))
        await response(scope, receive, send)

    return app


def build_document(routes: Iterable[ApiRoute], *, version: str, with_keys: bool) -> dict[str, Any]:
    """Build the OpenAPI 3.1 document.

    Args:
        routes: The routes to describe, in order.
        version: Version of the server.
        with_keys: Whether the server needs an API key.
    """
    routes = tuple(routes)
    adapters: list[TypeAdapter[Any]] = [TypeAdapter(ErrorAnswer)]
    for route in routes:
        adapters += [TypeAdapter(each) for each in (route.answer, route.body) if each is not None]
    schemas, definitions = TypeAdapter.json_schemas(
        [(at, "validation", each) for at, each in enumerate(adapters)],
        ref_template=_SCHEMA_PATH,
        schema_generator=_SchemaGenerator,
    )
    # In the order of the adapters above.
    ordered = iter([schemas[at, "validation"] for at in range(len(adapters))])
    models, error = definitions["$defs"], next(ordered)
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        answer = _content(route, next(ordered), models)
        body = None if route.body is None else {JSON: _media(next(ordered), models)}
        responses = {
            "200": {"description": _answer_text(route), "headers": errors_of.success_headers(), "content": answer},
            **errors_of.error_responses(route.error_codes(with_keys=with_keys), error),
        }
        paths.setdefault(route.path, {})[route.method] = _operation(route, body, responses, with_keys=with_keys)
    components: dict[str, Any] = {"schemas": models, "headers": errors_of.headers(with_keys=with_keys)}
    if with_keys:
        components["securitySchemes"] = _SECURITY_SCHEMES
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Motorhead",
            "summary": "Chat memory: recent messages, a running summary of older ones, and search.",
            "description": _DESCRIPTION.format(key=_KEY_NEEDED if with_keys else _NO_KEY_NEEDED),
            "version": version,
            "license": {"name": "Apache 2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "tags": [{"name": name, "description": description} for name, description in _TAGS.items()],
        "paths": paths,
        "components": components,
    }


class _SchemaGenerator(GenerateJsonSchema):
    """Leaves out what only repeats: titles of fields, and null as the default of a field that can be left out."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        """Return false for every field."""
        return False

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        """Return the schema of a field that has a default."""
        made = super().default_schema(schema)
        if made.get("default", ...) is None:
            del made["default"]
        return made


def _operation(
    route: ApiRoute, body: dict[str, Any] | None, responses: dict[str, Any], *, with_keys: bool
) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "tags": [route.tag],
        "summary": route.summary,
        "description": route.description,
        "operationId": route.name,
        "parameters": [
            *map(_path_parameter, route.param_convertors),
            *_parameters(route.query, "query"),
            *_parameters(route.headers, "header"),
        ],
        "responses": responses,
    }
    if body is not None and route.body is not None:
        description = (route.body.__doc__ or "").strip()
        operation["requestBody"] = {"description": description, "required": route.needs_body, "content": body}
    operation["security"] = [{name: []} for name in _SECURITY_SCHEMES] if with_keys and route.needs_key else []
    return operation


def _answer_text(route: ApiRoute) -> str:
    """Return what a successful answer is.

    Raises:
        ValueError: The route does not say it, and the type of its answer has no docstring of its own.
    """
    text = route.answer_text
    if not text and isinstance(route.answer, type) and issubclass(route.answer, BaseModel):
        text = (route.answer.__doc__ or "").strip()
    if not text:
        raise ValueError(f"the route of {route.name} has no answer_text")
    return text


def _content(route: ApiRoute, schema: Mapping[str, Any], models: Mapping[str, Any]) -> dict[str, Any]:
    """Return the content of a successful answer."""
    media = _media(schema, models)
    return {route.media_type: media if route.example is None else {**media, "example": route.example}}


def _media(schema: Mapping[str, Any], models: Mapping[str, Any]) -> dict[str, Any]:
    """Return a schema with the example of its model. The example of a list has one item."""
    of_list = schema.get("type") == "array"
    inner = schema["items"] if of_list else next(iter(schema.get("anyOf", (schema,))))
    name = inner.get("$ref", "").rpartition("/")[2]
    examples = (models[name] if name else schema).get("examples")
    if not examples:
        return {"schema": schema}
    return {"schema": schema, "example": [examples[0]] if of_list and name else examples[0]}


def _path_parameter(name: str) -> dict[str, Any]:
    thing, example = _PATH_IDS[name]
    return {
        "name": name,
        "in": "path",
        "required": True,
        "description": f"Id of {thing}, percent-encoded. Encode a slash as `%2F`.",
        "schema": TypeAdapter(Id).json_schema(),
        "example": example,
    }


def _parameters(model: type[BaseModel] | None, place: Literal["query", "header"]) -> list[dict[str, Any]]:
    if model is None:
        return []
    properties = model.model_json_schema(schema_generator=_SchemaGenerator)["properties"]
    parameters = []
    for name, schema in properties.items():
        parameter = {"name": name, "in": place, "required": False, "description": schema.pop("description")}
        examples = schema.pop("examples", ())
        parameters.append({**parameter, "schema": schema, **({"example": examples[0]} if examples else {})})
    return parameters
