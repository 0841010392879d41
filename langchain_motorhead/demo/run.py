"""The demo from beginning to end: replays dialogues, shows the progress and the audit, and draws the plot."""

from __future__ import annotations

import asyncio
import logging
import time
from pathlib import Path
from typing import Self

from langchain_motorhead.demo import view
from langchain_motorhead.demo.dialogues import in_a_row, load_dialogues
from langchain_motorhead.demo.replay import ReplaySettings, Run, replay
from langchain_motorhead.exceptions import MotorheadError

_LOGGER = logging.getLogger("langchain_motorhead")
_PLOTTED_DIALOGUES = 6  # in a row: enough to show the growth, few enough to show each compaction


def play(settings: ReplaySettings, count: int | None, picture: Path | None) -> bool:
    """Replay dialogues and show the results.

    Args:
        settings: ReplaySettings of the replay.
        count: How many dialogues, or None for all.
        picture: File for the plot, or None.

    Returns:
        Whether every message of every session is accounted for.

    Raises:
        MotorheadError: Redis cannot be used, there is no such model, or the plot cannot be written.
    """
    dialogues = load_dialogues()[:count]
    runs = [Run(dialogue) for dialogue in dialogues]
    if picture is not None:
        runs.append(Run(in_a_row(dialogues[:_PLOTTED_DIALOGUES], "long"), in_step=True))
    console = view.make_console()
    console.print(view.heading(settings, runs))
    started = time.monotonic()
    with _Notes() as notes, view.live(runs, console):
        remembered = asyncio.run(replay(settings, runs))
    took = time.monotonic() - started
    console.print(
        view.board(runs, console),
        view.prompt(runs[0]),
        view.verdict(runs, remembered, has_model=settings.llm is not None),
        sep="\n",
    )
    if picture is not None:
        _draw(runs[-1], picture)
    console.print(view.footnotes(settings, took, picture, notes.lines()))
    return all(run.balance is not None and run.balance.holds for run in runs)


def _draw(run: Run, path: Path) -> None:
    from langchain_motorhead.demo.plot import draw

    try:
        draw(run.sights[:-1], path, run.dialogue.topic)
    except OSError as error:
        raise MotorheadError(f"the picture cannot be written to {path}: {error.strerror or error}") from error


class _Notes(logging.Handler):
    """Collects the package's warnings while the display is shown, the last of each kind."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._kinds: dict[str, tuple[int, str]] = {}

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a warning."""
        count, _ = self._kinds.get(str(record.msg), (0, ""))
        self._kinds[str(record.msg)] = count + 1, record.getMessage()

    def lines(self) -> list[str]:
        """Return one line for each kind of warning."""
        return [
            last if count == 1 else f"{last} ({count} warnings of this kind)" for count, last in self._kinds.values()
        ]

    def __enter__(self) -> Self:
        _LOGGER.addHandler(self)
        return self

    def __exit__(self, *error: object) -> None:
        _LOGGER.removeHandler(self)
