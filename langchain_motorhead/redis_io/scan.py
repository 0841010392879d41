"""Scan the keys of a Redis, each once: SCAN may return a key several times."""

from __future__ import annotations

import re
from collections.abc import Iterator

from langchain_motorhead.exceptions import StoreUnavailableError
from langchain_motorhead.redis_io.connection import Connection

_KEYS_PER_SCAN_COUNT = 1_000


def scan_keys(connection: Connection, prefix: str, kind: str) -> Iterator[bytes]:
    """Return an iterator over the keys of one type that begin with a prefix, on all nodes of a cluster.

    Args:
        connection: The Redis to scan, with its sync client.
        prefix: Taken literally.
        kind: The type, such as `"list"`.

    Raises:
        StoreUnavailableError: Redis did not answer.
    """
    from redis.exceptions import RedisError

    pattern = re.sub(r"([*?\[\]\\^-])", r"\\\1", prefix) + "*"
    seen: set[bytes] = set()
    try:
        for key in connection.sync_client.scan_iter(pattern, count=_KEYS_PER_SCAN_COUNT, _type=kind):
            raw = key.encode() if isinstance(key, str) else key
            if raw not in seen:
                seen.add(raw)
                yield raw
    except RedisError as error:
        raise StoreUnavailableError(f"Redis could not be read: {error}") from error
