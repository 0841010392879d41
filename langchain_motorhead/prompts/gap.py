"""Messages that wait for a summary, and are in neither the summary nor the window: what a prompt shows of them. Pure.

Those that are in the agent's state are shown word for word. Of the others, the prompt gives the number and excerpts.
"""

from __future__ import annotations

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field

from langchain_core.messages import BaseMessage

from langchain_motorhead.messages.quoting import block
from langchain_motorhead.prompts.conversation import is_person
from langchain_motorhead.prompts.counting import PromptCounter
from langchain_motorhead.sessions.gap import extract
from langchain_motorhead.sessions.load import Memory

GAP_TOKENS = 4_000
"""Most tokens of what fills a gap, unless `max_prompt_tokens` leaves less."""
MAX_READ_MESSAGES = 200
"""Of a gap that the agent does not have, how many of the newest messages are read for excerpts."""
_EXTRACT_PREFIX = "Of these messages, in short:\n"
# Of what fills a gap, the share for lines, if not all can be shown word for word.
_EXTRACT_SHARE = 0.25
# Characters of a token, at least, in most languages.
_CHARS_PER_TOKEN = 2


@dataclass(slots=True)
class GapFill:
    """What fills a gap.

    Attributes:
        messages: Its newest messages, word for word.
        note: A text about those that are not shown, or an empty one.
    """

    messages: list[BaseMessage] = field(default_factory=list)
    note: str = ""


def held(memory: Memory, state: Sequence[BaseMessage]) -> list[BaseMessage]:
    """Return the newest messages of the session's gap that the agent's state has.

    Args:
        memory: The session.
        state: The agent's messages with the ids that the session has for them, without the system's.
    """
    if memory.gap is None:
        return []
    window = {message.id for message in memory.messages}
    start = next((at for at, message in enumerate(state) if message.id in window), None)
    return [] if start is None else list(state[max(0, start - memory.gap.count) : start])


def missing(memory: Memory, state: Sequence[BaseMessage]) -> tuple[int, int] | None:
    """Return which messages of a gap are to be read for its note, by sequence number, or None if the state has all."""
    if memory.gap is None:
        return None
    stop = memory.gap.stop - len(held(memory, state))
    return (max(memory.gap.start, stop - MAX_READ_MESSAGES), stop) if stop > memory.gap.start else None


def filled(
    memory: Memory,
    state: Sequence[BaseMessage],
    read: Sequence[BaseMessage],
    shown_ids: AbstractSet[str | None],
    room: int,
    count: PromptCounter,
) -> GapFill:
    """Return what fills the gap of a session: as many messages as fit, and a note about the others.

    Args:
        memory: The session.
        state: The agent's messages, as for `held`.
        read: Messages of the gap that the state does not have, as they were read. They come before those of the state.
        shown_ids: Ids of messages that are shown in any case: those of the run.
        room: Most tokens.
        count: Counts tokens.
    """
    if memory.gap is None:
        return GapFill()
    known = held(memory, state)
    there = [message for message in known if message.id not in shown_ids]
    others = memory.gap.count - len(known)
    if others == 0 and count(there) <= room:
        return GapFill(there)
    shown = _newest(there, int(room * (1 - _EXTRACT_SHARE)), count)
    others += len(there) - len(shown)
    if others == 0:
        return GapFill(shown)
    stop = memory.gap.start + others - 1
    what = "message is" if others == 1 else "messages are"
    note = f"{others} {what} not shown here, and not in the summary yet (from {memory.gap.start} to {stop})."
    lines = extract([*read, *there[: len(there) - len(shown)]], int(room * _EXTRACT_SHARE) * _CHARS_PER_TOKEN)
    return GapFill(shown, f"{note} {_EXTRACT_PREFIX}{block('messages', lines)}" if lines else note)


def _newest(messages: Sequence[BaseMessage], room: int, count: PromptCounter) -> list[BaseMessage]:
    """Return the newest messages that fit, from a person's message on."""
    start = len(messages)
    for at in range(len(messages) - 1, -1, -1):
        room -= count.one(messages[at])
        if room < 0:
            break
        if is_person(messages[at]):
            start = at
    return list(messages[start:])
