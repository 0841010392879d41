"""The command `ui`: opens the memory page, of a server or of a server that it starts for a Redis.

Typer reads the annotations at run time, so they are not postponed.
"""

import socket
import webbrowser
from contextlib import suppress
from functools import partial
from typing import Annotated

import typer

from langchain_motorhead.cli.common import Embeddings, Namespace, Url, is_server, open_motorhead
from langchain_motorhead.cli.serve import read_settings
from langchain_motorhead.exceptions import InvalidInputError, MotorheadError

_MISSING_EXTRA = 'the page needs {missing}. Try: pip install "langchain-motorhead[cli]"'
_LOOPBACK = "127.0.0.1"


def ui(
    *,
    url: Url = None,
    namespace: Namespace = "default",
    embeddings: Embeddings = None,
    port: Annotated[
        int,
        typer.Option(help="Port of the page. Default: a free one.", min=0, max=65535, metavar="N", show_default=False),
    ] = 0,
    browser: Annotated[bool, typer.Option("--browser/--no-browser", help="Whether to open a browser.")] = True,
) -> None:
    """Show what an agent remembers, in a browser.

    For a Redis, a server for this machine alone runs until Ctrl-C.
    """
    if url is not None and is_server(url):
        _open(f"{url.rstrip('/')}/ui", browser=browser)
        return
    try:
        import uvicorn

        from langchain_motorhead.server import create_app
        from langchain_motorhead.server.connections import StoppingServer, protocol_with_timeout
    except ImportError as error:
        raise MotorheadError(_MISSING_EXTRA.format(missing=error.name or "starlette and uvicorn")) from None
    given = {
        "host": _LOOPBACK,
        "api_keys": None,
        "namespace": namespace,
        "ui": True,
        "root_path": "",
        "cors_origins": (),
    }
    settings = read_settings(given)
    with _listen(port) as listener:
        app = create_app(settings, motorhead=lambda name: open_motorhead(url, name, embeddings))
        config = uvicorn.Config(
            app,
            log_level="warning",
            access_log=False,
            server_header=False,
            proxy_headers=False,
            http=protocol_with_timeout(settings.client_timeout),
            ws="none",
            workers=1,  # else uvicorn reads WEB_CONCURRENCY, and fails if it is empty
            timeout_graceful_shutdown=1,
        )
        address = f"http://{_LOOPBACK}:{listener.getsockname()[1]}/ui"
        server = StoppingServer(config, partial(_open, address, browser=browser))
        with suppress(KeyboardInterrupt):
            server.run(sockets=[listener])


def _open(address: str, *, browser: bool) -> None:
    typer.echo(address)
    if browser:
        webbrowser.open(address)


def _listen(port: int) -> socket.socket:
    try:
        return socket.create_server((_LOOPBACK, port))
    except OSError as error:
        message = f"port {port} cannot be used: {error.strerror}. Leave --port out for a free one"
        raise InvalidInputError(message) from None
