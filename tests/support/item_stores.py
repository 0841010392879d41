"""A store that is called sync or async, and a look at what it left in Redis."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import redis
from langchain_core.embeddings import Embeddings
from langgraph.store.base import BaseStore

from langchain_motorhead.item_store.operations import store_key
from langchain_motorhead.redis_io.executor import Executor

# Without what LangGraph's own validation of labels refuses: dots, NUL, and the empty one.
HOSTILE = [
    "*", "**", "{", "}", "{a}", "|", "!", '"', "'", "\\", " ", "  ", ",", ";", ":", "a/b", "a%2Fb", "a!b", "a*", "?",
    "[a]", "@", "$", "-", "(a)", "\n", "\x01", "\x7f", "ä", "日本語", "\ud800", "\U0001f408", "İ", "a", "A", "b",
    "x" * 5_000,
]  # fmt: skip


class Caller:
    """A store, called sync or async."""

    def __init__(self, store: BaseStore, sync: bool) -> None:
        self.store = store
        self.sync = sync

    def __getattr__(self, name: str) -> Callable[..., Awaitable[Any]]:
        async def call(*args: Any, **kwargs: Any) -> Any:
            if self.sync:
                return getattr(self.store, name)(*args, **kwargs)
            return await getattr(self.store, f"a{name}")(*args, **kwargs)

        return call


Build = Callable[..., Caller]


def keys(items: Sequence[Any]) -> list[str]:
    """Give the keys of items."""
    return [item.key for item in items]


def left_of(client: redis.Redis, namespace: str) -> list[str]:
    """List the keys in Redis of a store, by what follows its own."""
    begin = store_key(namespace)
    every = (key.decode() for key in client.scan_iter(count=10_000))
    return sorted(key.removeprefix(begin) for key in every if key.startswith(begin))


def index_of(embeddings: Embeddings, *fields: str) -> Any:
    """Give the configuration of an index."""
    return {"embed": embeddings, "dims": 64, **({"fields": list(fields)} if fields else {})}


TEXTS = {
    "cats": "cats like to sleep in the sun", "dogs": "dogs run after a ball", "birds": "birds sing in the morning",
    "fish": "fish swim in the sea", "bees": "bees make honey of flowers",
}  # fmt: skip


SHORT = 0.3 / 60
"""Minutes: three tenths of a second."""


def wait_for(condition: Callable[[], object]) -> None:
    """Wait until a condition holds."""
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def counted(method: Any, sent: list[int]) -> Any:
    """Note what a method is called with, before it is."""

    def noting(self: Executor, commands: Sequence[Any], **options: Any) -> Any:
        sent.append(len(commands))
        return method(self, commands, **options)

    return noting
