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
from langchain_motorhead.messages.ids import UNKNOWN_CONTENT, state_id
from langchain_motorhead.messages.matching import variant_id
from langchain_motorhead.sessions.changes.operations import Knowledge, find_contents
from langchain_motorhead.storage.keys import SessionKeys

MOST_MESSAGES = 500
"""How many of the newest messages are compared."""


def find_altered(keys: SessionKeys, messages: Sequence[BaseMessage]) -> Flow[list[str]]:
    """Return the ids of the messages whose stored content is different.

    Messages are left out if several have the same id, or if their id was made from their content: then a different
    content means a different message. A message that was edited because it was changed in the state is compared with
    what it was in the state then. One that was edited otherwise is left out: the state need not know of that.

    Args:
        keys: Keys of the session.
        messages: Messages that the session had at some time. The newest `MOST_MESSAGES` are looked at.
    """
    counts = Counter(message.id for message in messages)
    given = [each for each in messages[-MOST_MESSAGES:] if each.id and counts[each.id] == 1]
    if not given:
        return []
    contents = [(str(each.id), content_digest(each)) for each in given]
    states = [(state_id(id_), digest) for id_, digest in contents]
    variants = [(variant_id(each) or "", UNKNOWN_CONTENT) for each in given]
    found: list[Knowledge] = yield find_contents(keys, [*contents, *states, *variants])
    count = len(given)
    known = zip(contents, found[:count], found[count : 2 * count], found[2 * count :], strict=True)
    return [id_ for (id_, _), now, in_state, variant in known if _is_altered(now, in_state, variant)]


def _is_altered(now: Knowledge, in_state: Knowledge, variant: Knowledge) -> bool:
    if variant is not Knowledge.UNKNOWN or now is Knowledge.FORGOTTEN:
        return False
    return Knowledge.OTHER_CONTENT in (now, in_state)
