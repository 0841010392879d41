"""What the commands ask a server (`http://`) for beside the public methods: the counts of sessions, and its state."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from langchain_motorhead.diagnostics.doctor import Finding, Level, backlog
from langchain_motorhead.exceptions import StoreUnavailableError, UnsupportedError

if TYPE_CHECKING:
    from langchain_motorhead.client import Motorhead


def session_infos(motorhead: Motorhead, ids: Sequence[str]) -> list[dict[str, Any]]:
    """Count for sessions: `session`, `user`, `messages`, `window`, `summarized`, `failures`, `backlog` and `versions`.

    They also have `active`, a time in ISO 8601 or an empty text, and `exists`.

    Args:
        motorhead: A `Motorhead` that works with a server.
        ids: Ids of the sessions.
    """
    return [_info(motorhead, each) for each in ids]


def _info(motorhead: Motorhead, session_id: str) -> dict[str, Any]:
    from langchain_motorhead.backends.http.protocol import HttpCall, HttpFlow, quoted, to_mapping

    def ask() -> HttpFlow[dict[str, Any]]:
        return to_mapping((yield HttpCall("GET", f"/sessions/{quoted(session_id)}")))

    try:
        found: dict[str, Any] = motorhead._backend.run(ask())
    except UnsupportedError:  # the original Motorhead
        memory = motorhead.session(session_id).load()
        found = {"length": len(memory.messages), "summarized": memory.summarized, "exists": True}
    return {
        "session": session_id,
        "user": found.get("user_id"),
        "messages": found.get("total", found.get("length", 0)),
        "window": found.get("length", 0),
        "summarized": found.get("summarized", 0),
        "failures": found.get("failures", 0),
        "backlog": found.get("backlog", 0),
        "versions": found.get("versions", 0),
        "active": _local(found.get("updated")),
        "exists": bool(found.get("exists")),
    }


def _local(time: str | None) -> str:
    """Return a time in the time zone of this machine."""
    return datetime.fromisoformat(time).astimezone().isoformat(" ", "seconds") if time else ""


def examine_server(motorhead: Motorhead) -> Iterator[Finding]:
    """Check a server: whether it can use its Redis, and what waits. Its operator can examine the Redis itself.

    Raises:
        StoreUnavailableError: The server could not be reached.
    """
    from langchain_motorhead.backends.http.protocol import HttpCall, HttpFlow

    def ask(path: str) -> HttpFlow[Any]:
        return (yield HttpCall("GET", path)).data

    try:
        motorhead._backend.run(ask("/ready"))
        yield Finding(Level.FINE, "server", "ready")
    except UnsupportedError:
        yield Finding(
            Level.NOTE, "server", "the original Motorhead", "it loses messages under load. Use motorhead serve"
        )
    except StoreUnavailableError as error:
        if "cannot be reached: " in str(error):
            raise
        yield Finding(Level.BROKEN, "server", "not ready", str(error))
        return
    infos = session_infos(motorhead, motorhead.sessions())
    waiting = sum(each["backlog"] for each in infos)
    failing = sum(each["failures"] > 0 for each in infos)
    value = backlog(len(infos), waiting, failing)
    advice = "the summarizer fails. No message is lost, but prompts grow" if failing else ""
    yield Finding(Level.NOTE if failing else Level.FINE, "backlog", value, advice)
    advice = "for persistence, eviction and the index, run doctor on its Redis URL"
    yield Finding(Level.NOTE, "Redis", "not examined", advice)
