"""Messages for tests, and what is read off messages."""

from __future__ import annotations

from collections.abc import Sequence

import redis
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, ToolMessage

from langchain_motorhead.storage.keys import SessionKeys


def numbered(count: int, start: int = 0) -> list[BaseMessage]:
    """Make messages that alternate between human and AI, each with its number as its content."""
    return [HumanMessage(f"m{at}") if at % 2 == 0 else AIMessage(f"m{at}") for at in range(start, start + count)]


def identified(count: int) -> list[BaseMessage]:
    """Make messages as `numbered` does, each with its number as its id, too."""
    return [message.model_copy(update={"id": str(at)}) for at, message in enumerate(numbered(count))]


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
