"""Batches of messages that left the list, read from the archive a page at a time, to be summarized again. A flow."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import NamedTuple

from langchain_core.messages import BaseMessage

from langchain_motorhead.exceptions import StoreError
from langchain_motorhead.flows.protocol import Flow
from langchain_motorhead.sessions.archive.transcript import GapReason, Transcript, read_page
from langchain_motorhead.sessions.compaction.measuring import measured
from langchain_motorhead.sessions.compaction.window import Batch, batches_of
from langchain_motorhead.sessions.compaction.writing import Writing
from langchain_motorhead.storage.keys import SessionKeys

logger = logging.getLogger(__name__)

_PAGE_MESSAGES = 500
_LOST = (GapReason.NOT_KEPT, GapReason.MISSING, GapReason.DAMAGED)


class ArchivedBatch(NamedTuple):
    """Messages of the archive that are summarized with one commit.

    Attributes:
        batch: They, as the summarizer gets them.
        messages: The messages; None for one that is not there, or cannot be read.
        writing: How they are summarized. Its counter has counted them already.
    """

    batch: Batch
    messages: list[BaseMessage | None]
    writing: Writing


def read_batches(
    keys: SessionKeys, start: int, stop: int, epoch: str, writing: Writing, budget: int, *, strict: bool = False
) -> Flow[list[ArchivedBatch]]:
    """Read the next messages from sequence number `start` to before `stop`: at least one, and a page at most.

    Args:
        keys: Keys of the session.
        start: Sequence number of the first message.
        stop: Sequence number to stop before, above `start`.
        epoch: Epoch that the session must have.
        writing: How summaries are written.
        budget: Tokens of messages that fit into one call of the summarizer.
        strict: Whether it is an error that messages are missing in the archive, or damaged.

    Returns:
        The batches, in order. Together they begin with `start`.

    Raises:
        SessionReplacedError: The session has another epoch.
        StoreError: Messages are missing, and `strict` is true.
    """
    page: Transcript = yield from read_page(keys, start, min(stop, start + _PAGE_MESSAGES), _PAGE_MESSAGES, epoch)
    for gap in page.gaps:
        if strict and gap.reason in _LOST:
            raise StoreError(
                f"session {keys.session_id!r}: messages {gap.first} to {gap.last} cannot be summarized again: they are "
                f"{gap.reason}"
            )
        if gap.reason in (GapReason.MISSING, GapReason.DAMAGED):
            logger.warning(
                "session %r: messages %d to %d of the archive are not in the summary: they are %s",
                keys.session_id, gap.first, gap.last, gap.reason,
            )  # fmt: skip
    end = min(stop, start + _PAGE_MESSAGES) if page.next is None else page.next
    messages: list[BaseMessage | None] = [None] * (end - start)
    for each in page:
        messages[each.seq - start] = each.message
    writing = replace(writing, count=(yield from measured(messages, writing.count)))
    found, at = list[ArchivedBatch](), 0
    for batch in batches_of(messages, budget, writing.count, whole=end == stop):
        found.append(ArchivedBatch(batch, messages[at : at + batch.count], writing))
        at += batch.count
    return found
