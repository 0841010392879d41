"""Reading a session with plain commands. They take less of Redis' time than a script. A check makes them consistent.

Other clients' commands may be executed between two of ours. So the first and the last command both read a fence: fields
of the state that change whenever the list of messages does. If the fence did not change, nor did the list. Then the
replies are the same as those of a script at the time of the last command. Otherwise a script reads again.

An append changes `last`, the tokens of the latest appends. A compaction that takes messages from the list changes
`first`. Forgetting and editing change `revision`. A session that was deleted, imported or made anew has another epoch.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from langchain_motorhead.storage.operation import Command, TornReadError

_FENCE = ("epoch", "first", "revision", "last")
# As lib_snapshot.lua returns them: between these are the length of the list, and the messages.
_BEFORE_LIST = ("epoch", "first", "summary", "tokens", "failures", "user", "size", "indexed", "revision")
_AFTER_LIST = ("written_by", "kept", "covered", "forgotten")
_FIELDS = (*_BEFORE_LIST, *_AFTER_LIST, "last")
_FENCE_PLACES = tuple(map(_FIELDS.index, _FENCE))


def plain_commands(messages: str, state: str, start: int, stop: int) -> tuple[Command, ...]:
    """Return the commands that read a session.

    Args:
        messages: Key of the list of messages.
        state: Key of the state.
        start: First position of the messages to read, as LRANGE takes it.
        stop: Last position of the messages to read.
    """
    return (
        Command("HMGET", (state,), _FENCE),
        Command("LRANGE", (messages,), (str(start), str(stop))),
        Command("LLEN", (messages,)),
        Command("HMGET", (state,), _FIELDS),
    )


def to_script_reply(replies: Sequence[Any]) -> list[Any]:
    """Return the replies to `plain_commands` as the script `session_read` returns them.

    Raises:
        TornReadError: The replies may be inconsistent.
    """
    fence, records, length, fields = replies
    if fence != [fields[place] for place in _FENCE_PLACES]:
        raise TornReadError
    if length < len(records) or (length and fields[0] is None):
        raise TornReadError  # a key was evicted, or a session was made and deleted meanwhile
    middle = len(_BEFORE_LIST)
    return [*fields[:middle], length, records, *fields[middle:-1]]
