"""What several test files need: summarizers that can be told what to do, and a witness of round trips."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import redis
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, ToolMessage
from langchain_core.runnables import Runnable, RunnableConfig

from langchain_motorhead import Memory, SummaryInput
from langchain_motorhead.keys import SessionKeys

SEPARATOR = "\x1f"


class Ledger(Runnable[SummaryInput, str]):
    """Summarizes by keeping everything, so that what a summary covers can be read from it.

    Args:
        before: Called with each input before it answers; may raise, or wait.
    """

    def __init__(self, before: Callable[[SummaryInput], object] = lambda given: None) -> None:
        self.before = before
        self.calls: list[SummaryInput] = []

    def invoke(self, input: SummaryInput, config: RunnableConfig | None = None, **kwargs: Any) -> str:
        """Append the contents of the messages to the summary."""
        self.calls.append(input)
        self.before(input)
        said = [str(message.content) for message in input["messages"]]
        return SEPARATOR.join([input["summary"], *said] if input["summary"] else said)


class AsyncLedger(Ledger):
    """The same, natively async."""

    async def ainvoke(self, input: SummaryInput, config: RunnableConfig | None = None, **kwargs: Any) -> str:
        """Append the contents of the messages to the summary."""
        return self.invoke(input, config)


def remembered(memory: Memory) -> list[str]:
    """Give the contents of everything that a memory knows, in its order: summarized by a `Ledger`, then the window."""
    folded = memory.summary.split(SEPARATOR) if memory.summary else []
    return folded + [str(message.content) for message in memory.messages]


def numbered(count: int, start: int = 0) -> list[BaseMessage]:
    """Make messages that alternate between human and AI, each with its number as its content."""
    return [HumanMessage(f"m{at}") if at % 2 == 0 else AIMessage(f"m{at}") for at in range(start, start + count)]


def elapse(client: redis.Redis, keys: SessionKeys, milliseconds: int) -> None:
    """Let time pass for a session and its documents, without waiting: they expire by so much earlier."""
    documents = [key for key in client.scan_iter(count=10_000) if key.startswith(keys.documents.encode())]
    for key in (keys.messages, keys.state, keys.stale, *documents):
        left = client.pttl(key)
        if left >= 0:
            client.pexpire(key, left - milliseconds)
    if client.hexists(keys.state, "until"):
        client.hincrby(keys.state, "until", -milliseconds)


def contents(messages: Sequence[BaseMessage]) -> list[str]:
    """Give the contents of messages."""
    return [str(message.content) for message in messages]


def with_tools(name: str, calls: int = 1) -> list[BaseMessage]:
    """Make one turn in which tools are called: a question, the calls, their results, an answer."""
    ids = [f"{name}-{at}" for at in range(calls)]
    return [
        HumanMessage(f"{name} question"),
        AIMessage(f"{name} calls", tool_calls=[{"name": "look", "args": {}, "id": id_} for id_ in ids]),
        *(ToolMessage(f"{name} result {id_}", tool_call_id=id_) for id_ in ids),
        AIMessage(f"{name} answer"),
    ]


def orphans(messages: Sequence[BaseMessage]) -> list[str]:
    """List the tool results that no call stands before, and the calls that no result follows."""
    called: set[str] = set()
    missing = []
    for message in messages:
        if isinstance(message, AIMessage):
            called.update(call["id"] or "" for call in message.tool_calls)
        elif isinstance(message, ToolMessage):
            if message.tool_call_id in called:
                called.discard(message.tool_call_id)
            else:
                missing.append(message.tool_call_id)
    return missing + sorted(called)


class Wire:
    """Counts what goes over connections that pass through it: a round trip is a turn from sending to receiving."""

    def __init__(self) -> None:
        self.round_trips = 0
        self.up = 0
        self.down = 0

    def reset(self) -> None:
        """Count from zero."""
        self.round_trips = self.up = self.down = 0


@contextmanager
def wiretapped(path: str) -> Iterator[tuple[str, Wire]]:
    """Listen on a port of this machine, and pass everything on to a Unix socket, counting.

    Yields:
        A Redis URL, and the counts.
    """
    wire, listener = Wire(), socket.create_server(("127.0.0.1", 0))
    open_sockets = [listener]

    def serve() -> None:
        while True:
            try:
                near, _ = listener.accept()
            except OSError:
                return
            far = socket.socket(socket.AF_UNIX)
            far.connect(path)
            open_sockets.extend((near, far))
            last = [""]
            for source, sink, up in ((near, far, True), (far, near, False)):
                threading.Thread(target=_pass_on, args=(source, sink, up, wire, last), daemon=True).start()

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield f"redis://127.0.0.1:{listener.getsockname()[1]}", wire
    finally:
        for each in open_sockets:
            try:
                each.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            each.close()


def _pass_on(source: socket.socket, sink: socket.socket, up: bool, wire: Wire, last: list[str]) -> None:
    try:
        while data := source.recv(1 << 20):
            if up:
                wire.up += len(data)
                wire.round_trips += last[0] != "up"
            else:
                wire.down += len(data)
            last[0] = "up" if up else "down"
            sink.sendall(data)
    except OSError:
        return
