"""Moves sessions, and reads all that is stored."""

from __future__ import annotations

from typing import Any

import redis

from langchain_motorhead import Motorhead
from langchain_motorhead.storage.keys import session_keys
from langchain_motorhead.transfer.exporter import export_lines
from langchain_motorhead.transfer.importer import ImportReport, import_lines


def stored(client: redis.Redis, motorhead: Motorhead, session_id: str) -> tuple[dict[bytes, bytes], list[bytes]]:
    """Give the state of a session but for its epoch, and its list."""
    keys = session_keys(motorhead.namespace, session_id)
    state: Any = client.hgetall(keys.state)
    records: Any = client.lrange(keys.messages, 0, -1)
    state.pop(b"epoch", None)
    return state, records


def moved(source: Motorhead, target: Motorhead, **options: Any) -> ImportReport:
    """Move all sessions from one namespace to another."""
    return import_lines(target, export_lines(source), **options)
