"""Looks at what recall stored and found."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

import pytest
import redis
import redis.asyncio
from langchain_core.documents import Document

from langchain_motorhead import Session
from langchain_motorhead.redis_io.executor import Executor
from langchain_motorhead.runtime import retry_queue
from langchain_motorhead.storage.keys import session_keys, to_tag


def counted_trips(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Count the round trips of the main thread from now on: each adds its number of commands to the list."""
    trips: list[int] = []
    send = Executor._send

    def counted(self: Executor, commands: Any, **options: Any) -> list[Any]:
        if threading.current_thread() is threading.main_thread():
            trips.append(len(commands))
        return send(self, commands, **options)

    monkeypatch.setattr(Executor, "_send", counted)
    return trips


def documents(client: redis.Redis, namespace: str, session_id: str | None = None) -> list[str]:
    """List the keys of documents, by what they end with if they are of one session."""
    begin = f"motorhead:recall:{to_tag(namespace)}:"
    if session_id is not None:
        begin = session_keys(namespace, session_id).documents
    keys = [key.decode() for key in client.scan_iter(match=f"{begin}*", count=10_000)]
    return sorted(key.removeprefix(begin) if session_id is not None else key for key in keys if key.startswith(begin))


def state(client: redis.Redis, session: Session) -> dict[str, str]:
    """Read what is kept of a session."""
    found: Any = client.hgetall(session._keys.state)
    return {name.decode(): value.decode(errors="replace") for name, value in found.items()}


def indexed(client: redis.Redis, session: Session) -> int:
    """Tell up to where a session is indexed."""
    return int(state(client, session).get("indexed", 0))


def lacking(client: redis.Redis, namespace: str, session_id: str) -> list[int]:
    """List the messages whose documents lack a vector."""
    begin = session_keys(namespace, session_id).documents
    found = documents(client, namespace, session_id)
    return sorted({int(each.partition("/")[0]) for each in found if not client.hexists(begin + each, "vector")})


def said(found: Sequence[Document]) -> list[str]:
    """Give what was found."""
    return [document.page_content for document in found]


def every(session: Session) -> list[str]:
    """Give all that a search finds in a session, in order of the numbers of `numbered`."""
    return sorted(said(session.search("m0 m1", k=2000)), key=lambda text: (len(text), text))


def names(count: int, start: int = 0) -> list[str]:
    """Give the contents of `numbered`."""
    return [f"m{at}" for at in range(start, start + count)]


def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the pauses of an outage short."""
    monkeypatch.setattr(retry_queue, "_FIRST_PAUSE_SECONDS", 0.05)
    monkeypatch.setattr(retry_queue, "_MAX_PAUSE_SECONDS", 0.2)


def left_of(client: redis.Redis, namespace: str) -> list[str]:
    """List the keys that have to do with sessions of a namespace: all but the one that describes the index."""
    tag = to_tag(namespace)
    keys = {key.decode() for key in client.scan_iter(match="motorhead*", count=10_000) if tag.encode() in key}
    return sorted(keys - {f"motorhead:recall:{tag}"})
