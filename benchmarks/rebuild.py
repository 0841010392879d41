"""What it takes to make a session's summary again: time and memory of this process, by the length of the session.

    python benchmarks/rebuild.py [--messages N ...] [--url redis://localhost:6379] [--json FILE]

No model is asked: the extractive summarizer writes the summary. The memory is the largest amount that Python allocated
during the rebuild, beyond what there was before it.
"""

from __future__ import annotations

import argparse
import time
import tracemalloc
from contextlib import ExitStack
from pathlib import Path

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage
from measuring import server, write
from rich.console import Console
from rich.table import Table

from langchain_motorhead import Motorhead, Session

_APPENDED = 500


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--url", help="an empty Redis, emptied at the end; by default one of its own")
    parser.add_argument("--json", type=Path, metavar="FILE", help="where to write the figures to")
    parser.add_argument("--messages", type=int, nargs="+", default=[1_000, 10_000], help="of the sessions")
    options = parser.parse_args()
    with ExitStack() as stack:
        url = stack.enter_context(server(options.url))
        motorhead = stack.enter_context(Motorhead.from_url(url, compaction="manual"))
        figures = {count: measure(filled(motorhead, count)) for count in options.messages}
    table = Table(title="Making a summary again, without a model")
    for column in ("messages", "seconds", "messages a second", "MB of memory", "batches"):
        table.add_column(column, justify="right")
    for count, row in figures.items():
        table.add_row(
            f"{count:,}", f"{row['seconds']:.1f}", f"{count / row['seconds']:,.0f}", f"{row['megabytes']:.1f}",
            f"{row['batches']:.0f}",
        )  # fmt: skip
    Console().print(table)
    write(options.json, {str(count): row for count, row in figures.items()})


def filled(motorhead: Motorhead, count: int) -> Session:
    """Make a session of so many messages of about 30 words, all but its window in the archive."""
    session = motorhead.session(f"s{count}")
    for start in range(0, count, _APPENDED):
        session.append([message(at) for at in range(start, min(start + _APPENDED, count))])
        session.compact()
    return session


def message(at: int) -> BaseMessage:
    """Make a message with a name and numbers of its own."""
    text = (
        f"For trip {at} I need a room in town {at * 7} for {at % 5 + 1} nights from the {at % 28 + 1}th, please. " * 2
    )
    return HumanMessage(text) if at % 2 == 0 else AIMessage(f"Room {at} is booked. {text}")


def measure(session: Session) -> dict[str, float]:
    """Make the summary again, twice: once for the time, once for the memory."""
    started = time.perf_counter()
    report = session.rebuild_summary()
    seconds = time.perf_counter() - started
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    tracemalloc.reset_peak()
    session.rebuild_summary()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return {"seconds": seconds, "megabytes": (peak - before) / 1e6, "batches": report.batches}


if __name__ == "__main__":
    main()
