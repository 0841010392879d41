"""Shared parts of the commands: options, the handle, and safe output to a terminal.

Typer reads the annotations of commands at run time, so they are not postponed.
"""

import json
import os
import sys
import unicodedata
from collections.abc import Collection
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import quote

import typer
from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

from langchain_motorhead.cli.help import CONNECTION
from langchain_motorhead.exceptions import InvalidInputError
from langchain_motorhead.messages.wording import counted

if TYPE_CHECKING:
    from langchain_motorhead.client import Motorhead
    from langchain_motorhead.handles.session import Session

HASHING = "hashing"

_DEFAULT_NAMESPACE = "default"

Url = Annotated[
    str | None,
    typer.Option(
        "--url",
        "--redis-url",
        help="URL of a Redis or an http:// server. Default: embedded.",
        envvar="REDIS_URL",
        show_envvar=True,
        metavar="URL",
        rich_help_panel=CONNECTION,
    ),
]
ApiKey = Annotated[
    str | None,
    typer.Option(
        help="API key of the server.",
        envvar="MOTORHEAD_API_KEY",
        show_envvar=True,
        metavar="KEY",
        rich_help_panel=CONNECTION,
    ),
]
Namespace = Annotated[str, typer.Option(help="Namespace of the sessions.", metavar="NAME", rich_help_panel=CONNECTION)]
User = Annotated[str | None, typer.Option(help="Only sessions of this user.", metavar="ID")]
Embeddings = Annotated[
    str | None,
    typer.Option(
        help=f"Embedding model: PROVIDER:NAME or {HASHING}.",
        metavar="NAME",
        rich_help_panel=CONNECTION,
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]


def open_motorhead(
    url: str | None, namespace: str, embeddings: str | None = None, api_key: str | None = None, **options: Any
) -> "Motorhead":
    """Return the `Motorhead` for a command.

    Args:
        url: URL of a Redis or of a server; None for the Redis in which `chat` keeps its memory.
        namespace: Namespace of the sessions, on a Redis.
        embeddings: Name of the embedding model, on a Redis.
        api_key: API key of a server. Not used with a Redis.
        **options: Further options, on a Redis.

    Raises:
        InvalidInputError: An option cannot be used.
    """
    from langchain_motorhead.client import Motorhead

    url = url or own_url()
    if is_server(url):
        if namespace != _DEFAULT_NAMESPACE:
            raise InvalidInputError("--namespace is for a Redis URL. On a server, the API key decides the namespace")
        return Motorhead.from_url(url, api_key=api_key)
    sentinel = (os.environ.get(f"MOTORHEAD_SENTINEL_{name}") for name in ("USERNAME", "PASSWORD"))
    if "+sentinel" in url:
        from langchain_motorhead.redis_io.address import with_sentinel_access

        url = with_sentinel_access(url, *sentinel)
    if embeddings == HASHING:
        from langchain_motorhead.models.hashing_embeddings import HashingEmbeddings

        options["embeddings"] = HashingEmbeddings()
    elif embeddings is not None:
        options["embeddings"] = embeddings
    return Motorhead.from_url(url, **{"namespace": namespace, "compaction": "manual", **options})


def is_server(url: str | None) -> bool:
    """Return whether a URL is that of a server, and not of a Redis."""
    return url is not None and url.lower().startswith(("http://", "https://"))


def no_session(session: str, namespace: str) -> InvalidInputError:
    """Return the error for a session that does not exist.

    Args:
        session: Id that was given.
        namespace: Namespace that was searched.
    """
    where = f"there is no session {session!r:.80} in namespace {namespace!r}"
    return InvalidInputError(f"{where}. motorhead sessions list shows those that there are")


def open_session(motorhead: "Motorhead", session: str, namespace: str) -> "Session":
    """Return a session that exists.

    Raises:
        InvalidInputError: It does not exist.
    """
    found = motorhead.session(session)
    if not found.load().total:
        raise no_session(session, namespace)
    return found


def own_url() -> str:
    """Return the URL of the embedded Redis in the user's data folder, which all commands share.

    Raises:
        InvalidInputError: The folder cannot be made.
    """
    data = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    folder = Path(data) / "motorhead"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        advice = "Give --url, or set XDG_DATA_HOME to a folder that can be written"
        raise InvalidInputError(f"the folder {folder} cannot be made ({error.strerror}). {advice}") from None
    return f"embedded://{quote(str(folder))}"


def table(*columns: str, numbers: Collection[str] = ()) -> Table:
    """Return a table without rows, for terminals of 80 columns: cells that do not fit go on below.

    Args:
        columns: Names of the columns.
        numbers: Those of them that are aligned to the right.
    """
    made = Table(box=SIMPLE, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0), header_style="bold")
    for column in columns:
        made.add_column(column, overflow="fold", justify="right" if column in numbers else "left")
    return made


def stdout() -> Console:
    """Return a console for the standard output. Piped output is not wrapped."""
    console = Console(highlight=False, markup=False, emoji=False)
    if not console.is_terminal:
        console.width = 10_000
    return console


def stderr() -> Console:
    """Return a console for the standard error stream."""
    return Console(stderr=True, highlight=False, markup=False, emoji=False, soft_wrap=True)


def print_json(value: Any) -> None:
    """Print a value as JSON in ASCII, so that every terminal can show it."""
    typer.echo(json.dumps(value, indent=2))


def age(time: str, now: datetime) -> str:
    """Return how long ago a time was, in its largest unit: `3 hours ago`. Empty if the time is.

    Args:
        time: In ISO 8601, with a time zone.
        now: The time of now, with a time zone.
    """
    if not time:
        return ""
    seconds = max(0, round((now - datetime.fromisoformat(time)).total_seconds()))
    for unit, length in (("day", 86_400), ("hour", 3_600), ("minute", 60)):
        if count := seconds // length:
            return f"{counted(count, unit)} ago"
    return "just now"


def shown(text: str, *, lines: bool = False) -> str:
    """Return a text in which characters that control a terminal are escaped.

    Args:
        text: Any text.
        lines: Whether line breaks and tabs stay unescaped.
    """
    kept = "\n\t" if lines else ""
    return "".join(
        char if char in kept or unicodedata.category(char) not in ("Cc", "Cf", "Cs", "Zl", "Zp")
        else char.encode("unicode_escape").decode("ascii")
        for char in text
    )  # fmt: skip


def drop_output() -> None:
    """Discard what could not be written, so that the interpreter does not fail to write it when it ends."""
    if sys.stdout is sys.__stdout__ and sys.stdout is not None:
        with Path(os.devnull).open("wb") as nothing:
            os.dup2(nothing.fileno(), sys.stdout.fileno())
