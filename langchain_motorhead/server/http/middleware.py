"""ASGI middleware around every request: ids, metrics, trace, log line, and an answer to unexpected errors."""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections.abc import Iterable
from itertools import count
from urllib.parse import quote

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from langchain_motorhead.exceptions import ClosedError
from langchain_motorhead.rest_protocol import WIRE
from langchain_motorhead.server import audit
from langchain_motorhead.server.http.errors import (
    FAILURE,
    HANDLERS,
    PREFIX,
    ForbiddenError,
    code_of,
    handle_error,
    to_response,
)
from langchain_motorhead.server.http.responses import JSONBytes, headers_of
from langchain_motorhead.server.http.route_table import RouteTable
from langchain_motorhead.server.http.sites import Sites
from langchain_motorhead.server.http.uvicorn_cycle import cycle_of, send_whole
from langchain_motorhead.server.json_logs import FIELDS, describe_error, log_request
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
_ANSWERED_ERRORS = tuple(HANDLERS)
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
        routes = tuple(routes)
        self._paths: dict[object, str] = {route.endpoint: route.path for route in routes}
        self._table = RouteTable(routes)
        # Ids of requests: 8 random digits of this process, and 8 that count.
        self._ids, self._process = count(secrets.randbits(31)), secrets.token_hex(4)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        path = self._set_path(scope)
        answering = _Answering(scope, send, f"{self._process}{next(self._ids) & 0xFFFFFFFF:08x}")
        counts = self._metrics.counts
        counts.under_way += 1
        try:
            if (refusal := self._refusal(scope)) is not None:
                await to_response(ForbiddenError(refusal))(scope, receive, answering.send)
            elif (found := self._table.find(scope["method"], path)) is not None:
                scope["endpoint"], scope["path_params"] = found.route.endpoint, found.parameters
                request = Request(scope, receive)
                try:  # as Starlette's router and exception middleware do
                    response = await found.route.endpoint(request)
                except _ANSWERED_ERRORS as error:
                    response = await handle_error(request, error)
                await answering.send_response(response, receive)
            else:
                await self._app(scope, receive, answering.send)
        except ClientDisconnect:  # before the body was complete: nobody can be answered
            pass
        except asyncio.CancelledError:
            if answering.status or not scope["app"].state.stopping:
                raise
            cut_off = ClosedError("the server stops, and cuts off what takes too long")
            scope[FAILURE] = cut_off
            await to_response(cut_off)(scope, receive, answering.send)
        except Exception as error:
            scope[FAILURE] = error
            fields = {"request_id": answering.request_id, **answering.traced.fields}
            logger.exception("a request failed", extra={FIELDS: fields})
            if answering.status:
                raise
            await to_response(error)(scope, receive, answering.send)
        finally:
            counts.under_way -= 1
            self._record(scope, answering)

    def _set_path(self, scope: Scope) -> str:
        """Put the path into the scope as routes match it: not percent-decoded, since a slash may be part of an id."""
        raw = scope.get("raw_path")
        path = quote(scope["path"], safe=_IN_PATHS) if raw is None else raw.decode("latin-1")
        outer = scope.get("root_path", "")
        if outer:  # of another application, or of uvicorn
            outer = quote(outer, safe=_IN_PATHS)
            path = path.removeprefix(outer)
        if self._root_path and path.startswith(f"{self._root_path}/"):  # the proxy keeps the prefix
            path = path.removeprefix(self._root_path)
        scope["root_path"], scope["path"], scope[PREFIX] = "", path, outer or self._root_path
        return str(path)

    def _refusal(self, scope: Scope) -> str | None:
        """Return why a request is refused that a page of another site sent, if no API key protects against it."""
        if not self._tenants.open_to_all:
            return None
        address = scope.get("server")
        return self._sites.refusal(scope["method"], scope["headers"], address[0] if address else None)

    def _record(self, scope: Scope, answering: _Answering) -> None:
        """Count a request in the metrics, end its span, and log it."""
        status, seconds = answering.status or _STATUS_CLIENT_DISCONNECTED, time.perf_counter() - answering.began
        route = self._paths.get(scope.get("endpoint"), _UNKNOWN_LABEL)
        method = scope["method"] if scope["method"] in _KNOWN_METHODS else _UNKNOWN_LABEL
        self._metrics.counts.answered(method, route, status, seconds)
        audit.log(scope, method, route, status, answering.request_id)
        failure = scope.get(FAILURE)
        answering.traced.end(method, route, status, failure)
        level = logging.DEBUG if route in _MONITORING_PATHS else logging.INFO
        if status >= _FAILED:
            level = logging.ERROR
        if logger.isEnabledFor(level):
            fields = {
                "method": method,
                "route": route,
                "status": status,
                "ms": round(seconds * 1000, 3),
                "request_id": answering.request_id,
            }
            if answering.traced.trace_id is not None:
                fields["trace_id"] = answering.traced.trace_id
            if failure is not None:
                fields |= {"code": code_of(failure), "cause": describe_error(failure)}
            log_request(logger, level, fields)


class _Answering:
    """How one request is answered.

    Attributes:
        began: When the request came, by `time.perf_counter`.
        request_id: Id of the request.
        status: HTTP status of the answer, or 0 as long as none was sent.
        traced: The trace of the request.
    """

    __slots__ = ("_scope", "_send", "began", "request_id", "status", "traced")

    def __init__(self, scope: Scope, send: Send, request_id: str) -> None:
        self._scope, self._send = scope, send
        self.began = time.perf_counter()
        self.request_id = request_id
        self.status = 0
        self.traced = RequestTrace(scope)

    async def send_response(self, response: Response, receive: Receive) -> None:
        """Send the answer of an endpoint."""
        if type(response) is JSONBytes and (cycle := cycle_of(self._send)) is not None:
            self.status = 200
            headers = _JSON_HEADERS % (len(response.body), self.request_id.encode())
            await send_whole(cycle, headers, response.body)
        else:
            await response(self._scope, receive, self.send)

    async def send(self, message: Message) -> None:
        """Send a part of the answer. The headers that every answer has are added."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            message["headers"] = [
                *message.get("headers", ()),
                (b"x-request-id", self.request_id.encode()),
                *_COMMON_HEADERS,
            ]
        await self._send(message)


def _head_of(headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    return b"".join(b"%b: %b\r\n" % header for header in headers)


# The head of a JSONBytes, with the length of the body and the id of the request.
_JSON_HEADERS = _head_of([*headers_of(b"%d"), (b"x-request-id", b"%b"), *_COMMON_HEADERS])
