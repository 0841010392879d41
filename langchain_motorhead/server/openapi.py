"""What OpenAPI says of each request: parameters, bodies, answers. Data; nothing here is checked at run time."""

from __future__ import annotations

from typing import Any


def _object(properties: dict[str, Any], *required: str) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(required)}


_STRING: dict[str, Any] = {"type": "string"}
_NUMBER: dict[str, Any] = {"type": "integer"}
_MAYBE: dict[str, Any] = {"anyOf": [{"type": "string"}, {"type": "null"}]}
_ID: dict[str, Any] = {"type": "string", "minLength": 1, "maxLength": 1024}
_MESSAGE = _object(
    {
        "role": {"type": "string", "description": "Any. LangChain's side writes Human and AI"},
        "content": {"anyOf": [{"type": "string"}, {"type": "array"}, {"type": "null"}]},
    },
    "role",
    "content",
)
_SENT = _object({"role": _MESSAGE["properties"]["role"], "content": _STRING}, "role", "content")
_COUNTS = {
    "tokens": {"type": "integer", "description": "Tokens that summaries have cost"},
    "total": {"type": "integer", "description": "Messages ever accepted"},
    "summarized": {"type": "integer", "description": "How many of them the summary covers"},
    "backlog": {"type": "integer", "description": "Messages beyond the window that wait to be summarized"},
    "failures": {"type": "integer", "description": "Summaries that failed in a row"},
    "epoch": _MAYBE,
}
_HIT = {"role": _STRING, "content": _STRING, "dist": {"type": "number"}}
_ERROR = _object({"error": _STRING, "code": {"type": "string", "description": "Stable, for programs"}}, "error", "code")

_WHAT = {
    400: "Something in the request is wrong",
    401: "No API key, or a wrong one",
    403: "From a page of another site",
    409: "Redis holds something else under that name, or the index is another model's",
    413: "Larger than the server takes",
    501: "This Redis has no search module",
    502: "A model failed. No message was removed",
    503: "Redis cannot be reached, or refuses",
}


def _answers(schema: dict[str, Any], *statuses: int) -> dict[int | str, dict[str, Any]]:
    content = {"application/json": {"schema": _ERROR}}
    errors: dict[int | str, dict[str, Any]] = {
        status: {"description": _WHAT[status], "content": content} for status in (400, 401, 403, 409, *statuses, 503)
    }
    return {200: {"description": "Done", "content": {"application/json": {"schema": schema}}}, **errors}


def _query(name: str, schema: dict[str, Any], description: str) -> dict[str, Any]:
    return {"name": name, "in": "query", "required": False, "schema": schema, "description": description}


def _path(name: str) -> dict[str, Any]:
    return {"name": name, "in": "path", "required": True, "schema": _ID, "description": "Percent-encoded, slashes too"}


def _made(
    schema: dict[str, Any], *statuses: int, parameters: list[dict[str, Any]] | None = None, body: Any = None
) -> dict[str, Any]:
    extra: dict[str, Any] = {"parameters": parameters or []}
    if body is not None:
        extra["requestBody"] = {"required": True, "content": {"application/json": {"schema": body}}}
    return {"responses": _answers(schema, *statuses), "openapi_extra": extra}


_SESSION_ID = _path("session_id")
_USER = _query("user_id", _ID, "Whose session it is. A session that is another user's is refused")
_GROUP = _query("namespace", _ID, "Group to list the session in. Reading needs none")
_FULL = _query("full", {"type": "boolean", "default": False}, "Whether to answer more than the original did")
_STATUS = {"status": {"type": "string", "const": "Ok"}}

