"""The demo's output, in a terminal or a log. Reads `Run`s and changes nothing."""

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
from langchain_motorhead.demo.remembered import QUESTION, Remembered, Said
from langchain_motorhead.demo.replay import IN_MEMORY, ReplaySettings, Run, Sight
from langchain_motorhead.messages.wording import counted
from langchain_motorhead.sessions.checks.keeping import Kept

_LOG_COLUMNS, _MAX_COLUMNS = 80, 100  # width of a log, and the largest of a terminal
_MIN_BAR_WIDTH_COLUMNS = 96  # smallest width with bars
_BAR_COLUMNS = 14
_CHROME_LINES = 10  # lines of the live table other than sessions
_MAX_LISTED_IDS = 8  # largest number of ids to list

_DIM = "bright_black"
_SUMMARIZED, _WINDOW, _TO_COME = ("▒", "magenta"), ("█", "cyan"), ("·", _DIM)
_NUMBER_STYLES = {
    "accepted": "",
    "window": _WINDOW[1],
    "summarized": _SUMMARIZED[1],
    "prompt": "bold",
    "transcript": "",
    "share": "",
}
_ROLES = {"system": "magenta", "summary": "magenta", "human": "green", "ai": "cyan", "tool": "yellow"}


def make_console() -> Console:
    """Return a console for the standard output. Lines of a log have a fixed width, and a terminal's no more."""
    console = Console(highlight=False)
    console.width = min(console.width, _MAX_COLUMNS) if console.is_terminal else _LOG_COLUMNS
    return console


def heading(settings: ReplaySettings, runs: Sequence[Run]) -> RenderableType:
    """Return the heading: what is replayed, and on which Redis."""
    real, drawn = ([run for run in runs if run.in_step is in_step] for in_step in (False, True))
    counts = f"{counted(len(real), 'real dialogue')}, {counted(_messages(real), 'message')}, as concurrent sessions"
    more = f"   picture: {_messages(drawn):,} more messages" if drawn else ""
    where = "embedded Redis" if settings.url.startswith("embedded:") else "your Redis"
    who = settings.llm or "the extractive summarizer (for a model: --model, OPENAI_API_KEY)"
    return Group(
        Text.assemble(("motorhead demo   ", "bold"), counts),
        Text(f"on: {where}   window: the last {settings.window} messages{more}", style=_DIM),
        Text(f"summarized by: {who}", style=_DIM),
    )


def live(runs: Sequence[Run], console: Console) -> AbstractContextManager[object]:
    """Return a context manager that shows the runs while they go on. In a log it shows nothing."""
    if not console.is_interactive:
        return nullcontext()
    most = max(3, console.height - _CHROME_LINES)
    return Live(
        get_renderable=lambda: board(runs, console, most),
        console=console,
        transient=True,
        refresh_per_second=12,
    )


def board(runs: Sequence[Run], console: Console, most: int | None = None) -> RenderableType:
    """Return a table with the progress of each session, and the totals.

    Args:
        runs: The runs.
        console: Where it is shown. Bars are drawn if it is wide enough and has the characters.
        most: Largest number of sessions to list, or None for all.
    """
    roomy = console.width >= _MIN_BAR_WIDTH_COLUMNS and not console.options.ascii_only
    table = Table(box=SIMPLE, show_edge=False, padding=0, show_footer=True, footer_style="bold")
    hidden = 0 if most is None else max(0, len(runs) - most)
    table.add_column("session", f"+{hidden} more" if hidden else "sum", no_wrap=True, min_width=8)
    table.add_column("about", style=_DIM, no_wrap=True, width=20 if roomy else 19)
    if roomy:
        table.add_column("", no_wrap=True, min_width=_BAR_COLUMNS)
    for (head, style), footer in zip(_NUMBER_STYLES.items(), _numbers(*(run.latest for run in runs)), strict=True):
        table.add_column(head, footer, style=style, justify="right", no_wrap=True, min_width=len(head))
    for run in runs[:most]:
        bar = [_bar(run)] if roomy else []
        table.add_row(run.dialogue.name, run.dialogue.topic, *bar, *_numbers(run.latest))
    legend = Text.assemble(
        *((_SUMMARIZED, " summarized  ", _WINDOW, " in window  ") if roomy else ()),
        "prompt: tokens that a model gets  transcript: tokens of all messages",
        style=_DIM,
    )
    return Group(Text(), table, legend, Text())


