"""Which messages belong to the current run, which to its session, and which instructions apply. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from itertools import takewhile

from langchain_core.messages import AIMessage, BaseMessage, ChatMessage, HumanMessage, SystemMessage, ToolMessage

from langchain_motorhead.messages.matching import with_stored_ids
from langchain_motorhead.messages.tombstones import hidden


def without_system(messages: Sequence[BaseMessage]) -> list[BaseMessage]:
    """Return the messages without the system's: an instruction for one turn, which is not stored."""
    return [message for message in messages if not isinstance(message, SystemMessage)]


def without_forgotten(messages: Sequence[BaseMessage], forgotten: AbstractSet[str]) -> list[BaseMessage]:
    """Return the messages without those that the session has forgotten, although an agent's state still holds them."""
    shown = (hidden(message) if message.id in forgotten else message for message in messages)
    return [message for message in shown if message is not None]


def without_summaries(messages: Sequence[BaseMessage]) -> list[BaseMessage]:
    """Return the messages without the summaries that LangChain's `SummarizationMiddleware` puts among them."""
    return [message for message in messages if message.additional_kwargs.get("lc_source") != "summarization"]


def is_person(message: BaseMessage) -> bool:
    """Return whether a message is a person's. A message with a role of one's own is taken for one."""
    return isinstance(message, HumanMessage | ChatMessage)


def newest_question(messages: Sequence[BaseMessage]) -> BaseMessage | None:
    """Return the newest message of a person, or None."""
    people = [message for message in messages if is_person(message)]
    return next(reversed(without_summaries(people) or people), None)


def run_messages(state: Sequence[BaseMessage], window_ids: AbstractSet[str | None]) -> Sequence[BaseMessage]:
    """Return the messages of the current run.

    They begin with the newest message of a human, or right after the newest message that is in the window, whichever
    is earlier.

    Args:
        state: The messages of the run's state.
        window_ids: Ids of the messages in the session's window.
    """
    newest = newest_question(state)
    known = next((at + 1 for at in range(len(state) - 1, -1, -1) if state[at].id in window_ids), None)
    human = next((at for at in range(len(state) - 1, -1, -1) if state[at] is newest), None)
    return state[min((at for at in (known, human) if at is not None), default=0) :]


def instructions(given: Sequence[BaseMessage], window: Sequence[BaseMessage]) -> list[SystemMessage]:
    """List the system messages that hold for this turn: those stored on purpose, then those given with the turn.

    If none is given with the turn, those at the beginning of the conversation hold.
    """
    question = next((at for at in range(len(given) - 1, -1, -1) if isinstance(given[at], HumanMessage)), len(given))
    start = next((at + 1 for at in range(question - 1, -1, -1) if isinstance(given[at], AIMessage | ToolMessage)), 0)
    turn = [message for message in given[start:] if isinstance(message, SystemMessage)]
    first = list(takewhile(lambda each: isinstance(each, SystemMessage), given))
    stored = [message for message in window if isinstance(message, SystemMessage)]
    return [*stored, *(turn or [message for message in first if isinstance(message, SystemMessage)])]


def as_stored(
    state: Sequence[BaseMessage], given: Sequence[BaseMessage], stored: Sequence[BaseMessage]
) -> tuple[list[BaseMessage], list[BaseMessage], dict[str | None, str | None]]:
    """Return the messages with the ids that the session has for them. A front end may give a message another id.

    Args:
        state: The messages of the run's state.
        given: The messages for the model.
        stored: The messages of the session.

    Returns:
        Both lists of messages, and the new id by the old one for those that changed.
    """
    renamed = with_stored_ids(state, stored)
    ids = {before.id: after.id for before, after in zip(state, renamed, strict=True) if before.id != after.id}
    if not ids:
        return list(state), list(given), {}
    shown = [
        message.model_copy(update={"id": ids[message.id]}) if message.id is not None and message.id in ids else message
        for message in given
    ]
    return renamed, shown, dict(ids)


def with_unknown(
    messages: Sequence[BaseMessage], given: Sequence[BaseMessage], known: AbstractSet[str | None]
) -> list[BaseMessage]:
    """Add each message of `given` that is not known before the message that it precedes in `given`."""
    kept = {message.id for message in messages}
    before: dict[str | None, list[BaseMessage]] = {}
    unknown: list[BaseMessage] = []
    for message in given:
        if message.id in kept:
            before[message.id], unknown = unknown, []
        elif message.id is None or message.id not in known:
            unknown.append(message)
    return [each for message in messages for each in (*before.get(message.id, ()), message)] + unknown
