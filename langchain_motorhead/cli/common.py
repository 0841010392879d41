"""What the commands share: options, the handle that they make, and how text gets safely to a terminal.

Annotations of commands are read at run time, so they are not postponed.
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

Url = Annotated[str, typer.Option(help="The Redis to work on.", envvar="REDIS_URL", show_envvar=True, metavar="URL")]
Namespace = Annotated[str, typer.Option(help="Namespace of the sessions.", metavar="NAME")]
User = Annotated[str | None, typer.Option(help="Only sessions of this user.", metavar="ID")]
Embeddings = Annotated[
    str | None,
    typer.Option(
        help=f"Embedding model, named as init_embeddings takes it; '{HASHING}' for one that needs no model.",
        metavar="NAME",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def open_motorhead(url: str, namespace: str, embeddings: str | None = None, **options: Any) -> "Motorhead":
    """Make the handle of a command."""
    from langchain_motorhead.client import Motorhead

    if embeddings == HASHING:
        from langchain_motorhead.models.hashing_embeddings import HashingEmbeddings

        options["embeddings"] = HashingEmbeddings()
    elif embeddings is not None:
        options["embeddings"] = embeddings
    return Motorhead.from_url(url, **{"namespace": namespace, "compaction": "manual", **options})


def stdout() -> Console:
    """Give a console for the standard output. What is piped is not folded to a width."""
    console = Console(highlight=False, markup=False, emoji=False)
    if not console.is_terminal:
        console.width = 10_000
    return console


def stderr() -> Console:
    """Give a console for the standard error stream."""
    return Console(stderr=True, highlight=False, markup=False, emoji=False, soft_wrap=True)


def print_json(value: Any) -> None:
    """Print JSON, in which whatever is not ASCII is escaped: any id can be printed anywhere."""
    typer.echo(json.dumps(value, indent=2))


def shown(text: str, *, lines: bool = False) -> str:
    """Give a text without what a terminal would obey: such characters are escaped.

    Args:
        text: Any text.
        lines: Whether ends of lines and tabs stay.
    """
    kept = "\n\t" if lines else ""
    return "".join(
        char if char in kept or unicodedata.category(char) not in ("Cc", "Cf", "Cs", "Zl", "Zp")
        else char.encode("unicode_escape").decode("ascii")
        for char in text
    )  # fmt: skip
