"""How the demo looks, in a terminal and in a log. Reads `Run`s, and changes nothing."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

from langchain_core.messages import AIMessage, BaseMessage, ToolMessage
from rich.box import SIMPLE
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from langchain_motorhead.demo.audit import total
from langchain_motorhead.demo.dialogues import SOURCE
from langchain_motorhead.demo.replay import IN_MEMORY, Run, Settings, Sight

_WIDTH = 100  # columns of a log, and of a terminal at most
_ROOMY = 96  # columns from which there is room for bars
_BAR = 14
_CHROME = 10  # lines of a live table that are not sessions
_MARKS = 8  # of messages that went astray, to name at most

_DIM = "bright_black"
_SUMMARIZED, _WINDOW, _TO_COME = ("▒", "magenta"), ("█", "cyan"), ("·", _DIM)
_NUMBERS = {
    "accepted": "",
    "in window": _WINDOW[1],
    "summarized": _SUMMARIZED[1],
    "prompt": "bold",
    "transcript": "",
    "share": "",
}
_ROLES = {"system": "magenta", "human": "green", "ai": "cyan", "tool": "yellow"}


def make_console() -> Console:
    """Make a console for the standard output: a log's lines have a fixed width, a terminal's no more than that."""
    console = Console(highlight=False)
    console.width = min(console.width, _WIDTH) if console.is_terminal else _WIDTH
    return console


def heading(settings: Settings, runs: Sequence[Run]) -> RenderableType:
    """Show what is going to be replayed, and on what."""
    real = [run for run in runs if not run.in_step]
    messages = sum(len(run.dialogue.messages) for run in real)
    where = "embedded Redis" if settings.url.startswith("embedded:") else "the Redis given"
    who = settings.llm or "the extractive summarizer (--llm or OPENAI_API_KEY for a model)"
    return Group(
        Text.assemble(
            ("motorhead demo   ", "bold"),
            f"{len(real)} real dialogue{'s' * (len(real) > 1)}, {messages} messages, as concurrent sessions on {where}",
        ),
        Text(f"window: {settings.window} messages   summarized by: {who}", style=_DIM),
    )


def live(runs: Sequence[Run], console: Console) -> AbstractContextManager[object]:
    """Show the runs while they go on; in a log, where nothing can move, do not."""
    if not console.is_interactive:
        return nullcontext()
    most = max(3, console.height - _CHROME)
    return Live(
        get_renderable=lambda: board(runs, console, most),
        console=console,
        transient=True,
        refresh_per_second=12,
    )


def board(runs: Sequence[Run], console: Console, most: int | None = None) -> RenderableType:
    """Show each session's progress, and the sums.

    Args:
        runs: What goes on.
        console: Where to; bars are shown where it is wide enough, and has the characters.
        most: Sessions to list at most.
    """
    roomy = console.width >= _ROOMY and not console.options.ascii_only
    table = Table(box=SIMPLE, show_edge=False, padding=0, show_footer=True, footer_style="bold")
    hidden = 0 if most is None else max(0, len(runs) - most)
    table.add_column("session", f"+{hidden} more" if hidden else "sum", no_wrap=True, min_width=8)
    table.add_column("about", style=_DIM, no_wrap=True, width=20 if roomy else 16)
    if roomy:
        table.add_column("", no_wrap=True, min_width=_BAR)
    for (head, style), footer in zip(_NUMBERS.items(), _numbers(*(run.latest for run in runs)), strict=True):
        table.add_column(head, footer, style=style, justify="right", no_wrap=True, min_width=len(head))
    for run in runs[:most]:
        bar = [_bar(run)] if roomy else []
        table.add_row(run.dialogue.name, run.dialogue.topic, *bar, *_numbers(run.latest))
    legend = Text.assemble(
        *((_SUMMARIZED, " summarized  ", _WINDOW, " in window  ") if roomy else ()),
        "prompt: tokens a model is given  transcript: tokens of all that was said",
        style=_DIM,
    )
    return Group(Text(), table, legend, Text())


def prompt(run: Run) -> RenderableType:
    """Show a session's summary and window as a model is given them."""
    grid = Table.grid(padding=(0, 2))
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    for message in run.memory.as_messages():
        style = _ROLES.get(message.type, "white")
        grid.add_row(Text(message.type, style=f"bold {style}"), _said(message))
    seen, shown = run.latest, len(run.memory.messages)
    behind = f", {seen.window - shown} in between waiting" if seen.window > shown else ""
    return Panel(
        grid,
        title=Text.assemble(
            "What a model is given in session ",
            (run.dialogue.name, "bold"),
            f", after {seen.accepted} messages of {seen.transcript:,} tokens",
        ),
        subtitle=Text(f"{seen.summarized} messages summarized{behind}, {shown} verbatim: {seen.prompt:,} tokens"),
        title_align="left",
        subtitle_align="left",
        border_style=_DIM,
        padding=(1, 2),
    )


