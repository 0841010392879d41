"""What surrounds every request: its path, its time, its line in the log, and an answer whatever happens. ASGI."""

from __future__ import annotations

import logging
import secrets
import time
from urllib.parse import quote

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from langchain_motorhead.rest_protocol import WIRE
from langchain_motorhead.server.errors import ForbiddenError, answer, to_response
from langchain_motorhead.server.json_logs import FIELDS
from langchain_motorhead.server.metrics import Metrics
from langchain_motorhead.server.tenants import Tenants

logger = logging.getLogger(__name__)
_UNMATCHED = "(none)"
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_CLIENT_LEFT = 499
_QUIET = frozenset({"/health", "/ready", "/metrics"})
_ALWAYS = ((b"x-content-type-options", b"nosniff"), (WIRE.lower().encode(), b"2"))


class RequestMiddleware:
    """Wraps the application.

    Args:
        app: What answers.
        tenants: Of the application.
        metrics: Of the application.
    """

    def __init__(self, app: ASGIApp, tenants: Tenants, metrics: Metrics) -> None:
        self._app = app
        self._tenants = tenants
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        # Routes are found by the path as it was sent, so that an encoded slash belongs to an id.
        raw = scope.get("raw_path")
        scope["path"] = quote(scope["path"], safe="/:@!$&'()*+,;=~") if raw is None else raw.decode("latin-1")
        started, status, id_ = time.perf_counter(), 0, secrets.token_hex(8)

        async def answered(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message.get("headers", ()), (b"x-request-id", id_.encode()), *_ALWAYS]
            await send(message)

        self._metrics.under_way.inc()
        try:
            if self._is_foreign(scope):
                await to_response(ForbiddenError("pages of other sites are refused"))(scope, receive, answered)
            else:
                await self._app(scope, receive, answered)
        except Exception:
            logger.exception("a request failed", extra={FIELDS: {"request_id": id_}})
            if status:
                raise
            await answer(500, "internal", "internal error")(scope, receive, answered)
        finally:
            self._metrics.under_way.dec()
            self._note(scope, status or _CLIENT_LEFT, time.perf_counter() - started, id_)

    def _is_foreign(self, scope: Scope) -> bool:
        """Say whether a browser sends this for a page of another site, where no key keeps that page out."""
        return (
            scope["method"] not in ("GET", "HEAD", "OPTIONS")
            and self._tenants.open_to_all
            and Headers(scope=scope).get("sec-fetch-site") == "cross-site"
        )

    def _note(self, scope: Scope, status: int, seconds: float, id_: str) -> None:
        route = getattr(scope.get("route"), "path", None) or _UNMATCHED  # of what is mounted it is empty
        method = scope["method"] if scope["method"] in _METHODS else _UNMATCHED
        self._metrics.answered(method, route, status, seconds)
        level = logging.DEBUG if route in _QUIET else logging.INFO
        if logger.isEnabledFor(level):
            fields = {
                "method": method,
                "route": route,
                "status": status,
                "ms": round(seconds * 1000, 3),
                "request_id": id_,
            }
            # Without a look at the stack for who calls.
            extra = {FIELDS: fields}
            logger.handle(logger.makeRecord(logger.name, level, __file__, 0, "request", (), None, extra=extra))
