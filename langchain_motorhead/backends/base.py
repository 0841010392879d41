"""What a `Motorhead` and its sessions work with: Redis itself (`local.py`), or a server in front of it (`remote`)."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import Any, Protocol, TypeAlias, TypeVar

from langchain_motorhead.recall.query import Hit, Query
from langchain_motorhead.runtime.engine import Engine
from langchain_motorhead.sessions.catch_up import CatchUpResult
from langchain_motorhead.sessions.compaction import CompactionReport
from langchain_motorhead.sessions.load import Memory
from langchain_motorhead.sessions.operations import AppendResult, Dedup
from langchain_motorhead.sessions.window import Window
from langchain_motorhead.storage.keys import SessionKeys

T = TypeVar("T")
Steps: TypeAlias = Generator[Any, Any, T]
"""A flow of whatever the backend that made it does."""


class Backend(Protocol):
    """What does the work. Says what to do as flows, and runs them, sync or async."""

    @property
    def closed(self) -> bool:
        """Whether it was closed."""

    @property
    def namespace(self) -> str:
        """Where the sessions are."""

    @property
    def window(self) -> Window:
        """Bounds of every session."""

    @property
    def engine(self) -> Engine:
        """The engine on Redis, for what needs Redis itself.

        Raises:
            UnsupportedError: There is none.
        """

    def run(self, flow: Steps[T]) -> T:
        """Run a flow."""

    async def arun(self, flow: Steps[T]) -> T:
        """Run a flow."""

    def append(self, keys: SessionKeys, messages: Sequence[Any], leave_out: Dedup) -> Steps[AppendResult | None]:
        """Store messages."""

    def follow(
        self, keys: SessionKeys, messages: Sequence[Any], after: str | None, *, read: bool
    ) -> Steps[CatchUpResult]:
        """Store what is new of a conversation, and read the session if that is wanted."""

    def load(self, keys: SessionKeys) -> Steps[Memory]:
        """Read a session."""

    def delete(self, keys: SessionKeys) -> Steps[bool]:
        """Delete a session. Whether there was one."""

    def sessions(self, user_id: str | None, *, page: int, size: int | None, newest_first: bool) -> Steps[list[str]]:
        """List session ids."""

    def delete_user(self, user_id: str) -> Steps[int]:
        """Delete a user's sessions. How many there were."""

    def check_search(self) -> None:
        """Raise what is known to keep a search from working."""

    def search(self, query: Query) -> Steps[list[Hit]]:
        """Search what was said."""

    def compact(self, keys: SessionKeys) -> CompactionReport:
        """Compact a session now."""

    async def acompact(self, keys: SessionKeys) -> CompactionReport:
        """Compact a session now."""

    def after_append(self, keys: SessionKeys, left: AppendResult | None) -> None:
        """Do what an append left to do."""

    async def aafter_append(self, keys: SessionKeys, left: AppendResult | None) -> None:
        """Do what an append left to do."""

    async def prepare(self, *, counting: bool = False) -> None:
        """Get ready off the event loop, to search, or (`counting`) to append."""

    def flush(self) -> None:
        """Wait for work in the background."""

    async def aflush(self) -> None:
        """Wait for work in the background."""

    def close(self) -> None:
        """Wait for work in the background, and close the connection."""

    async def aclose(self) -> None:
        """Wait for work in the background, and close the connection."""
