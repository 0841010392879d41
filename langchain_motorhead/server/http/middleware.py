"""ASGI middleware around every request: ids, metrics, trace, log line, and an answer to unexpected errors."""

from __future__ import annotations

import logging
import secrets
import time
from collections.abc import Iterable
from urllib.parse import quote

from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from langchain_motorhead.rest_protocol import WIRE
from langchain_motorhead.server import audit
from langchain_motorhead.server.http.errors import FAILURE, PREFIX, ForbiddenError, code_of, to_response
from langchain_motorhead.server.http.sites import Sites
from langchain_motorhead.server.json_logs import FIELDS, describe_error
from langchain_motorhead.server.monitoring.metrics import Metrics
from langchain_motorhead.server.monitoring.tracing import RequestTrace
from langchain_motorhead.server.tenants import Tenants

logger = logging.getLogger(__name__)
# Label of a path or method that the server does not know, so that clients cannot create labels.
_UNKNOWN_LABEL = "(none)"
_KNOWN_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
# Logged, never sent: the client disconnected before the answer.
_STATUS_CLIENT_DISCONNECTED = 499
_FAILED = 500
_IN_PATHS = "/:@!$&'()*+,;=~"
# Paths that monitoring asks for every few seconds; they are logged at level DEBUG.
_MONITORING_PATHS = frozenset({"/health", "/ready", "/metrics"})
_COMMON_HEADERS = ((b"x-content-type-options", b"nosniff"), (WIRE.lower().encode(), b"2"))


class RequestMiddleware:
    """Counts, times and logs every request, and answers errors that no handler knows.

    Args:
        app: The wrapped application.
        tenants: Tenants of the application.
        metrics: Metrics of the application.
        routes: Routes of the application. Metrics and log name a request by its route's path, which has no ids.
        sites: Recognizes requests from pages of other sites, which are refused where no API key protects the server.
        root_path: The prefix of paths under which a proxy publishes the server, or an empty string.
    """

    def __init__(
        self,
        app: ASGIApp,
        tenants: Tenants,
        metrics: Metrics,
        routes: Iterable[Route],
        sites: Sites,
        root_path: str,
    ) -> None:
        self._app = app
        self._sites = sites
        self._tenants = tenants
        self._metrics = metrics
        self._root_path = root_path
        self._paths: dict[object, str] = {route.endpoint: route.path for route in routes}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        # Routes match the path before percent-decoding, so that an encoded slash is part of an id.
        raw = scope.get("raw_path")
        path = quote(scope["path"], safe=_IN_PATHS) if raw is None else raw.decode("latin-1")
        if outer := quote(scope.get("root_path", ""), safe=_IN_PATHS):  # of another application, or of uvicorn
            path = path.removeprefix(outer)
        if self._root_path and path.startswith(f"{self._root_path}/"):  # the proxy keeps the prefix
            path = path.removeprefix(self._root_path)
        scope["root_path"], scope["path"], scope[PREFIX] = "", path, outer or self._root_path
        started, status, request_id = time.perf_counter(), 0, secrets.token_hex(8)
        traced = RequestTrace(scope)

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [
                    *message.get("headers", ()),
                    (b"x-request-id", request_id.encode()),
                    *_COMMON_HEADERS,
                ]
            await send(message)

        self._metrics.under_way.inc()
        try:
            if (refusal := self._refusal(scope)) is not None:
                await to_response(ForbiddenError(refusal))(scope, receive, send_with_headers)
            else:
                await self._app(scope, receive, send_with_headers)
        except ClientDisconnect:  # before the body was complete: nobody can be answered
            pass
        except Exception as error:
            scope[FAILURE] = error
            logger.exception("a request failed", extra={FIELDS: {"request_id": request_id, **traced.fields}})
            if status:
                raise
            await to_response(error)(scope, receive, send_with_headers)
        finally:
            self._metrics.under_way.dec()
            seconds = time.perf_counter() - started
            self._record(scope, status or _STATUS_CLIENT_DISCONNECTED, seconds, request_id, traced)

    def _refusal(self, scope: Scope) -> str | None:
        """Return why a request is refused that a page of another site sent, if no API key protects against it."""
        if not self._tenants.open_to_all:
            return None
        address = scope.get("server")
        return self._sites.refusal(scope["method"], Headers(scope=scope), address[0] if address else None)

    def _record(self, scope: Scope, status: int, seconds: float, request_id: str, traced: RequestTrace) -> None:
        """Count a request in the metrics, end its span, and log it."""
        route = self._paths.get(scope.get("endpoint"), _UNKNOWN_LABEL)
        method = scope["method"] if scope["method"] in _KNOWN_METHODS else _UNKNOWN_LABEL
        self._metrics.answered(method, route, status, seconds)
        audit.log(scope, method, route, status, request_id)
        traced.end(method, route, status, scope.get(FAILURE))
        level = logging.DEBUG if route in _MONITORING_PATHS else logging.INFO
        failure = scope.get(FAILURE)
        if status >= _FAILED:
            level = logging.ERROR
        if logger.isEnabledFor(level):
            fields = {
                "method": method,
                "route": route,
                "status": status,
                "ms": round(seconds * 1000, 3),
                "request_id": request_id,
                **traced.fields,
            }
            if failure is not None:
                fields |= {"code": code_of(failure), "cause": describe_error(failure)}
            # Not `logger.log`, which walks the stack to find its caller.
            extra = {FIELDS: fields}
            logger.handle(logger.makeRecord(logger.name, level, __file__, 0, "request", (), None, extra=extra))
