"""The command `chat`: selects the model and the Redis, and reads lines. `repl.py` handles the conversation.

Typer reads the annotations of commands at run time, so they are not postponed.
"""

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Annotated

import typer

from langchain_motorhead.cli.common import ApiKey, Embeddings, Namespace, Url, is_server, open_motorhead
from langchain_motorhead.cli.help import MEMORY
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
            help="Model: a name at OpenAI or OPENAI_BASE_URL, or PROVIDER:NAME.",
            envvar="MOTORHEAD_MODEL",
            show_envvar=True,
            metavar="NAME",
        ),
    ] = None,
    session: Annotated[str, typer.Option(help="Session to continue.", metavar="ID")] = "chat",
    user: Annotated[str | None, typer.Option(help="User of the session.", metavar="ID")] = None,
    history: Annotated[
        bool,
        typer.Option(
            "--history/--no-history",
            help="Keep what you type for the arrow keys, also in later chats.",
            envvar="MOTORHEAD_CHAT_HISTORY",
            show_envvar=True,
            show_default=False,
        ),
    ] = True,
    url: Url = None,
    api_key: ApiKey = None,
    namespace: Namespace = "default",
    max_messages: Annotated[
        int, typer.Option(min=2, help="Newest messages to keep verbatim.", metavar="N", rich_help_panel=MEMORY)
    ] = 12,
    max_tokens: Annotated[
        int | None, typer.Option(min=2, help="Newest tokens to keep verbatim.", metavar="N", rich_help_panel=MEMORY)
    ] = None,
    embeddings: Embeddings = None,
) -> None:
    """Chat with a model that remembers the conversation.

    /help lists the commands of the chat, Ctrl-C stops an answer, Ctrl-D ends the chat.
    """
    from langchain_motorhead.cli.chat.repl import Repl
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
        known = None if user is None else motorhead.user(user)
        talk = Repl(motorhead.session(session, user), talks_to, known, searches=searches)
        if is_interactive:
            talk.greet()
        for line in typed_lines(keeps=history) if is_interactive else _piped():
            if not talk.take(line):
                break
            if talk.was_interrupted and not is_interactive:  # Ctrl-C ends the command, not only one line of it
                raise KeyboardInterrupt
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


def _piped() -> Iterator[str]:
    """Return an iterator over the lines of a pipe."""
    if hasattr(sys.stdin, "reconfigure"):
        sys.stdin.reconfigure(errors="replace")
    yield from sys.stdin


def typed_lines(*, keeps: bool) -> Iterator[str]:
    """Return an iterator over the lines that are typed.

    Args:
        keeps: Whether they are kept for later chats.
    """
    from langchain_motorhead.cli.chat.repl import COMPLETIONS

    if sys.stdout.isatty():
        try:
            from langchain_motorhead.cli.chat.history import chat_history
            from langchain_motorhead.cli.chat.terminal import typed
        except ImportError:  # they need packages of the extra `cli`, which the extra `server` lacks
            pass
        else:
            yield from typed(COMPLETIONS, chat_history(keeps=keeps))
            return
    with suppress(ImportError):
        import readline  # noqa: F401 - enables line editing in input()
    while True:
        try:
            yield input("> ")
        except EOFError:
            typer.echo()
            return
        except KeyboardInterrupt:
            typer.echo()
