"""The ASGI application: routes, errors, what surrounds them, and the end of it all."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from langchain_motorhead import Motorhead
from langchain_motorhead.server import beside, errors, health, page, wire
from langchain_motorhead.server.edge import Edge
from langchain_motorhead.server.metrics import Metrics
from langchain_motorhead.server.settings import Settings
from langchain_motorhead.server.tenants import MakeMotorhead, Tenants

_ABOUT = "Chat memory: a window of recent messages, a running summary, and a search of all that was said."


def create_app(settings: Settings | None = None, *, motorhead: Motorhead | MakeMotorhead | None = None) -> FastAPI:
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

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        await tenants.close(settings.shutdown_timeout)

    app = FastAPI(
        title="Motorhead", summary=_ABOUT, version=_version(), lifespan=lifespan,
        redirect_slashes=False, docs_url=None, redoc_url=None,
        exception_handlers=errors.HANDLERS, separate_input_output_schemas=False,
    )  # fmt: skip
    app.state.settings = settings
    app.state.tenants = tenants
    app.state.metrics = Metrics(lambda: tenants.pending)
    for router in (wire.router, beside.router, health.router, page.router):
        app.include_router(router)
    app.add_middleware(Edge, state=app.state)
    return app


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("langchain-motorhead")
    except PackageNotFoundError:  # run from a checkout
        return "0"
