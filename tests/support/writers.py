"""What processes of their own do to a session: a child imports it by name."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress

from langchain_core.messages import HumanMessage

from langchain_motorhead import Motorhead, SummaryInput, Window
from support.messages import numbered
from support.summarizers import Ledger

SMALL = Window(max_messages=4)


def run_briefly(url: str, namespace: str) -> None:
    """Append on an event loop that ends while the summary is made."""

    async def main() -> None:
        begun = asyncio.Event()
        loop = asyncio.get_running_loop()

        def slow(given: SummaryInput) -> None:
            with suppress(RuntimeError):  # called again, in a thread, after the loop
                loop.call_soon_threadsafe(begun.set)
            time.sleep(5)

        motorhead = Motorhead.from_url(url, namespace=namespace, llm=Ledger(slow), window=SMALL)
        await motorhead.session("s").aappend(numbered(6))
        await begun.wait()

    asyncio.run(main())


def write(url: str, namespace: str, writer: int, count: int) -> None:
    """Append numbered messages of one writer, from a process of its own."""
    with Motorhead.from_url(url, namespace=namespace, llm=Ledger(), window=SMALL) as motorhead:
        for at in range(count):
            motorhead.session("s").append(HumanMessage(f"{writer}-{at}"))
