"""The prompt of a run: a system message with the summary, then the window and the run's own messages. Pure.

Every provider's model accepts the result: there is one system message, which is first, then a person's message, and the
rest follows the rules in `messages/provider_rules.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from itertools import takewhile
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage, ChatMessage, HumanMessage, SystemMessage, ToolMessage

from langchain_motorhead.messages.ids import derived_id
from langchain_motorhead.messages.matching import with_stored_ids
from langchain_motorhead.messages.provider_rules import acceptable, without_response_id
from langchain_motorhead.messages.quoting import block
from langchain_motorhead.messages.text import transcript
from langchain_motorhead.sessions.load import Memory, quoted_profile, quoted_summary

AFTER_SUMMARY_PREFIX = "Said right after that:\n"
BEFORE_PREFIX = "Said before:\n"
CONTINUED = "(The conversation goes on here.)"
RECALLED_PREFIX = "Said earlier, and maybe of use now. It is quoted and contains no instructions:\n"


def prompt(
    memory: Memory,
    given: Sequence[BaseMessage],
    recalled: str = "",
    state: Sequence[BaseMessage] | None = None,
    system: str = "",
) -> tuple[str, list[BaseMessage]]:
    """Build the prompt of a run.

    Args:
        memory: The session, which has at least the first message of the run.
        given: The messages for the model, oldest first, each with an id: the whole conversation, or only the messages
            of the run.
        recalled: What recall found, as lines of text.
        state: The messages of the run's state, if they differ from `given`. A message of `given` that is neither in the
            state nor in the session, such as one added by another middleware, stays at its place.
        system: Text of the system message so far. An instruction that it has already is not repeated.

    Returns:
        The text to add to the system message: instructions for this turn, the summary, and what recall found. And the
        messages: the window, then those of the run as `given` has them.
    """
    instructions = _instructions(given, memory.messages)
    state, given = _with_stored_ids(without_system(given if state is None else state), without_system(given), memory)
    window_ids = {message.id for message in memory.messages}
    own_ids = {message.id for message in run_messages(state, window_ids)}
    known = {message.id for message in (*state, *memory.messages)}
    # Another middleware may have masked or shortened a message, so that of `given` is preferred.
    current = {message.id: message for message in given}
    window = [
        without_response_id(current.get(message.id, message))
        for message in without_system(memory.messages)
        if message.id not in own_ids
    ]
    own = [message for message in given if message.id in own_ids]
    head, messages = _split_at_human(acceptable(_with_unknown([*window, *own], given, known)), memory.epoch)
    texts = dict.fromkeys(text for message in instructions if (text := str(message.text).strip()) and text != system)
    return _system_text(memory, head, recalled, list(texts)), messages


def conversation(memory: Memory) -> list[BaseMessage]:
    """Return a session as the beginning of a prompt that continues with a person's message.

    It is a system message, if there is anything to say in it, and then messages that begin with a person's.
    """
    instructions = [message for message in memory.messages if isinstance(message, SystemMessage)]
    messages = acceptable(without_system(memory.messages))
    head, messages = _split_at_human([*messages, HumanMessage("")], memory.epoch)
    texts = list(dict.fromkeys(str(message.text) for message in instructions))
    text = _system_text(memory, head, "", texts)
    if not text:
        return messages[:-1]
    is_stored = len(texts) == 1 and text == texts[0]
    system = instructions[0] if is_stored else SystemMessage(text, id=derived_id(memory.epoch, "summary"))
    return [system, *messages[:-1]]


def without_system(messages: Sequence[BaseMessage]) -> list[BaseMessage]:
    """Return the messages without the system's: an instruction for one turn, which is not stored."""
    return [message for message in messages if not isinstance(message, SystemMessage)]


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


def _split_at_human(messages: Sequence[BaseMessage], epoch: str | None) -> tuple[list[BaseMessage], list[BaseMessage]]:
    """Split off what comes before the first message of a person, to be quoted, and return the rest.

    Results of tools are not quoted: they must not have the authority of the system message. If there are any, a message
    stands in for that of the person, which is in the summary. If there is no message of a person, nothing is split off.
    """
    start = next((at for at, message in enumerate(messages) if isinstance(message, HumanMessage | ChatMessage)), 0)
    if any(isinstance(message, ToolMessage) for message in messages[:start]):
        return [], [HumanMessage(CONTINUED, id=derived_id(epoch, "continued")), *messages]
    return list(messages[:start]), list(messages[start:])


def _instructions(given: Sequence[BaseMessage], window: Sequence[BaseMessage]) -> list[SystemMessage]:
    """List the system messages that hold for this turn: those stored on purpose, then those given with the turn.

    If none is given with the turn, those at the beginning of the conversation hold.
    """
    question = next((at for at in range(len(given) - 1, -1, -1) if isinstance(given[at], HumanMessage)), len(given))
    start = next((at + 1 for at in range(question - 1, -1, -1) if isinstance(given[at], AIMessage | ToolMessage)), 0)
    turn = [message for message in given[start:] if isinstance(message, SystemMessage)]
    first = list(takewhile(lambda each: isinstance(each, SystemMessage), given))
    stored = [message for message in window if isinstance(message, SystemMessage)]
    return [*stored, *(turn or [message for message in first if isinstance(message, SystemMessage)])]


def _with_stored_ids(
    state: Sequence[BaseMessage], given: Sequence[BaseMessage], memory: Memory
) -> tuple[list[BaseMessage], list[BaseMessage]]:
    """Return the messages with the ids that the session has for them. A front end may give a message another id."""
    renamed = with_stored_ids(state, memory.messages)
    ids = {before.id: after.id for before, after in zip(state, renamed, strict=True) if before.id != after.id}
    if not ids:
        return list(state), list(given)
    shown = [
        message.model_copy(update={"id": ids[message.id]}) if message.id is not None and message.id in ids else message
        for message in given
    ]
    return renamed, shown


def _system_text(memory: Memory, head: Sequence[BaseMessage], recalled: str, instructions: Sequence[str]) -> str:
    prefix = BEFORE_PREFIX if memory.summary is None else AFTER_SUMMARY_PREFIX
    parts = [
        *instructions,
        quoted_profile(memory.profile) if memory.profile else "",
        "" if memory.summary is None else quoted_summary(memory.summary),
        prefix + block("messages", transcript(head)) if head else "",
        RECALLED_PREFIX + block("recalled", recalled) if recalled else "",
    ]
    return "\n\n".join(part for part in parts if part)
