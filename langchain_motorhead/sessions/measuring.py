"""Counting the tokens of many messages once, as a flow with pauses. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from langchain_core.messages import BaseMessage

from langchain_motorhead.flows.protocol import Flow
from langchain_motorhead.messages.tokens import TokenCounter
from langchain_motorhead.sessions.slices import in_slices, rough_size

# How much longer a character takes to be counted than to be decoded.
_COUNTING_COST = 5


def measured(messages: Sequence[BaseMessage | None], count: TokenCounter) -> Flow[TokenCounter]:
    """Count the tokens of each message once, with pauses, and return a counter that remembers them."""
    there = [message for message in messages if message is not None]
    counts = yield from in_slices(
        there, lambda each: _COUNTING_COST * rough_size(each.content), lambda part: [count([each]) for each in part]
    )
    known = {id(message): tokens for message, tokens in zip(there, counts, strict=True)}

    def remembered(asked: Sequence[BaseMessage]) -> int:
        found = known.get(id(asked[0])) if len(asked) == 1 else None
        return count(asked) if found is None else found

    return remembered
