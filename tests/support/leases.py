"""Leases of workers that stand still."""

from __future__ import annotations

from langchain_motorhead import Session


def expire_lease(session: Session) -> None:
    """Let a lease of a session's compaction expire now, which it would do after some seconds.

    From Python 3.12 on, asyncio sends a command before it waits for anything. So a task may hold the lease when its
    event loop stops.
    """
    connection = session._backend.require_redis().connection
    connection.sync_client.delete(session._keys.lease)