NOW = _made(_object({"now": _NUMBER}, "now"))
SESSIONS = _made(
    {"type": "array", "items": _STRING},
    parameters=[
        _query("page", {"type": "integer", "minimum": 1, "maximum": 100, "default": 1}, "Page to give"),
        _query("size", {"type": "integer", "minimum": 1, "maximum": 1000, "default": 10}, "Sessions on a page"),
        _query("namespace", _ID, "List this group. Without it: what was posted without one"),
        _query("user_id", _ID, "List this user's"),
        _query("full", {"type": "boolean"}, "List all, in groups or not; any number of pages"),
        _query("newest_first", {"type": "boolean"}, "With full or user_id: whether the one active last comes first"),
    ],
)
_WHOLE = {**_COUNTS, "start": {"type": "integer", "description": "Sequence number of the oldest message read"}}
GET_MEMORY = _made(
    _object(
        {"messages": {"type": "array", "items": _MESSAGE}, "context": _MAYBE, **_COUNTS},
        "messages",
        "context",
        "tokens",
    ),
    parameters=[
        _SESSION_ID,
        _USER,
        _query(
            "limit",
            {"type": "integer", "minimum": 1, "maximum": 2**31},
            "Messages to give at most. Default: the window. No more than the hard limit",
        ),
        _query(
            "full",
            {"type": "boolean"},
            "Give what a prompt needs: all that is not summarized, up to the hard limit, each message with its id, and "
            "no tool result without its call",
        ),
    ],
)
POST_MEMORY = _made(
    _object(_STATUS, "status"),
    413,
    parameters=[_SESSION_ID, _GROUP, _USER],
    body=_object(
        {
            "messages": {"type": "array", "items": _SENT},
            "context": _MAYBE,
            "unless_known": {
                "type": "boolean",
                "default": True,
                "description": "Whether a message is left out whose id is one of the last 128 of the session",
            },
        },
        "messages",
    ),
)
DELETE_MEMORY = _made(
    _object({**_STATUS, "deleted": {"type": "boolean"}}, "status"), parameters=[_SESSION_ID, _GROUP, _USER, _FULL]
)
RETRIEVAL = _made(
    {"type": "array", "items": _object(_HIT, *_HIT), "maxItems": 10},
    413, 501, 502,
    parameters=[_SESSION_ID, _USER],
    body=_object({"text": _STRING}, "text"),
)  # fmt: skip
SESSION = _made(
    _object(
        {"session_id": _STRING, "exists": {"type": "boolean"}, "length": _NUMBER, **_COUNTS}, "session_id", "exists"
    ),
    parameters=[_SESSION_ID, _USER],
)
COMPACT = _made(
    _object({**_STATUS, "folded": _NUMBER, "batches": _NUMBER, "tokens": _NUMBER}, "status", "folded"),
    502,
    parameters=[_SESSION_ID, _USER],
)
SEARCH = _made(
    {"type": "array", "items": _object({**_HIT, "session_id": _STRING, "seq": _NUMBER}, *_HIT, "session_id", "seq")},
    413, 501, 502,
    body=_object(
        {
            "text": _STRING,
            "k": {"type": "integer", "minimum": 1, "maximum": 1000, "default": 10},
            "user_id": _ID,
            "session_id": _ID,
            "search_type": {"type": "string", "enum": ["hybrid", "similarity", "mmr"], "default": "hybrid"},
            "score_threshold": {"type": "number"},
            "roles": {"type": "array", "items": _STRING, "minItems": 1},
            "after": {"type": "string", "format": "date-time", "description": "Appended at this time or later"},
            "before": {"type": "string", "format": "date-time"},
            "neighbors": {"type": "integer", "minimum": 0, "maximum": 20, "default": 0},
            "exclude_window": {"type": "boolean", "default": False},
            "fetch_k": {"type": "integer", "minimum": 1, "default": 20},
            "lambda_mult": {"type": "number", "minimum": 0, "maximum": 1, "default": 0.5},
            "unseen": _object({"session_id": _ID, "seq": _NUMBER}, "session_id", "seq"),
        },
        "text",
    ),
)  # fmt: skip
CATCH_UP = _made(
    {"anyOf": [_object(_STATUS, "status"), _object({"messages": {"type": "array", "items": _MESSAGE}, **_WHOLE})]},
    413,
    parameters=[_SESSION_ID, _USER],
    body=_object(
        {
            "messages": {"type": "array", "items": _SENT, "description": "The conversation so far, with ids"},
            "after": {**_MAYBE, "description": "Id of a message that is known to be stored"},
            "read": {"type": "boolean", "default": True},
        },
        "messages",
    ),
)
USER = _made(_object({**_STATUS, "deleted": _NUMBER}, "status", "deleted"), parameters=[_path("user_id")])
HEALTH = _made(_object(_STATUS, "status"))
