"""Forgetting messages of a conversation that a graph's state holds too: in the session, and in the state."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from langchain_core.messages import BaseMessage, RemoveMessage

from langchain_motorhead.messages.tombstones import hidden
from langchain_motorhead.messages.tool_calls import call_ids

if TYPE_CHECKING:
    from langchain_motorhead.handles.session import Session
    from langchain_motorhead.sessions.changes.forgetting import Receipt


def forget_messages(session: Session, messages: Sequence[BaseMessage], message_ids: Sequence[str]) -> list[BaseMessage]:
    """Forget messages of a session, and return what removes them from a graph's state. One call does both.

    A `RemoveMessage` in a state never forgets anything by itself, because summarizing middleware removes messages as
    its normal work.

    Args:
        session: The session.
        messages: The messages of the state.
        message_ids: Ids of the messages to forget.

    Returns:
        An update of the state's messages, for the reducer `add_messages`. It has a `RemoveMessage` for each forgotten
        message that the state holds, also for results of forgotten tool calls. The result of a call that stays becomes
        a result without content.

    Raises:
        UnknownMessageError: The session never had one of them. Nothing was forgotten.
        InvalidInputError: The session belongs to another user.
        StoreError: Redis refused, or could not be reached.

    Example:
        ```python
        def erase(state: MessagesState) -> dict[str, Any]:
            return {"messages": forget_messages(session, state["messages"], [state["messages"][0].id])}
        ```
    """
    return _update(messages, message_ids, session.forget(message_ids))


async def aforget_messages(
    session: Session, messages: Sequence[BaseMessage], message_ids: Sequence[str]
) -> list[BaseMessage]:
    """Forget messages of a session, and return what removes them from a graph's state. See `forget_messages`."""
    return _update(messages, message_ids, await session.aforget(message_ids))


def _update(messages: Sequence[BaseMessage], ids: Sequence[str], receipt: Receipt) -> list[BaseMessage]:
    gone = {*ids, *receipt.ids}
    left = {id_ for message in messages if message.id not in gone for id_ in call_ids(message)}
    update = list[BaseMessage]()
    for message in messages:
        if message.id is None or message.id not in gone:
            continue
        shown = hidden(message) if getattr(message, "tool_call_id", None) in left else None
        update.append(shown or RemoveMessage(id=message.id))
    return update
