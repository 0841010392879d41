"""The demo from its beginning to its end: what is replayed, drawn and shown, and in which order."""

from __future__ import annotations

import asyncio
import logging
import time
from pathlib import Path
from typing import Self

from langchain_motorhead.demo import view as show
from langchain_motorhead.demo.dialogues import in_a_row, load_dialogues
from langchain_motorhead.demo.replay import Run, Settings, replay
from langchain_motorhead.exceptions import MotorheadError

_LOGGER = logging.getLogger("langchain_motorhead")
_IN_A_ROW = 6  # dialogues in the picture: enough to show the slope, few enough to show the teeth


def play(settings: Settings, count: int | None, picture: Path | None) -> bool:
    """Replay dialogues, and show everything.

    Args:
        settings: How to replay.
        count: How many dialogues; None for all.
        picture: File to draw into, if any.

    Returns:
        Whether the balance of every session holds.

    Raises:
        MotorheadError: Redis cannot be used, the model cannot be made, or the picture cannot be written.
    """
    dialogues = load_dialogues()[:count]
    runs = [Run(dialogue) for dialogue in dialogues]
    if picture is not None:
        runs.append(Run(in_a_row(dialogues[:_IN_A_ROW], "long"), in_step=True))
    console = show.make_console()
    console.print(show.heading(settings, runs))
    started = time.monotonic()
    with _Notes() as notes, show.live(runs, console):
        asyncio.run(replay(settings, runs))
    took = time.monotonic() - started
    console.print(show.board(runs, console), show.prompt(runs[0]), show.verdict(runs), sep="\n")
    if picture is not None:
        _draw(runs[-1], picture)
    console.print(show.footnotes(settings, took, picture, notes.lines()))
    return all(run.balance is not None and run.balance.holds for run in runs)


def _draw(run: Run, path: Path) -> None:
    from langchain_motorhead.demo.plot import draw

    try:
        draw(run.sights[:-1], path, run.dialogue.topic)
    except OSError as error:
        raise MotorheadError(f"the picture cannot be written to {path}: {error.strerror or error}") from error


class _Notes(logging.Handler):
    """Keeps the package's warnings while a display is up, and of each kind the last."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._kinds: dict[str, tuple[int, str]] = {}

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a warning."""
        count, _ = self._kinds.get(str(record.msg), (0, ""))
        self._kinds[str(record.msg)] = count + 1, record.getMessage()

    def lines(self) -> list[str]:
        """Give a line for each kind."""
        return [last if count == 1 else f"{last} ({count} such warnings)" for count, last in self._kinds.values()]

    def __enter__(self) -> Self:
        _LOGGER.addHandler(self)
        return self

    def __exit__(self, *error: object) -> None:
        _LOGGER.removeHandler(self)
