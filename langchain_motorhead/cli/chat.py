"""The command `chat`: selects the model and the Redis, and reads and prints lines. `repl.py` handles the conversation.

Typer reads the annotations of commands at run time, so they are not postponed.
"""

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer

from langchain_motorhead.cli.common import ApiKey, Embeddings, Namespace, Url, is_server, open_motorhead
from langchain_motorhead.cli.models import models
from langchain_motorhead.exceptions import InvalidInputError

_NO_MODEL = (
    "there is no model to talk to. Give --model PROVIDER:NAME and set that provider's key, set OPENAI_API_KEY, or set "
    "OPENAI_BASE_URL to the address of an OpenAI-compatible server"
)


def chat(
    *,
    model: Annotated[
        str | None,
        typer.Option(
            help="Model to talk to: a name of OpenAI's or at OPENAI_BASE_URL, or PROVIDER:NAME.",
            envvar="MOTORHEAD_MODEL",
            show_envvar=True,
            metavar="NAME",
        ),
    ] = None,
    session: Annotated[str, typer.Option(help="Session to continue.", metavar="ID")] = "chat",
    user: Annotated[str | None, typer.Option(help="User of the session.", metavar="ID")] = None,
    url: Url = None,
    api_key: ApiKey = None,
    namespace: Namespace = "default",
    max_messages: Annotated[
        int, typer.Option(min=2, help="Largest number of messages kept verbatim.", metavar="N")
    ] = 12,
    max_tokens: Annotated[
        int | None, typer.Option(min=2, help="Largest number of tokens kept verbatim.", metavar="N")
    ] = None,
    embeddings: Embeddings = None,
) -> None:
    """Talk to a model that remembers. /help lists the commands, Ctrl-C stops an answer, Ctrl-D ends the chat."""
    from langchain_motorhead.cli.repl import Repl
    from langchain_motorhead.sessions.compaction.window import Window

    found = models(model)
    if found is None:
        raise InvalidInputError(_NO_MODEL)
    talks_to, summarizes, _ = found
    is_interactive = sys.stdin.isatty()  # asked now: stopping to read a pipe closes it
    window = Window(max_messages=max_messages, max_tokens=max_tokens)
    options = {"compaction": "background", "llm": summarizes, "window": window}
    with _quiet(), open_motorhead(url, namespace, embeddings, api_key, **options) as motorhead:
        searches = embeddings is not None or is_server(url)
        talk = Repl(motorhead.session(session, user), talks_to, searches=searches)
        if is_interactive:
            talk.greet()
        for line in _lines():
            if not talk.take(line):
                break
    if talk.failures and not is_interactive:
        raise typer.Exit(1)


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep log messages, such as a failed summary, out of the conversation. `/summary` reports failures."""
    logger, handler = logging.getLogger("langchain_motorhead"), logging.NullHandler()
    propagates = logger.propagate
    logger.addHandler(handler)
    logger.propagate = False
    try:
        yield
    finally:
        logger.propagate = propagates
        logger.removeHandler(handler)


def _lines() -> Iterator[str]:
    """Return an iterator over the lines that are typed or piped."""
    if not sys.stdin.isatty():
        if hasattr(sys.stdin, "reconfigure"):
            sys.stdin.reconfigure(errors="replace")
        yield from sys.stdin
        return
    import contextlib

    with contextlib.suppress(ImportError):
        import readline  # noqa: F401 - enables line editing in input()
    while True:
        try:
            yield input("> ")
        except EOFError:
            typer.echo()
            return
        except KeyboardInterrupt:
            typer.echo()
