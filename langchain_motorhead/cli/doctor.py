"""The command `doctor`: prints the findings of the diagnostics as a table, and fails if messages could be lost.

Typer reads the annotations of commands at run time, so they are not postponed.
"""

from typing import Annotated

import typer
from rich.text import Text

from langchain_motorhead.cli.common import (
    ApiKey,
    Embeddings,
    Json,
    Namespace,
    Url,
    is_server,
    open_motorhead,
    print_json,
    shown,
    stdout,
    table,
)

_STYLES = {"fine": "green", "note": "yellow", "broken": "red"}


def doctor(
    *,
    url: Url = None,
    api_key: ApiKey = None,
    namespace: Namespace = "default",
    embeddings: Embeddings = None,
    window: Annotated[
        int, typer.Option(min=2, help="Newest messages that each session keeps verbatim.", metavar="N")
    ] = 12,
    as_json: Json = False,
) -> None:
    """Check whether a Redis or a server can lose messages.

    Exits with 1 if something does.
    """
    from langchain_motorhead.cli.sessions.remote import examine_server
    from langchain_motorhead.diagnostics.doctor import Level, examine
    from langchain_motorhead.sessions.compaction.window import Window

    with open_motorhead(url, namespace, embeddings, api_key, window=Window(max_messages=window)) as motorhead:
        found = list(examine_server(motorhead) if is_server(url) else examine(motorhead))
    if as_json:
        print_json([{"level": f.level, "name": f.name, "value": f.value, "advice": f.advice} for f in found])
    else:
        listed = table("", "check", "found", "advice")
        for each in found:
            level = Text(each.level, style=_STYLES[each.level])
            listed.add_row(level, each.name, shown(each.value), shown(each.advice))
        stdout().print(listed)
    if any(each.level is Level.BROKEN for each in found):
        raise typer.Exit(1)
