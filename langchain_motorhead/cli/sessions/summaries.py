"""The commands `sessions summaries`, `set-summary` and `rebuild`.

Typer reads the annotations of commands at run time, so they are not postponed.
"""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.text import Text

from langchain_motorhead.cli.common import (
    ApiKey,
    Json,
    Namespace,
    Url,
    is_server,
    open_motorhead,
    open_session,
    print_json,
    shown,
    stderr,
    stdout,
    table,
)
from langchain_motorhead.messages.wording import counted

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
    """Show the versions of a session's summary, oldest first."""
    with open_motorhead(url, namespace, api_key=api_key) as motorhead:
        versions = open_session(motorhead, session, namespace).summaries()
    if as_json:
        print_json([_as_json(each) for each in versions])
        return
    if not versions:
        stderr().print("no summary was written yet")
        return
    listed = table("messages", "by", "stored", "adds")
    for each in versions:
        stored = "" if each.time is None else each.time.astimezone().isoformat(" ", "minutes")
        listed.add_row(
            f"{each.start} to {each.stop - 1}", Text(shown(each.model or each.author or "")), stored,
            Text(shown(each.added, lines=True)),
        )  # fmt: skip
    stdout().print(listed)


def set_summary(
    session: SessionId,
    text: Annotated[
        str, typer.Argument(help="The new summary, or - to read it from the standard input.", metavar="TEXT")
    ],
    *,
    url: Url = None,
    api_key: ApiKey = None,
    namespace: Namespace = "default",
    override: Annotated[
        bool, typer.Option("--override", help="Store the text even if it does not agree with the messages.")
    ] = False,
) -> None:
    """Replace the summary by your text, if it agrees with the messages."""
    text = sys.stdin.read() if text == "-" else text
    with open_motorhead(url, namespace, api_key=api_key) as motorhead:
        open_session(motorhead, session, namespace).set_summary(text, override=override)
    typer.echo("replaced")


def rebuild(
    session: SessionId,
    *,
    url: Url = None,
    api_key: ApiKey = None,
    namespace: Namespace = "default",
    llm: Annotated[
        str | None,
        typer.Option(help="Model that writes the summary: PROVIDER:NAME. Not for a server.", metavar="NAME"),
    ] = None,
    prompt: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, help="File with an instruction for the model.", metavar="FILE"),
    ] = None,
) -> None:
    """Make the summary again from the messages.

    Without --llm, it consists of their most informative sentences. The old one is used until the new one is complete.
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

        report = open_session(motorhead, session, namespace).rebuild_summary(
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