def verdict(runs: Sequence[Run]) -> RenderableType:
    """Show the balance of all sessions, and what went astray."""
    sums = total(run.balance for run in runs if run.balance is not None)
    holds = all(run.balance is not None and run.balance.holds for run in runs)
    colour = "green" if holds else "red"
    astray = {"lost": sums.lost, "doubled": sums.doubled, "misplaced": sums.misplaced}
    equation = Text.assemble(
        f"{sums.accepted:,} accepted",
        (" = " if sums.accepted == sums.window + sums.summarized else " ≠ ", f"bold {colour}"),
        f"{sums.window:,} in window + {sums.summarized:,} summarized",
    )
    counts = ((f"{name} {len(marks)}   ", "red" if marks else "green") for name, marks in astray.items())
    grid = Table.grid(padding=(0, 2))
    grid.add_row(Text("balance", style="bold"), equation)
    grid.add_row("", Text.assemble(*counts, style="bold"))
    for name, marks in astray.items():
        if marks:
            grid.add_row("", Text(f"{name}: {_listed(marks)}", style="red"))
    return Panel(grid, border_style=colour, padding=(0, 2))


def footnotes(settings: Settings, took: float, picture: Path | None, notes: Sequence[str]) -> RenderableType:
    """Show where the balance and the dialogues come from, and what else there is to know.

    Args:
        settings: Of the replay.
        took: Seconds that it took.
        picture: File that was drawn, if any.
        notes: Warnings.
    """
    left = "The server went with them." if settings.url == IN_MEMORY else "They are deleted from Redis."
    plain = [
        "The balance is drawn from what Redis gave back, and from what each committed summary was made of.",
        f"The sessions took {took:.1f} s. {left}",
        f"Dialogues: {SOURCE}",
    ]
    drawn = [] if picture is None else [Text.assemble(("picture   ", "bold"), str(picture))]
    return Group(*drawn, *(Text(note, style="yellow") for note in notes), *(Text(line, style=_DIM) for line in plain))


def _numbers(*seen: Sight) -> list[str]:
    """Write the sums of what was seen, a text for each column of numbers."""
    prompt, transcript = sum(one.prompt for one in seen), sum(one.transcript for one in seen)
    counts = (
        sum(one.accepted for one in seen),
        sum(one.window for one in seen),
        sum(one.summarized for one in seen),
        prompt,
        transcript,
    )
    return [*(f"{count:,}" for count in counts), f"{prompt / transcript:.0%}" if transcript else ""]


def _bar(run: Run) -> Text:
    """Draw a dialogue as a line: what is summarized, what is in the window, what is yet to be said."""
    size = max(1, len(run.dialogue.messages))
    summarized, known = (round(n / size * _BAR) for n in (run.latest.summarized, run.latest.accepted))
    parts = (_SUMMARIZED, summarized), (_WINDOW, known - summarized), (_TO_COME, _BAR - known)
    return Text.assemble(*((glyph * count, style) for (glyph, style), count in parts))


def _said(message: BaseMessage) -> Text:
    if isinstance(message, ToolMessage):
        return Text.assemble((f"{message.name}: ", _ROLES["tool"]), (message.text, _DIM))
    said = Text(message.text)
    for call in message.tool_calls if isinstance(message, AIMessage) else ():
        given = ", ".join(f"{key}={json.dumps(value, ensure_ascii=False)}" for key, value in call["args"].items())
        said.append("\n" if said else "").append("calls ").append(call["name"], "bold cyan").append(f"({given})")
    return said


def _listed(marks: Sequence[str]) -> str:
    return ", ".join(marks[:_MARKS]) + (", …" if len(marks) > _MARKS else "")
