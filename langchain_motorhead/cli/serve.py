"""The command `motorhead serve`: reads the settings, and runs the server with uvicorn.

Typer reads the annotations at run time, so they are not postponed.
"""

import gc
import os
from shutil import get_terminal_size
from textwrap import fill
from typing import Annotated, Any

import typer

from langchain_motorhead.exceptions import InvalidInputError, MotorheadError

_WORKER = "langchain_motorhead.server.workers:create_worker"
# A process that is busy, or still imports, must not be taken for one that hangs.
_HANGS_SECONDS = 60

# Longer lines are hard to read.
_TEXT_COLUMNS = 100
_MISSING_EXTRA = 'the server needs {missing}. Try: pip install "langchain-motorhead[server]"'


def serve(
    *,
    host: Annotated[
        str | None, typer.Option(help="Address to listen on. Overrides MOTORHEAD_HOST.", metavar="ADDRESS")
    ] = None,
    port: Annotated[
        int | None, typer.Option(help="Port to listen on. Overrides PORT.", min=0, max=65535, metavar="N")
    ] = None,
    workers: Annotated[
        int | None, typer.Option(help="Number of worker processes. Overrides WEB_CONCURRENCY.", min=1, metavar="N")
    ] = None,
    settings_only: Annotated[
        bool, typer.Option("--settings", help="Explain all environment variables, and exit.")
    ] = False,
) -> None:
    """Run the REST server, with the API of the original Motorhead.

    Environment variables configure it, such as REDIS_URL, MOTORHEAD_API_KEYS, MOTORHEAD_MODEL and OPENAI_API_KEY.
    With --settings, all of them are explained.
    """
    if settings_only:
        _explain_settings()
        return
    gc.disable()  # it finds nothing in what is imported now; `warm_up` enables it
    try:
        import uvicorn

        from langchain_motorhead.server.app import create_app, warn_of_unknown_variables
        from langchain_motorhead.server.connections import StoppingServer, protocol_with_timeout
        from langchain_motorhead.server.workers import check, set_up
    except ImportError as error:
        raise MotorheadError(_MISSING_EXTRA.format(missing=error.name or "starlette and uvicorn")) from None
    given = {"host": host, "port": port, "workers": workers}
    settings = read_settings({name: value for name, value in given.items() if value is not None})
    check(settings)
    set_up(settings)
    warn_of_unknown_variables()
    app = create_app(settings)  # with several workers, too: what cannot be used ends the command at once
    app.state.owns_process = True
    _warn(settings)
    several = settings.workers > 1
    if several:
        gc.enable()
        app.state.tenants.build_models()  # so does a model that cannot be built
        # Workers read the environment.
        os.environ |= {"PORT": str(settings.port)} | ({"MOTORHEAD_HOST": settings.host} if settings.host else {})
    options: dict[str, Any] = {
        "host": settings.listen_on,
        "port": settings.port,
        "log_config": None,
        "access_log": False,
        "server_header": False,
        "proxy_headers": False,
        "http": protocol_with_timeout(settings.client_timeout),
        "ws": "none",
        "timeout_keep_alive": settings.keep_alive,
        "timeout_graceful_shutdown": max(1, round(settings.shutdown_timeout)),
    }
    cannot_listen = MotorheadError(
        f"the server cannot listen on {settings.listen_on}, port {settings.port}. The log says why. Try another "
        "--host or --port"
    )
    try:
        if several:
            uvicorn.run(
                _WORKER, factory=True, workers=settings.workers, timeout_worker_healthcheck=_HANGS_SECONDS, **options
            )
            return
        # Without `workers`, uvicorn reads WEB_CONCURRENCY, and fails if it is empty.
        server = StoppingServer(uvicorn.Config(app, workers=1, **options))
        server.run()
    except KeyboardInterrupt:
        return
    except SystemExit as ended:  # a status of uvicorn's own
        if ended.code:
            raise cannot_listen from None
        raise
    if app.state.failure is not None:
        raise app.state.failure
    if not server.started:
        raise cannot_listen


def _explain_settings() -> None:
    """Print each environment variable with its default and its meaning."""
    try:
        from langchain_motorhead.server.variables import variables
    except ImportError as error:
        raise MotorheadError(_MISSING_EXTRA.format(missing=error.name or "pydantic-settings")) from None
    width = min(get_terminal_size().columns, _TEXT_COLUMNS)
    for name, default, about in variables():
        typer.echo(f"{name} ({default})" if default else name)
        typer.echo(fill(f"{about}.", width, initial_indent="    ", subsequent_indent="    "))


def read_settings(given: dict[str, Any]) -> Any:
    """Read the settings from the environment.

    Args:
        given: Settings that override the environment, by name.

    Raises:
        InvalidInputError: A setting cannot be used.
    """
    from pydantic import ValidationError

    from langchain_motorhead.server.settings import Settings

    try:
        return Settings(**given)
    except ValidationError as error:
        # Without the values, which may be credentials.
        wrong = "; ".join(": ".join([*map(str, each["loc"][:1]), _said(each["msg"])]) for each in error.errors())
        raise InvalidInputError(f"the settings cannot be used: {wrong}") from None


def _said(message: str) -> str:
    """Return what a check says, without the class of error that pydantic puts before it."""
    return message.removeprefix("Value error, ")


def _warn(settings: Any) -> None:
    import logging

    if not settings.api_keys and settings.listen_on not in ("127.0.0.1", "::1", "localhost"):
        logging.getLogger(__name__).warning(
            "listening on %s without API keys: everyone who can reach the server can read and delete all sessions. Set "
            "MOTORHEAD_API_KEYS",
            settings.listen_on,
        )
