"""Looking at each of many messages before they are planned: can it be used, and how many tokens has it. Flows."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from langchain_core.messages import AIMessage, BaseMessage

from langchain_motorhead.flows.protocol import Flow
from langchain_motorhead.messages.text import transcript
from langchain_motorhead.messages.tokens import TokenCounter
from langchain_motorhead.messages.tool_calls import call_ids
from langchain_motorhead.sessions.slices import in_slices, rough_size

logger = logging.getLogger(__name__)

# How much longer a character takes to be counted than to be decoded.
_COUNTING_COST = 5


def usable(messages: Sequence[BaseMessage | None], session_id: str, position: int) -> Flow[list[BaseMessage | None]]:
    """Return messages, with None for each that cannot be written as the text of which a summary is made.

    Such a message would make every attempt to summarize its session fail. It is left out of the summary, and that is
    logged. It stays stored.

    Args:
        messages: The messages, with None for one that cannot be read.
        session_id: Session, for the log.
        position: Sequence number of the first message.
    """
    done = position

    def check(part: Sequence[BaseMessage | None]) -> list[BaseMessage | None]:
        nonlocal done
        checked = []
        for message in part:
            checked.append(message if message is None or _is_usable(message, session_id, done) else None)
            done += 1
        return checked

    return (yield from in_slices(messages, lambda each: 0 if each is None else rough_size(each.content), check))


def _is_usable(message: BaseMessage, session_id: str, seq: int) -> bool:
    try:
        transcript([message])
        if isinstance(message, AIMessage):
            call_ids(message)
    except Exception:
        logger.exception("session %r: stored message %d raises, and is left out of the summary", session_id, seq)
        return False
    return True


def measured(messages: Sequence[BaseMessage | None], count: TokenCounter) -> Flow[TokenCounter]:
    """Count the tokens of each message once, with pauses, and return a counter that remembers and adds them."""
    there = [message for message in messages if message is not None]
    counts = yield from in_slices(
        there, lambda each: _COUNTING_COST * rough_size(each.content), lambda part: [count([each]) for each in part]
    )
    known = {id(message): tokens for message, tokens in zip(there, counts, strict=True)}

    def remembered(asked: Sequence[BaseMessage]) -> int:
        return sum(known[id(each)] if id(each) in known else count([each]) for each in asked)

    return remembered
