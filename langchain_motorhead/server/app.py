"""Builds the ASGI application: routes, error handlers, middleware, and what happens when the server stops."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import Route

from langchain_motorhead import Motorhead
from langchain_motorhead.server import docs_page, errors
from langchain_motorhead.server.metrics import Metrics
from langchain_motorhead.server.middleware import RequestMiddleware
from langchain_motorhead.server.routes import conversation, extensions, health
from langchain_motorhead.server.routes import motorhead as motorhead_routes
from langchain_motorhead.server.settings import Settings
from langchain_motorhead.server.tenants import MakeMotorhead, Tenants

_ROUTES: tuple[Route, ...] = (
    *motorhead_routes.ROUTES,
    *extensions.ROUTES,
    *conversation.ROUTES,
    *health.ROUTES,
    health.METRICS_ROUTE,
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
    settings = settings or Settings()
    tenants = Tenants(settings, motorhead)
    metrics = Metrics(lambda: tenants.pending)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        yield
        await tenants.close(settings.shutdown_timeout)

    app = Starlette(
        routes=_ROUTES,
        middleware=[Middleware(RequestMiddleware, tenants=tenants, metrics=metrics, routes=_ROUTES)],
        exception_handlers=errors.HANDLERS,
        lifespan=lifespan,
    )
    app.router.redirect_slashes = False  # an unknown path is a 404
    app.state.settings = settings
    app.state.tenants = tenants
    app.state.metrics = metrics
    return app
