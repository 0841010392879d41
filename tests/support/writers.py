"""What processes of their own do to a session: a child imports it by name."""

from __future__ import annotations

import asyncio
import time

from langchain_core.messages import HumanMessage

from langchain_motorhead import Motorhead, Window
from support.messages import numbered
from support.summarizers import Ledger

SMALL = Window(max_messages=4)


def run_briefly(url: str, namespace: str) -> None:
    """Append on an event loop that ends while the summary is made."""

    async def main() -> None:
        motorhead = Motorhead.from_url(url, namespace=namespace, llm=Ledger(lambda given: time.sleep(5)), window=SMALL)
        await motorhead.session("s").aappend(numbered(6))
        await asyncio.sleep(0.3)

    asyncio.run(main())


def write(url: str, namespace: str, writer: int, count: int) -> None:
    """Append numbered messages of one writer, from a process of its own."""
    with Motorhead.from_url(url, namespace=namespace, llm=Ledger(), window=SMALL) as motorhead:
        for at in range(count):
            motorhead.session("s").append(HumanMessage(f"{writer}-{at}"))
