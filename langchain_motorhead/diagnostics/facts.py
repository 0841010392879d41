"""Diagnostics of facts and of learning: what is missing, fails and waits, of users with sessions and without."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from langchain_motorhead.diagnostics.redis_server import Finding, Level, some_of
from langchain_motorhead.exceptions import StoreUnavailableError
from langchain_motorhead.redis_io.scan import scan_keys
from langchain_motorhead.storage.keys import user_of, users_prefix

if TYPE_CHECKING:
    from langchain_motorhead.backends.redis import RedisBackend
    from langchain_motorhead.facts.examination import Examined


def examine_stored_facts(redis: RedisBackend, ids: Sequence[str]) -> Iterator[Finding]:
    """Check the facts of a namespace, and yield what is found; nothing if there are no facts.

    Args:
        redis: Where they are.
        ids: The sessions of the namespace.
    """
    from langchain_motorhead.facts.examination import examine_facts

    users, refused = list[str](), ""
    try:
        users = _users(redis)
    except StoreUnavailableError as error:
        refused = str(error)
    found = redis.run(examine_facts(redis.namespace, ids, time.time(), users))
    if not found.owners:
        return
    if refused:
        yield Finding(Level.NOTE, "facts of users without sessions", "unknown", refused)
    yield _stored(found)
    if found.failing:
        yield Finding(
            Level.NOTE, "learning", f"fails for {len(found.failing)} users or sessions",
            f"among others for {some_of(found.failing)}. It is tried again after a pause of up to 5 minutes. The "
            "log says why it fails",
        )  # fmt: skip
    if found.waiting:
        yield Finding(
            Level.NOTE, "learning backlog", f"{found.waiting} messages of {len(found.idle)} idle sessions",
            f"they were not learned when their process ended, among others in {some_of(found.idle)}. `motorhead learn` "
            "learns them, and so does the next append",
        )  # fmt: skip
    if found.vectorless:
        yield Finding(
            Level.NOTE, "vectors of facts", f"missing of {found.vectorless}",
            "these facts are found by their words. The next search or learning for their user embeds them",
        )  # fmt: skip


def _stored(found: Examined) -> Finding:
    """Return how many facts there are, and whether some are missing, were erased now, or quote what is gone."""
    value = f"{found.facts} about {found.owners} users or sessions"
    if found.skipped:
        value = f"{value}; {found.skipped} of these, or of their sources, were too many to check"
    if found.evicted:
        return Finding(
            Level.BROKEN, "facts", f"{value}; {len(found.evicted)} lost some of theirs",
            f"Redis evicted facts, or another program deleted them, among others of {some_of(found.evicted)}. Restore "
            "a backup, and set maxmemory-policy noeviction",
        )  # fmt: skip
    if found.erased:
        return Finding(
            Level.NOTE, "facts", f"{value}; {found.erased} of forgotten or edited messages are erased now",
            "the process that forgot or edited the messages ended before it erased these facts",
        )  # fmt: skip
    if found.outlived:
        outlived = f"{found.outlived} quote sessions that expired"
        advice = "they are kept with their quotes. Facts(expire_with_sessions=True) lets them expire too"
        return Finding(Level.FINE, "facts", f"{value}; {outlived}", advice)
    return Finding(Level.FINE, "facts", value)


def _users(redis: RedisBackend) -> list[str]:
    """Return the users that have facts, whether they have sessions or not: no list of them is kept.

    Raises:
        StoreUnavailableError: Redis refused to list its keys.
    """
    keys = scan_keys(redis.connection, users_prefix(redis.namespace), "hash")
    return [user for key in keys if (user := user_of(key.decode())) is not None]
