"""Shows a session's whole conversation, page by page, as lines of text or of JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import typer
from rich.text import Text

from langchain_motorhead.cli.common import shown, stdout

if TYPE_CHECKING:
    from langchain_motorhead import Gap, Session


def show_transcript(session: Session, *, as_json: bool) -> None:
    """Print all messages of a session with their numbers and times, and what is missing between them.

    Args:
        session: The session.
        as_json: Whether to print a line of JSON for each message and for each gap, instead of text.
    """
    from langchain_motorhead.messages.codec import encode

    console = stdout()

    def show_gap(gap: Gap) -> None:
        if as_json:
            typer.echo(json.dumps({"first": gap.first, "last": gap.last, "missing": gap.reason}))
        else:
            console.print(Text(f"{gap.first} to {gap.last}: {gap.reason}", style="red"))

    for each in session.iter_transcript(on_gap=show_gap):
        message = json.loads(encode(each.message))
        if as_json:
            typer.echo(json.dumps({"seq": each.seq, "time": each.time and each.time.isoformat(), **message}))
            continue
        time = f" {each.time.astimezone().isoformat(' ', 'seconds')}" if each.time else ""
        console.print(Text.assemble((f"{each.seq}{time} ", "dim"), message_line(message)))


def message_line(message: Mapping[str, Any]) -> Text:
    """Return a stored message as a line for the terminal: its role, its content, and its tool calls."""
    content = message["content"] if isinstance(message["content"], str) else json.dumps(message["content"])
    if message.get("tool_calls"):
        content += f" {json.dumps(message['tool_calls'])}"
    return Text.assemble((shown(message["role"]), "cyan"), f": {shown(content, lines=True)}")
