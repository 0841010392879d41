"""The progress of a reindex, and the bar that shows it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import TypeAlias

from langchain_motorhead.concurrency.threads import run_in_thread

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


@asynccontextmanager
async def aprogress_bar(*, show: bool) -> AsyncIterator[Report]:
    """Show a progress bar, whose library is loaded outside of the event loop. See `progress_bar`."""
    if show:
        await run_in_thread(_load)
    with progress_bar(show=show) as report:
        yield report


def _load() -> None:
    from tqdm import tqdm

    tqdm.get_lock()  # makes it, which reads files
