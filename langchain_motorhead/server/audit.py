"""The audit log: one line for each request that changes or exports what is stored. It names who, what and when.

The lines go to the server's log, with the logger `langchain_motorhead.server.audit`. They have no contents. A key is
named by the first characters of its SHA-256 digest, so that the log does not reveal it.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from urllib.parse import unquote

from starlette.requests import HTTPConnection
from starlette.types import Scope

from langchain_motorhead.server.json_logs import AUDIT, FIELDS
from langchain_motorhead.server.tenants import sent_digest

logger = logging.getLogger(AUDIT)

NOTE = "motorhead.audit"
"""Key of a request's scope that holds what is logged of it, if its route does not say that."""

ACTIONS: Mapping[tuple[str, str], str] = {
    ("DELETE", "/sessions/{session_id}/memory"): "delete session",
    ("POST", "/sessions/{session_id}/compact"): "compact",
    ("POST", "/sessions/{session_id}/rebuild"): "rebuild summary",
    ("PUT", "/sessions/{session_id}/summary"): "edit summary",
    ("GET", "/sessions/{session_id}/export"): "export session",
    ("POST", "/sessions/{session_id}/forget"): "forget message",
    ("PUT", "/sessions/{session_id}/messages/{seq}"): "edit message",
    ("POST", "/users/{user_id}/facts"): "remember fact",
    ("PUT", "/users/{user_id}/facts/{fact_id}"): "correct fact",
    ("DELETE", "/users/{user_id}/facts/{fact_id}"): "forget fact",
    ("POST", "/sessions/{session_id}/facts"): "remember fact",
    ("PUT", "/sessions/{session_id}/facts/{fact_id}"): "correct fact",
    ("DELETE", "/sessions/{session_id}/facts/{fact_id}"): "forget fact",
    ("POST", "/sessions/{session_id}/learn"): "learn",
    ("GET", "/users/{user_id}/export"): "export user",
    ("DELETE", "/users/{user_id}"): "delete user",
}
"""The requests of the API that are logged, by method and route."""

_SHOWN_CHARS = 200
_ERROR = 400


def log(scope: Scope, method: str, route: str, status: int, request_id: str) -> None:
    """Write the line of a request, if it is one that is logged.

    Args:
        scope: Scope of the request.
        method: Its HTTP method.
        route: Path of its route.
        status: HTTP status of the answer.
        request_id: Its id, which its answer and the other lines of the log have too.
    """
    noted: dict[str, str] | None = scope.get(NOTE)
    if noted is None:
        action = ACTIONS.get((method, route))
        if action is None:
            return
        ids: Mapping[str, str] = scope.get("path_params", {})
        noted = to_note(action, sent_digest(HTTPConnection(scope)), **{name: unquote(ids[name]) for name in ids})
    outcome = "done" if status < _ERROR else "refused"
    logger.info("audit", extra={FIELDS: {"outcome": outcome, **noted, "status": status, "request_id": request_id}})


def note(scope: Scope, action: str, **details: str) -> None:
    """Note what a request does, to be logged when it is answered.

    Args:
        scope: Scope of the request.
        action: What is asked for.
        **details: Ids of what it is asked for; and an `outcome`, if the status of the answer does not say it.
    """
    scope[NOTE] = to_note(action, sent_digest(HTTPConnection(scope)), **details)


def to_note(action: str, digest: bytes | None, **ids: str) -> dict[str, str]:
    """Return what the log says of a request.

    Args:
        action: What was asked for.
        digest: Digest of the API key, or None without one.
        **ids: Ids of what it was asked for.
    """
    key = "none" if digest is None else digest.hex()[:8]
    return {"action": action, "key": key, **{name: each[:_SHOWN_CHARS] for name, each in ids.items()}}
