"""Builds the ASGI application: routes, error handlers, middleware, and what happens when the server stops."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.exceptions import ExceptionMiddleware
from starlette.routing import Route
from starlette.types import ASGIApp

from langchain_motorhead import Motorhead
from langchain_motorhead.concurrency.deferred import Deferred
from langchain_motorhead.exceptions import MotorheadError
from langchain_motorhead.rest_protocol import IDEMPOTENCY_KEY
from langchain_motorhead.server.http import docs_page, errors
from langchain_motorhead.server.http.middleware import RequestMiddleware
from langchain_motorhead.server.http.sites import Sites
from langchain_motorhead.server.mcp.endpoint import McpEndpoint
from langchain_motorhead.server.monitoring.metrics import Metrics
from langchain_motorhead.server.page import routes as page_routes
from langchain_motorhead.server.page.visit import PageState
from langchain_motorhead.server.routes import conversation, extensions, facts, health, session_facts, summaries
from langchain_motorhead.server.routes import motorhead as motorhead_routes
from langchain_motorhead.server.routes.exports import EXPORT_ROUTE
from langchain_motorhead.server.settings import Settings
from langchain_motorhead.server.startup import await_redis, import_client, warm_up
from langchain_motorhead.server.tenants import MakeMotorhead, Tenants
from langchain_motorhead.server.variables import unknown_variables

logger = logging.getLogger(__name__)

# Headers that clients send, and headers of answers that a page may read.
_CORS_REQUEST_HEADERS = (
    "Authorization",
    "Content-Type",
    IDEMPOTENCY_KEY,
    "Mcp-Protocol-Version",
    "Traceparent",
    "Tracestate",
    "X-Metal-Api-Key",
    "X-Metal-Client-Id",
)
_CORS_ANSWER_HEADERS = ("X-Request-Id", "Retry-After")
_BEFORE_WARM_UP_SECONDS = 0.3
_CORS_METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE")

_API: tuple[Route, ...] = (
    *motorhead_routes.ROUTES,
    *extensions.ROUTES,
    *conversation.ROUTES,
    *summaries.ROUTES,
    *facts.ROUTES,
    *session_facts.ROUTES,
    *health.ROUTES,
    EXPORT_ROUTE,
    *docs_page.ROUTES,
)


def create_app(settings: Settings | None = None, *, motorhead: Motorhead | MakeMotorhead | None = None) -> Starlette:
    """Build the application for any ASGI server. It connects to Redis when the first request needs it.

    Args:
        settings: Settings of the server. The default reads them from environment variables.
        motorhead: The `Motorhead` to serve, instead of one built from the settings. The caller closes it. With API
            keys, a function that returns the `Motorhead` of a namespace; the server closes those.

    Raises:
        InvalidInputError: A setting cannot be used.
    """
    if settings is None:
        settings = Settings()
        warn_of_unknown_variables()
    tenants = Tenants(settings, motorhead)
    metrics = Metrics(lambda: tenants.pending, lambda: tenants.vectors_missing, lambda: tenants.summary_answers)
    metrics.count_learning(lambda: tenants.learned, lambda: tenants.summary_tokens)
    tenants.measure(metrics.work)
    sites = Sites([*settings.allowed_hosts, *filter(None, [settings.host])], settings.cors_origins)

    endpoint = McpEndpoint()
    routes = (*_API, Route("/mcp", endpoint, methods=["POST"]), *(page_routes.ROUTES if settings.ui else ()))

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        await asyncio.to_thread(import_client)
        tasks = [
            asyncio.create_task(await_redis(tenants.any.backend.require_redis())),
            asyncio.create_task(_warm_up(app)),
        ]
        yield
        for task in tasks:
            task.cancel()
        await endpoint.close()
        await tenants.close(settings.shutdown_timeout)

    app = _Application(
        routes=routes,
        middleware=[
            *_cors(settings),
            Middleware(
                RequestMiddleware,
                tenants=tenants,
                metrics=metrics,
                routes=routes,
                sites=sites,
                root_path=settings.root_path,
            ),
        ],
        exception_handlers=errors.HANDLERS,
        lifespan=lifespan,
    )
    app.router.redirect_slashes = False  # an unknown path is a 404
    app.state = AppState(settings, tenants, metrics, PageState(tenants) if settings.ui else None)
    return app


class AppState:
    """What the requests of an application share. Starlette's own class takes a call for each attribute that is read.

    Attributes:
        settings: Settings of the server.
        tenants: Its tenants.
        metrics: Its metrics.
        page: What the memory page shares, or None without it.
        warm: Imports what later requests need.
        stopping: Whether the server is to stop.
        owns_process: Whether nothing but the server runs in this process.
        failure: Why the server cannot work, if that is known.
        openapi_document: The OpenAPI document, once it was asked for.
    """

    def __init__(self, settings: Settings, tenants: Tenants, metrics: Metrics, page: PageState | None) -> None:
        self.settings, self.tenants, self.metrics, self.page = settings, tenants, metrics, page
        later = () if page is None else page_routes.MODULES
        self.warm = Deferred(lambda: warm_up(tenants, later, owns_process=self.owns_process))
        self.stopping = False
        self.owns_process = False
        self.failure: MotorheadError | None = None
        self.openapi_document: dict[str, Any] | None = None


class _Application(Starlette):
    """An application whose unexpected errors `RequestMiddleware` answers, and not one more layer around everything."""

    state: Any

    def build_middleware_stack(self) -> ASGIApp:
        """Return the middleware, around the router."""
        app: ASGIApp = ExceptionMiddleware(self.router, handlers=self.exception_handlers)
        for middleware, args, kwargs in reversed(self.user_middleware):
            app = middleware(app, *args, **kwargs)
        return app


async def _warm_up(app: Starlette) -> None:
    """Import what later requests need. If a model cannot be built, `app.state.failure` says why."""
    await asyncio.sleep(_BEFORE_WARM_UP_SECONDS)  # whoever waits for the server to start comes first
    try:
        await app.state.warm.aget()
    except MotorheadError as error:
        logger.error("%s", error)
        app.state.failure = error
    except Exception:
        logger.exception("what later requests need could not be imported")


def warn_of_unknown_variables() -> None:
    """Log a warning for each environment variable that looks like a setting and is none, such as a misspelled one."""
    for sentence in unknown_variables(os.environ):
        logger.warning("%s", sentence)


def _cors(settings: Settings) -> list[Middleware]:
    """Return the middleware that allows pages of other origins, around all others, so that errors have its headers."""
    if not settings.cors_origins:
        return []
    return [
        Middleware(
            CORSMiddleware,
            allow_origins=settings.cors_origins,
            allow_methods=_CORS_METHODS,
            allow_headers=_CORS_REQUEST_HEADERS,
            expose_headers=_CORS_ANSWER_HEADERS,
        )
    ]
