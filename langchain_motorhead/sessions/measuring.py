"""Counting the tokens of many messages once, as a flow with pauses. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from langchain_core.messages import BaseMessage

from langchain_motorhead.flows.protocol import Flow, Pause
from langchain_motorhead.messages.tokens import TokenCounter
from langchain_motorhead.sessions.slices import slices

# How much longer a character takes to be counted than to be decoded.
_COUNTING_COST = 5


def measured(messages: Sequence[BaseMessage | None], count: TokenCounter) -> Flow[TokenCounter]:
    """Count the tokens of each message once, with pauses, and return a counter that remembers them."""
    known: dict[int, int] = {}
    for part in slices(messages, lambda message: 0 if message is None else _COUNTING_COST * len(message.content)):
        if known:
            yield Pause(0)
        known.update((id(message), count([message])) for message in part if message is not None)

    def remembered(asked: Sequence[BaseMessage]) -> int:
        found = known.get(id(asked[0])) if len(asked) == 1 else None
        return count(asked) if found is None else found

    return remembered
