"""Routes that carry their own OpenAPI description, and the OpenAPI document generated from them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any, Literal, TypeAlias

from pydantic import BaseModel, TypeAdapter
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from langchain_motorhead.server.http.errors import error_messages
from langchain_motorhead.server.schemas.answers import ErrorAnswer
from langchain_motorhead.server.schemas.base import EXAMPLE_SESSION_ID, EXAMPLE_USER_ID, Id

Endpoint: TypeAlias = Callable[[Request], Awaitable[Response]]
Method = Literal["GET", "POST", "PUT", "DELETE"]
Tag = Literal["Motorhead API", "Extensions", "Operations"]

_TAGS: Mapping[Tag, str] = {
    "Motorhead API": "The requests of the original Motorhead server, with the same answers.",
    "Extensions": "Requests that the original did not have.",
    "Operations": "For whoever runs the server. These requests need no API key. `GET /metrics` returns metrics in "
    "Prometheus' text format.",
}
_DESCRIPTION = (
    "A *session* is one conversation. The server stores its newest messages verbatim (the *window*) and a running "
    "*summary* of all older ones. When a session outgrows its window, a background *compaction* summarizes the oldest "
    "messages and then removes them. With long-term memory, every message can also be found by a search.\n\n{key}\n\n"
    "Every error is a JSON object with a text (`error`) and a stable `code`. Every answer has an `X-Request-Id` header "
    "that the log repeats. Where GET is supported, so is HEAD."
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
_ERRORS = {
    400: "The request is wrong. It changed nothing.",
    401: "The API key is missing or unknown.",
    403: "A browser sent the request for a page of another site, or the host name is not allowed.",
    404: "There is no such fact, or it holds no longer; or the session never had one of the messages. Nothing was "
    "changed.",
    409: "A Redis key has another type, the search index was made with another embedding model, or the session was "
    "deleted while it was read page by page.",
    413: "The body or the number of messages exceeds a limit of the server.",
    415: "The body is not sent as application/json.",
    500: "An unexpected error. The log has the details.",
    501: "This Redis has no search module, or cannot do what was asked for.",
    502: "A model failed. No message was removed.",
    503: "Redis cannot be reached or refused a command, or the server is stopping. Try again later.",
}
_EVERYWHERE = (400, 401, 403, 409, 500, 503)
_PATH_IDS = {
    "session_id": ("the session", EXAMPLE_SESSION_ID),
    "user_id": ("the user", EXAMPLE_USER_ID),
    "fact_id": ("the fact", "5f0c1a9e7b3d2468"),
    "seq": ("the message: its sequence number", "3"),
}
_SCHEMA_PATH = "#/components/schemas/{model}"


class ApiRoute(Route):
    """A route of the REST API with its OpenAPI description. GET routes answer HEAD too.

    Args:
        method: HTTP method.
        path: Path with parameters in braces.
        endpoint: Answers the request. Its name is the operation's id, its docstring the description.
        tag: Section of the documentation.
        answer: Type of the JSON in a successful answer.
        query: Model of the query parameters, if there are any.
        headers: Model of the headers that the request may have, if there are any.
        body: Model of the JSON body, if there is one.
        errors: HTTP statuses of errors beyond those that every request can have.
        needs_key: Whether the request needs an API key where the server has any.
    """

    def __init__(
        self,
        method: Method,
        path: str,
        endpoint: Endpoint,
        *,
        tag: Tag,
        answer: Any,
        query: type[BaseModel] | None = None,
        headers: type[BaseModel] | None = None,
        body: type[BaseModel] | None = None,
        errors: Sequence[int] = (),
        needs_key: bool = True,
    ) -> None:
        super().__init__(path, endpoint, methods=[method])
        # Instead of Starlette's wrapper, which handles exceptions once more before its middleware does.
        self.app = _asgi(endpoint)
        self.method = method.lower()
        self.tag, self.answer, self.query, self.headers, self.body = tag, answer, query, headers, body
        self.errors = sorted((*_EVERYWHERE, *errors, *(() if body is None else (415,))))
        self.needs_key = needs_key


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
    ordered = iter([_content(schemas[at, "validation"], definitions["$defs"]) for at in range(len(adapters))])
    error = next(ordered)
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        paths.setdefault(route.path, {})[route.method] = _operation(route, ordered, error, with_keys=with_keys)
    components: dict[str, Any] = {"schemas": definitions["$defs"]}
    if with_keys:
        components["securitySchemes"] = _SECURITY_SCHEMES
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Motorhead",
            "summary": "Chat memory: recent messages, a running summary of older ones, and search.",
            "description": _DESCRIPTION.format(key=_KEY_NEEDED if with_keys else _NO_KEY_NEEDED),
            "version": version,
        },
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
    route: ApiRoute, contents: Iterable[dict[str, Any]], error: dict[str, Any], *, with_keys: bool
) -> dict[str, Any]:
    contents = iter(contents)
    description = (route.endpoint.__doc__ or "").strip()
    responses: dict[str, Any] = {"200": {"description": "Success", "content": next(contents)}}
    for status in route.errors:
        responses[str(status)] = {"description": _ERRORS[status], "content": _error_content(error, status)}
    operation: dict[str, Any] = {
        "tags": [route.tag],
        "summary": route.name.replace("_", " ").capitalize(),
        "description": description,
        "operationId": route.name,
        "parameters": [
            *map(_path_parameter, route.param_convertors),
            *_parameters(route.query, "query"),
            *_parameters(route.headers, "header"),
        ],
        "responses": responses,
    }
    if route.body is not None:
        operation["requestBody"] = {"required": True, "content": next(contents)}
    if with_keys:
        operation["security"] = [{name: []} for name in _SECURITY_SCHEMES] if route.needs_key else []
    return operation


def _content(schema: Mapping[str, Any], definitions: Mapping[str, Any]) -> dict[str, Any]:
    """Return the content of a body or an answer, with the example of its model."""
    media: dict[str, Any] = {"schema": schema}
    of_list = schema.get("type") == "array"
    inner = schema["items"] if of_list else next(iter(schema.get("anyOf", (schema,))))
    name = inner.get("$ref", "").rpartition("/")[2]
    examples = (definitions[name] if name else schema).get("examples")
    if examples:
        media["example"] = [examples[0]] if of_list and name else examples[0]
    return {"application/json": media}


def _error_content(error: Mapping[str, Any], status: int) -> dict[str, Any]:
    examples = {code: {"value": {"error": message, "code": code}} for code, message in error_messages()[status].items()}
    return {"application/json": {**error["application/json"], "examples": examples}}


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
