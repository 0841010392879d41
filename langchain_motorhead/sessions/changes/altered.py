"""A flow that finds messages whose content differs from that of the stored messages with the same ids.

The session's marks have a digest of the content of every message that it ever had, so neither the archive nor the list
is read, and one round trip is enough.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from langchain_core.messages import BaseMessage

from langchain_motorhead.flows.protocol import Flow
from langchain_motorhead.messages.content_digest import content_digest
from langchain_motorhead.messages.ids import UNKNOWN_CONTENT
from langchain_motorhead.messages.matching import variant_id
from langchain_motorhead.sessions.changes.operations import Knowledge, find_contents
from langchain_motorhead.storage.keys import SessionKeys

MOST_MESSAGES = 500
"""How many of the newest messages are compared."""


def find_altered(keys: SessionKeys, messages: Sequence[BaseMessage]) -> Flow[list[str]]:
    """Return the ids of the messages whose stored content is different.

    Messages are left out if several have the same id, or if their id was made from their content: then a different
    content means a different message. Messages that were edited before are left out, as their marks do not hold the
    exact content.

    Args:
        keys: Keys of the session.
        messages: Messages that the session had at some time. The newest `MOST_MESSAGES` are looked at.
    """
    counts = Counter(message.id for message in messages)
    given = [each for each in messages[-MOST_MESSAGES:] if each.id and counts[each.id] == 1]
    if not given:
        return []
    contents = [(str(each.id), content_digest(each)) for each in given]
    variants = [(variant_id(each) or "", UNKNOWN_CONTENT) for each in given]
    found: list[Knowledge] = yield find_contents(keys, [*contents, *variants])
    pairs = zip(contents, found, found[len(contents) :], strict=False)
    return [
        id_ for (id_, _), known, variant in pairs if known is Knowledge.OTHER_CONTENT and variant is Knowledge.UNKNOWN
    ]
