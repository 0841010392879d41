"""What requests to the REST server need, and what it knows of a session."""

from __future__ import annotations

import time
from typing import Any

import httpx

from support.summarizers import SEPARATOR

JSON = {"Content-Type": "application/json"}


def with_key(key: str, header: str = "Authorization") -> dict[str, str]:
    """Make the header that gives a key."""
    return {header: f"Bearer {key}" if header == "Authorization" else key}


def said(*contents: str, role: str = "Human") -> dict[str, Any]:
    """Make a body that posts messages."""
    return {"messages": [{"role": role, "content": each} for each in contents]}


def known(client: httpx.Client, session: str, limit: int = 100) -> list[str]:
    """Give the contents of all that a session knows, oldest first, where a `Ledger` summarizes."""
    memory = client.get(f"/sessions/{session}/memory", params={"limit": limit}).json()
    folded = memory["context"].split(SEPARATOR) if memory["context"] else []
    return folded + [each["content"] for each in reversed(memory["messages"])]


def settled(client: httpx.Client, session: str) -> dict[str, Any]:
    """Wait until nothing of a session is due."""
    deadline = time.monotonic() + 60
    while (counts := client.get(f"/sessions/{session}").json())["backlog"]:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return dict(counts)
