"""The command `chat`: which model, which Redis, and where text comes from and goes to. What is said is `talk.py`'s.

Annotations of commands are read at run time, so they are not postponed.
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
    "there is no model to talk to. Give --model PROVIDER:NAME with that provider's key, set OPENAI_API_KEY, or set "
    "OPENAI_API_BASE to the address of an OpenAI-compatible server"
)
_NO_EXTRA = 'chat needs {missing}. Try: pip install "langchain-motorhead[cli,embedded]"'
_USAGE = 2


def chat(
    *,
    model: Annotated[
        str | None,
        typer.Option(
            help="Model to talk to: an OpenAI model's name, or one of any provider as init_chat_model takes it.",
            envvar="MOTORHEAD_MODEL",
            show_envvar=True,
            metavar="NAME",
        ),
    ] = None,
    session: Annotated[str, typer.Option(help="Session to go on with.", metavar="ID")] = "chat",
    user: Annotated[str | None, typer.Option(help="Whose session it is.", metavar="ID")] = None,
    url: Annotated[
        str | None,
        typer.Option(
            "--redis-url",
            "--url",
            help="The Redis to work on.",
            envvar="REDIS_URL",
            show_envvar=True,
            metavar="URL",
            show_default="one of your own, embedded, in ~/.local/share/motorhead",
        ),
    ] = None,
    namespace: Namespace = "default",
    max_messages: Annotated[int, typer.Option(min=2, help="Messages kept verbatim.", metavar="N")] = 12,
    max_tokens: Annotated[int | None, typer.Option(min=2, help="Tokens kept verbatim.", metavar="N")] = None,
    embeddings: Embeddings = None,
) -> None:
    """Talk to a model that remembers. /help says what else can be typed; Ctrl-C stops an answer, Ctrl-D ends."""
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
    """Make the model to talk to, and give what summarizes; end where there is none."""
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
    """Give the URL of a Redis in a folder of the user's."""
    data = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    folder = Path(data) / "motorhead"
    folder.mkdir(parents=True, exist_ok=True)
    return f"embedded://{folder}"


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep what the package logs, such as a summary that failed, off the conversation. `/summary` tells of it."""
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
    """Give what is typed, or piped, line by line."""
    if not sys.stdin.isatty():
        if hasattr(sys.stdin, "reconfigure"):
            sys.stdin.reconfigure(errors="replace")
        yield from sys.stdin
        return
    import contextlib

    with contextlib.suppress(ImportError):
        import readline  # noqa: F401 - gives input() its editing
    while True:
        try:
            yield input("> ")
        except EOFError:
            typer.echo()
            return
        except KeyboardInterrupt:
            typer.echo()
