"""The command `chat`: selects the model and the Redis, and reads and prints lines. `repl.py` handles the conversation.

Typer reads the annotations of commands at run time, so they are not postponed.
"""

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from langchain_motorhead.cli.common import Embeddings, Namespace, open_motorhead, stderr
from langchain_motorhead.exceptions import InvalidInputError, MotorheadError

_NO_MODEL = (
    "there is no model to talk to. Give --model PROVIDER:NAME and set that provider's key, set OPENAI_API_KEY, or set "
    "OPENAI_API_BASE to the address of an OpenAI-compatible server"
)
_NO_EXTRA = 'chat needs {missing}. Try: pip install "langchain-motorhead[cli,embedded]"'
_USAGE = 2


def chat(
    *,
    model: Annotated[
        str | None,
        typer.Option(
            help="Model to talk to: a name of OpenAI's, or PROVIDER:NAME for init_chat_model.",
            envvar="MOTORHEAD_MODEL",
            show_envvar=True,
            metavar="NAME",
        ),
    ] = None,
    session: Annotated[str, typer.Option(help="Session to continue.", metavar="ID")] = "chat",
    user: Annotated[str | None, typer.Option(help="User of the session.", metavar="ID")] = None,
    url: Annotated[
        str | None,
        typer.Option(
            "--redis-url",
            "--url",
            help="URL of the Redis to use.",
            envvar="REDIS_URL",
            show_envvar=True,
            metavar="URL",
            show_default="an embedded one in ~/.local/share/motorhead",
        ),
    ] = None,
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
    from langchain_motorhead.sessions.window import Window

    talks_to, summarizes = _models(model)
    window = Window(max_messages=max_messages, max_tokens=max_tokens)
    options = {"compaction": "background", "llm": summarizes, "window": window}
    with _quiet(), open_motorhead(url or _own(), namespace, embeddings, **options) as motorhead:
        talk = Repl(motorhead.session(session, user), talks_to, searches=embeddings is not None)
        for line in _lines():
            if not talk.take(line):
                break


def _models(name: str | None) -> tuple[Any, Any]:
    """Return the model to talk to and the model that summarizes, or exit with an error if there is none."""
    try:
        from langchain_motorhead.cli.serve import read_settings
        from langchain_motorhead.models.by_name import chat_model
        from langchain_motorhead.server import model_factory as models

        settings = read_settings({"model": name} if name else {})
    except ImportError as error:
        raise MotorheadError(_NO_EXTRA.format(missing=error.name or "pydantic-settings")) from None
    try:
        model = models.chat_model(settings)
        if isinstance(model, str):
            model = chat_model(model, "--model")
    except InvalidInputError as error:
        stderr().print(f"Error: {error}", style="red")
        raise typer.Exit(_USAGE) from None
    if model is None:
        stderr().print(f"Error: {_NO_MODEL}", style="red")
        raise typer.Exit(_USAGE)
    return model, models.summarizer(settings) if settings.summarizer_api_base else model


def _own() -> str:
    """Return the URL of an embedded Redis in the user's data folder."""
    data = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    folder = Path(data) / "motorhead"
    folder.mkdir(parents=True, exist_ok=True)
    return f"embedded://{folder}"


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
