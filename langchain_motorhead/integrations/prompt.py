"""What a model is shown of a session and of the run that it is in: a system message, and messages. Pure.

Every model takes what is made here: it begins with a human's message, and calls and results come in pairs.
"""

from __future__ import annotations

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from itertools import takewhile
from typing import Any

from langchain_core.messages import BaseMessage, ChatMessage, HumanMessage, SystemMessage

from langchain_motorhead.messages.ids import derived_id
from langchain_motorhead.messages.text import transcript
from langchain_motorhead.messages.tool_calls import paired
from langchain_motorhead.sessions.load import SUMMARY_PREFIX, Memory

_AFTER_SUMMARY = "Said right after that:\n"
_BEFORE = "Said before:\n"
_RECALLED = "Said earlier, and maybe of use now:\n"


def prompt(
    memory: Memory, given: Sequence[BaseMessage], recalled: str = "", state: Sequence[BaseMessage] | None = None
) -> tuple[str, list[BaseMessage]]:
    """Put together what a model is shown.

    Args:
        memory: The session, with at least the beginning of the run in it.
        given: Messages for the model, oldest first, each with an id: maybe all of the conversation, or the run's own
            alone.
        recalled: Lines found in the long-term index.
        state: Those of the run's state, where `given` may have others: what has no place in the state is shown as well.

    Returns:
        What to add to the system message, and the messages: the window, then the run's own, as they are in `given`.
    """
    state = given if state is None else state
    shown = {message.id for message in memory.messages}
    own_ids = {message.id for message in run_of(state, shown)}
    known = {message.id for message in (*state, *memory.messages)}
    # As they are given: another middleware may have masked or shortened them.
    current = {message.id: message for message in given}
    window = [current.get(message.id, message) for message in memory.messages if message.id not in own_ids]
    own = [message for message in given if message.id in own_ids]
    shown_ids = {message.id for message in (*window, *own)}
    first = takewhile(lambda message: isinstance(message, SystemMessage), given)
    instructions = [message for message in first if message.id in known and message.id not in shown_ids]
    messages = paired(_with_others([*instructions, *window, *own], given, known))
    told, messages = _from_a_human(messages)
    parts = [
        SUMMARY_PREFIX + memory.summary if memory.summary is not None else "",
        (_AFTER_SUMMARY if memory.summary is not None else _BEFORE) + transcript(told) if told else "",
        _RECALLED + recalled if recalled else "",
    ]
    return "\n\n".join(part for part in parts if part), messages


def said(messages: Sequence[BaseMessage]) -> list[BaseMessage]:
    """Leave out what nobody said: the summaries that LangChain's middleware puts into the state in messages' place."""
    return [message for message in messages if message.additional_kwargs.get("lc_source") != "summarization"]


def run_of(state: Sequence[BaseMessage], shown: AbstractSet[str | None]) -> Sequence[BaseMessage]:
    """Give a run's own messages: from the newest of a human on, or from after the newest that the window has.

    Args:
        state: Messages of the run's state.
        shown: Ids of those in the window.
    """
    humans = [message for message in state if isinstance(message, HumanMessage | ChatMessage)]
    newest = next(reversed(said(humans) or humans), None)
    known = next((at + 1 for at in range(len(state) - 1, -1, -1) if state[at].id in shown), None)
    human = next((at for at in range(len(state) - 1, -1, -1) if state[at] is newest), None)
    return state[min((at for at in (known, human) if at is not None), default=0) :]


def add_to_system(system: SystemMessage | None, text: str, epoch: str | None) -> SystemMessage | None:
    """Add text to the end of a system message, where it spoils no cache of what is before it."""
    if not text:
        return system
    if system is None:
        return SystemMessage(text, id=derived_id(epoch, "summary"))
    content: Any = system.content
    if isinstance(content, str):
        content = f"{content}\n\n{text}" if content else text
    else:
        content = [*content, {"type": "text", "text": text}]
    return system.model_copy(update={"content": content})


def _with_others(
    messages: Sequence[BaseMessage], given: Sequence[BaseMessage], known: set[str | None]
) -> list[BaseMessage]:
    """Put what was given and is not known before the message that it was given before."""
    kept = {message.id for message in messages}
    before: dict[str | None, list[BaseMessage]] = {}
    others: list[BaseMessage] = []
    for message in given:
        if message.id in kept:
            before[message.id], others = others, []
        elif message.id is None or message.id not in known:
            others.append(message)
    return [each for message in messages for each in (*before.get(message.id, ()), message)] + others


def _from_a_human(messages: Sequence[BaseMessage]) -> tuple[list[BaseMessage], list[BaseMessage]]:
    """Part what comes before the first message of a human, but for system messages; nothing if there is none."""
    start = next((at for at, message in enumerate(messages) if isinstance(message, HumanMessage | ChatMessage)), 0)
    head = messages[:start]
    told = [message for message in head if not isinstance(message, SystemMessage)]
    kept = [message for message in head if isinstance(message, SystemMessage)]
    return told, [*kept, *messages[start:]]