def prompt(run: Run) -> RenderableType:
    """Return a session's summary and window as a model gets them."""
    grid = Table.grid(padding=(0, 2))
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    for message in run.memory.as_messages():
        kind = "summary" if str(message.id).endswith("-summary") else message.type
        style = _ROLES.get(kind, "white")
        grid.add_row(Text(kind, style=f"bold {style}"), render_message(message))
    seen, shown = run.latest, len(run.memory.messages)
    behind = f", {seen.window - shown} waiting to be summarized" if seen.window > shown else ""
    return Panel(
        grid,
        title=Text.assemble(
            "What a model gets in session ",
            (run.dialogue.name, "bold"),
            f", after {seen.accepted} messages of {seen.transcript:,} tokens",
        ),
        subtitle=Text(f"{seen.summarized} messages summarized{behind}, {shown} verbatim: {seen.prompt:,} tokens"),
        title_align="left",
        subtitle_align="left",
        border_style=_DIM,
        padding=(1, 2),
    )


def verdict(runs: Sequence[Run], remembered: Remembered, *, has_model: bool = False) -> RenderableType:
    """Return the audit of all sessions: the sums, the messages that are not accounted for, and what is remembered.

    Args:
        runs: The runs.
        remembered: What recall finds, and a fact.
        has_model: Whether a model summarized.
    """
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
    grid.add_row(Text("kept", style="bold"), "of the numbers and names in messages that left the window:")
    grid.add_row("", f"{_said(sums.kept)} in summary or window")
    grid.add_row("", f"{_said(sums.readable)} in window or archive, word for word")
    if has_model:
        grid.add_row(
            "", f"{sums.extracts} of {len(runs)} summaries are extracts, in place of rejected answers of the model"
        )
    if remembered.found is not None:
        grid.add_row(Text("recall", style="bold"), QUESTION)
        grid.add_row("", f"{_place(remembered.found)}: {remembered.found.text}")
    if remembered.fact is not None:
        grid.add_row(Text("fact", style="bold"), remembered.fact)
        if (quote := remembered.quote) is not None:
            grid.add_row("", f"{_place(quote)}: {quote.text}")
    return Panel(grid, border_style=colour, padding=(0, 2))


def footnotes(settings: ReplaySettings, took: float, picture: Path | None, notes: Sequence[str]) -> RenderableType:
    """Return the notes at the end: warnings, and where the numbers and the dialogues come from.

    Args:
        settings: ReplaySettings of the replay.
        took: Its duration in seconds.
        picture: File of the plot, or None.
        notes: Warnings.
    """
    left = "The embedded server has stopped." if settings.url == IN_MEMORY else "They were deleted from Redis."
    plain = [
        "Counted: the messages read back from Redis, and those that the stored summaries were made of.",
        f"The sessions took {took:.1f} s. {left}",
        f"Dialogues: {SOURCE}",
    ]
    drawn = [] if picture is None else [Text.assemble(("picture   ", "bold"), str(picture))]
    return Group(*drawn, *(Text(note, style="yellow") for note in notes), *(Text(line, style=_DIM) for line in plain))


def _numbers(*seen: Sight) -> list[str]:
    """Return the sums of measurements as text, one for each numeric column."""
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
    """Return a dialogue as a bar: summarized messages, messages in the window, and messages to come."""
    size = max(1, len(run.dialogue.messages))
    summarized, known = (round(n / size * _BAR_COLUMNS) for n in (run.latest.summarized, run.latest.accepted))
    parts = (_SUMMARIZED, summarized), (_WINDOW, known - summarized), (_TO_COME, _BAR_COLUMNS - known)
    return Text.assemble(*((glyph * count, style) for (glyph, style), count in parts))


def render_message(message: BaseMessage) -> Text:
    """Return the text of a message, with its tool calls."""
    if isinstance(message, ToolMessage):
        return Text.assemble((f"{message.name}: ", _ROLES["tool"]), (message.text, _DIM))
    said = Text(message.text)
    for call in message.tool_calls if isinstance(message, AIMessage) else ():
        given = ", ".join(f"{key}={json.dumps(value, ensure_ascii=False)}" for key, value in call["args"].items())
        said.append("\n" if said else "").append("calls ").append(call["name"], "bold cyan").append(f"({given})")
    return said


def _messages(runs: Sequence[Run]) -> int:
    return sum(len(run.dialogue.messages) for run in runs)


def _place(said: Said) -> str:
    return f"message {said.seq} of {said.session}"


def _said(found: Kept) -> str:
    return f"{found.numbers} of {found.numbers_said} and {found.names} of {found.names_said}"


def _listed(marks: Sequence[str]) -> str:
    return ", ".join(marks[:_MAX_LISTED_IDS]) + (", …" if len(marks) > _MAX_LISTED_IDS else "")
