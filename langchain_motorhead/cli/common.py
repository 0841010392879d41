"""Shared parts of the commands: options, the handle, and safe output to a terminal.

Typer reads the annotations of commands at run time, so they are not postponed.
"""

import json
import unicodedata
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

if TYPE_CHECKING:
    from langchain_motorhead.client import Motorhead

URL = "redis://localhost:6379"
HASHING = "hashing"

Url = Annotated[str, typer.Option(help="URL of the Redis to use.", envvar="REDIS_URL", show_envvar=True, metavar="URL")]
Namespace = Annotated[str, typer.Option(help="Namespace of the sessions.", metavar="NAME")]
User = Annotated[str | None, typer.Option(help="Only sessions of this user.", metavar="ID")]
Embeddings = Annotated[
    str | None,
    typer.Option(
        help=f"Embedding model, as PROVIDER:NAME for init_embeddings, or '{HASHING}', which needs no model.",
        metavar="NAME",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]


def open_motorhead(url: str, namespace: str, embeddings: str | None = None, **options: Any) -> "Motorhead":
    """Return the handle for a command."""
    from langchain_motorhead.client import Motorhead

    if embeddings == HASHING:
        from langchain_motorhead.models.hashing_embeddings import HashingEmbeddings

        options["embeddings"] = HashingEmbeddings()
    elif embeddings is not None:
        options["embeddings"] = embeddings
    return Motorhead.from_url(url, **{"namespace": namespace, "compaction": "manual", **options})


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
