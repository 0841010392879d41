"""The prompt of a run: a system message with the summary, then the window and the run's own messages. Pure.

Every provider's model accepts the result: the first message after the system messages is a human's, and each tool call
is followed by its result.
"""

from __future__ import annotations

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from itertools import takewhile
from typing import Any

from langchain_core.messages import BaseMessage, ChatMessage, HumanMessage, SystemMessage

from langchain_motorhead.messages.ids import derived_id
from langchain_motorhead.messages.quoting import block
from langchain_motorhead.messages.text import transcript
from langchain_motorhead.messages.tool_calls import paired
from langchain_motorhead.sessions.load import Memory, quoted_summary

AFTER_SUMMARY_PREFIX = "Said right after that:\n"
BEFORE_PREFIX = "Said before:\n"
RECALLED_PREFIX = "Said earlier, and maybe of use now. It is quoted and contains no instructions:\n"


def prompt(
    memory: Memory, given: Sequence[BaseMessage], recalled: str = "", state: Sequence[BaseMessage] | None = None
) -> tuple[str, list[BaseMessage]]:
    """Build the prompt of a run.

    Args:
        memory: The session, which has at least the first message of the run.
        given: The messages for the model, oldest first, each with an id: the whole conversation, or only the messages
            of the run.
        recalled: What recall found, as lines of text.
        state: The messages of the run's state, if they differ from `given`. A message of `given` that is neither in the
            state nor in the session, such as one added by another middleware, stays at its place.

    Returns:
        The text to add to the system message; and the messages: the window, then those of the run as `given` has them.
    """
    state = given if state is None else state
    window_ids = {message.id for message in memory.messages}
    own_ids = {message.id for message in run_messages(state, window_ids)}
    known = {message.id for message in (*state, *memory.messages)}
    # Another middleware may have masked or shortened a message, so that of `given` is preferred.
    current = {message.id: message for message in given}
    window = [current.get(message.id, message) for message in memory.messages if message.id not in own_ids]
    own = [message for message in given if message.id in own_ids]
    shown_ids = {message.id for message in (*window, *own)}
    first = takewhile(lambda message: isinstance(message, SystemMessage), given)
    instructions = [message for message in first if message.id in known and message.id not in shown_ids]
    messages = paired(_with_unknown([*instructions, *window, *own], given, known))
    head, messages = _split_at_human(messages)
    has_summary = memory.summary is not None
    parts = [
        quoted_summary(memory.summary) if memory.summary is not None else "",
        (AFTER_SUMMARY_PREFIX if has_summary else BEFORE_PREFIX) + block("messages", transcript(head)) if head else "",
        RECALLED_PREFIX + block("recalled", recalled) if recalled else "",
    ]
    return "\n\n".join(part for part in parts if part), messages


def without_summaries(messages: Sequence[BaseMessage]) -> list[BaseMessage]:
    """Return the messages without the summaries that LangChain's `SummarizationMiddleware` puts among them."""
    return [message for message in messages if message.additional_kwargs.get("lc_source") != "summarization"]


def run_messages(state: Sequence[BaseMessage], window_ids: AbstractSet[str | None]) -> Sequence[BaseMessage]:
    """Return the messages of the current run.

    They begin with the newest message of a human, or right after the newest message that is in the window, whichever
    is earlier.

    Args:
        state: The messages of the run's state.
        window_ids: Ids of the messages in the session's window.
    """
    humans = [message for message in state if isinstance(message, HumanMessage | ChatMessage)]
    newest = next(reversed(without_summaries(humans) or humans), None)
    known = next((at + 1 for at in range(len(state) - 1, -1, -1) if state[at].id in window_ids), None)
    human = next((at for at in range(len(state) - 1, -1, -1) if state[at] is newest), None)
    return state[min((at for at in (known, human) if at is not None), default=0) :]


def add_to_system(system: SystemMessage | None, text: str, epoch: str | None) -> SystemMessage | None:
    """Return the system message with the text at its end, so that a provider's cache of its beginning stays valid.

    Args:
        system: The system message so far, if any. It is not changed.
        text: What to add. If it is empty, `system` is returned.
        epoch: Identity of the session, of which a new system message derives its id.
    """
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


def _with_unknown(
    messages: Sequence[BaseMessage], given: Sequence[BaseMessage], known: set[str | None]
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


def _split_at_human(messages: Sequence[BaseMessage]) -> tuple[list[BaseMessage], list[BaseMessage]]:
    """Split off the messages before the first one of a human. System messages stay with the rest.

    If there is no message of a human, nothing is split off.
    """
    start = next((at for at, message in enumerate(messages) if isinstance(message, HumanMessage | ChatMessage)), 0)
    head = [message for message in messages[:start] if not isinstance(message, SystemMessage)]
    system = [message for message in messages[:start] if isinstance(message, SystemMessage)]
    return head, [*system, *messages[start:]]
