"""The progress of a reindex, and the bar that shows it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeAlias

Report: TypeAlias = Callable[[int, int], object]
"""Called with the number of finished steps and the number of all steps."""


@contextmanager
def progress_bar(*, show: bool) -> Iterator[Report]:
    """Show a progress bar, fed by the function that this context manager returns."""
    if not show:
        yield max  # any function of two numbers
        return
    from tqdm import tqdm

    with tqdm(desc="reindex", unit="session") as bar:

        def report(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        yield report
