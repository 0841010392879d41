"""Redis operations on the versions of a session's summary."""

from __future__ import annotations

from typing import Any, NamedTuple

from langchain_motorhead.storage.keys import SessionKeys, optional_member
from langchain_motorhead.storage.operation import Command, Operation, to_bytes
from langchain_motorhead.storage.scripts import SCRIPTS


class StoredSummaries(NamedTuple):
    """The versions of a session's summary at one instant.

    Attributes:
        epoch: Epoch of the session.
        user: User that the session belongs to, or None.
        first: Sequence number of the first message of the list.
        covered: How many messages the summary covers.
        records: Records, oldest first. The last version is the summary.
    """

    epoch: str
    user: str | None
    first: int
    covered: int
    records: list[bytes]


def read_summaries(keys: SessionKeys) -> Operation[StoredSummaries | None]:
    """Read the versions of a session's summary, or None if there is no such session. Atomic."""

    def parse(replies: list[Any]) -> StoredSummaries | None:
        if not replies[0]:
            return None
        epoch, user, first, covered, records = replies[0]
        return StoredSummaries(
            optional_member(epoch) or "", optional_member(user), first, covered, list(map(to_bytes, records))
        )

    return Operation((Command(SCRIPTS["summaries_read"], (keys.state, keys.summaries)),), parse)
