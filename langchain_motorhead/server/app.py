"""The ASGI application: routes, errors, what surrounds them, and the end of it all.

FastAPI describes the routes, and answers what none of them is for. A request that one is for does not pass through it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from fastapi.routing import APIRoute
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import Mount

from langchain_motorhead import Motorhead
from langchain_motorhead.server import docs_page as page
from langchain_motorhead.server import errors
from langchain_motorhead.server.metrics import Metrics
from langchain_motorhead.server.middleware import RequestMiddleware
from langchain_motorhead.server.router import Direct
from langchain_motorhead.server.routes import extensions as beside
from langchain_motorhead.server.routes import health
from langchain_motorhead.server.routes import motorhead as wire
from langchain_motorhead.server.settings import Settings
from langchain_motorhead.server.tenants import MakeMotorhead, Tenants

_ABOUT = "Chat memory: a window of recent messages, a running summary, and a search of all that was said."


def create_app(settings: Settings | None = None, *, motorhead: Motorhead | MakeMotorhead | None = None) -> Starlette:
    """Make the application, for any ASGI server. No I/O is done until a request comes.

    Args:
        settings: By default those of the environment.
        motorhead: What to serve, where the settings of Redis and of models are not to be used; it stays the caller's to
            close. With API keys a function, which makes one of a namespace.

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

    described = FastAPI(
        title="Motorhead", summary=_ABOUT, version=_version(), redirect_slashes=False, docs_url=None, redoc_url=None,
        exception_handlers=errors.HANDLERS, separate_input_output_schemas=False,
    )  # fmt: skip
    routers = (wire.router, beside.router, health.router)
    for router in (*routers, page.router):
        described.include_router(router)
    routes = [route for router in routers for route in router.routes if isinstance(route, APIRoute)]
    app = Starlette(
        routes=[Mount("/", described)],
        middleware=[Middleware(RequestMiddleware, tenants=tenants, metrics=metrics), Middleware(Direct, routes=routes)],
        lifespan=lifespan,
    )
    described.state = app.state  # of whatever it answers itself
    app.state.settings = settings
    app.state.tenants = tenants
    app.state.metrics = metrics
    return app


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("langchain-motorhead")
    except PackageNotFoundError:  # run from a checkout
        return "0"
