"""The commands `sessions summaries`, `set-summary` and `rebuild`.

Typer reads the annotations of commands at run time, so they are not postponed.
"""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.box import SIMPLE
from rich.table import Table
from rich.text import Text

from langchain_motorhead.cli.common import (
    ApiKey,
    Json,
    Namespace,
    Url,
    counted,
    is_server,
    open_motorhead,
    print_json,
    shown,
    stdout,
)
from langchain_motorhead.exceptions import InvalidInputError

if TYPE_CHECKING:
    from langchain_motorhead import SummaryVersion

SessionId = Annotated[str, typer.Argument(help="Id of the session.", metavar="ID")]


def summaries(
    session: SessionId,
    *,
    url: Url = None,
    api_key: ApiKey = None,
    namespace: Namespace = "default",
    as_json: Json = False,
) -> None:
    """Show the latest versions of a session's summary, oldest first."""
    with open_motorhead(url, namespace, api_key=api_key) as motorhead:
        versions = motorhead.session(session).summaries()
        if not versions and not motorhead.session(session).load().total:
            raise InvalidInputError(f"there is no session {session!r} in namespace {namespace!r}")
    if as_json:
        print_json([_as_json(each) for each in versions])
        return
    table = Table(box=SIMPLE, header_style="bold", pad_edge=False)
    for column in ("messages", "by", "stored", "adds"):
        table.add_column(column, overflow="fold")
    for each in versions:
        stored = "" if each.time is None else each.time.astimezone().isoformat(" ", "seconds")
        table.add_row(
            f"{each.start} to {each.stop - 1}", Text(shown(each.model or each.author or "")), stored,
            Text(shown(each.added, lines=True)),
        )  # fmt: skip
    stdout().print(table)


def set_summary(
    session: SessionId,
    text: Annotated[str, typer.Argument(help="The new summary. - reads it from standard input.", metavar="TEXT")],
    *,
    url: Url = None,
    api_key: ApiKey = None,
    namespace: Namespace = "default",
    override: Annotated[bool, typer.Option("--override", help="Store it even if it does not fit.")] = False,
) -> None:
    """Replace the summary of a session by a text, if that fits the messages."""
    text = sys.stdin.read() if text == "-" else text
    with open_motorhead(url, namespace, api_key=api_key) as motorhead:
        motorhead.session(session).set_summary(text, override=override)
    typer.echo("replaced")


def rebuild(
    session: SessionId,
    *,
    url: Url = None,
    api_key: ApiKey = None,
    namespace: Namespace = "default",
    llm: Annotated[
        str | None,
        typer.Option(help="Model that writes it, as PROVIDER:NAME. Not for a server.", metavar="NAME"),
    ] = None,
    prompt: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, help="File with an instruction for the model.", metavar="FILE"),
    ] = None,
) -> None:
    """Make the summary of a session again from its messages.

    Without --llm, it consists of their most informative sentences. The old summary stays in use until the new one is
    complete.
    """
    from tqdm import tqdm

    instruction = None if prompt is None else prompt.read_text("utf-8")
    with (
        open_motorhead(url, namespace, api_key=api_key) as motorhead,
        tqdm(unit=" messages", disable=not sys.stderr.isatty()) as bar,
    ):

        def show(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        report = motorhead.session(session).rebuild_summary(
            llm, prompt=instruction, on_progress=None if is_server(url) else show
        )
    done = f"{counted(report.messages, 'message')} summarized again, in {counted(report.batches, 'batch', 'batches')}"
    typer.echo(f"{done}, for {counted(report.tokens, 'token')}")


def _as_json(version: "SummaryVersion") -> dict[str, Any]:
    from langchain_motorhead.sessions.summaries.origin import kept_to_json

    return {
        "text": version.text,
        "added": version.added,
        "start": version.start,
        "stop": version.stop,
        "tokens": version.tokens,
        "model": version.model,
        "author": version.author,
        "time": version.time and version.time.isoformat(),
        "failed": dict(version.failed),
        "kept": kept_to_json(version.kept),
    }
