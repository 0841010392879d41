"""Tool calls and their results: which calls a message has, and where a list of messages may be cut. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from langchain_core.messages import (
    AIMessage,
    BaseMessage,
    FunctionMessage,
    ToolMessage,
)

_RESULTS = (ToolMessage, FunctionMessage)
_CALL_BLOCKS = frozenset({"tool_use", "tool_call", "function_call", "custom_tool_call", "invalid_tool_call"})


def safe_cuts(messages: Sequence[BaseMessage | None], patience: int) -> list[int]:
    """Return the positions at which a list of messages may be cut, in ascending order.

    Everything before a cut can be removed. A cut never puts a tool result first, and never separates a call from its
    result. A call that has no result yet blocks the cuts after it, until `patience` messages have followed its latest
    result, or the call itself if it has none.
    """
    # How many pairs of a call and its result, or results that come first, begin and end at each position.
    begins, ends = [0] * (len(messages) + 2), [0] * (len(messages) + 2)
    calls: dict[str, int] = {}
    for at, message in enumerate(messages):
        if isinstance(message, AIMessage):
            calls.update((id_, at) for id_ in call_ids(message))
        elif isinstance(message, ToolMessage | FunctionMessage):
            made = calls.get(getattr(message, "tool_call_id", ""))
            begins[at if made is None else made + 1] += 1
            ends[at + 1] += 1
    waiting = [at for at, heard in _unanswered(messages) if heard >= len(messages) - patience]
    stop = min(waiting, default=len(messages))
    cuts, blocks = list[int](), 0
    for at in range(min(stop + 1, len(messages))):
        blocks += begins[at] - ends[at]
        if at and not blocks:
            cuts.append(at)
    return cuts


def closed_start(messages: Sequence[BaseMessage], latest: int) -> int:
    """Return the last position up to `latest` from which on no result lacks its call, if that call is in the list."""
    latest = max(0, latest)
    needs, calls = list(range(len(messages))), dict[str, int]()
    for at, message in enumerate(messages):
        if isinstance(message, AIMessage):
            calls.update((id_, at) for id_ in call_ids(message))
        elif isinstance(message, ToolMessage):
            needs[at] = calls.get(message.tool_call_id, at)
    lowest = len(messages)
    for at in range(len(messages) - 1, -1, -1):
        lowest = min(lowest, needs[at])
        if at <= latest and lowest >= at:
            return at
    return 0


def visible(messages: Sequence[BaseMessage]) -> list[BaseMessage]:
    """Return the messages without tool results whose call is missing, as after older messages were removed."""
    if not any(issubclass(kind, _RESULTS) for kind in set(map(type, messages))):
        return list(messages)
    calls: set[str | None] = set()
    shown: list[BaseMessage] = []
    for message in messages:
        if isinstance(message, AIMessage):
            calls.update(call_ids(message))
        if isinstance(message, ToolMessage) and message.tool_call_id not in calls:
            continue
        if isinstance(message, FunctionMessage) and not shown:
            continue
        shown.append(message)
    return shown


def call_ids(message: BaseMessage) -> list[str]:
    """List the ids of the calls in a message, wherever a provider's package keeps them, each once."""
    if not isinstance(message, AIMessage):
        return []
    calls: list[Any] = [*message.tool_calls, *message.invalid_tool_calls]
    if isinstance(message.content, list):
        calls += [{"id": block_call_id(block)} for block in message.content]
    if isinstance(raw := message.additional_kwargs.get("tool_calls"), list):
        calls += [call for call in raw if isinstance(call, dict)]
    return list(dict.fromkeys(id_ for call in calls if isinstance(id_ := call.get("id"), str) and id_))


def block_call_id(block: Any) -> str | None:
    """Return the id of the call that a block of a message's content is, or None if it is not one.

    A call that the provider itself answers, such as a web search, is not one.
    """
    kind = block.get("type") if isinstance(block, dict) else None
    if not isinstance(kind, str) or not (kind in _CALL_BLOCKS or (kind.endswith("_call") and "call_id" in block)):
        return None
    id_ = block.get("call_id") or block.get("id")
    return id_ if isinstance(id_, str) else ""


def _waiting_ids(message: AIMessage) -> list[str]:
    """List the ids of the calls of a message that are to be answered: not those that could not be parsed."""
    invalid = {call.get("id") for call in message.invalid_tool_calls}
    return [id_ for id_ in call_ids(message) if id_ not in invalid]


def _unanswered(messages: Sequence[BaseMessage | None]) -> list[tuple[int, int]]:
    """Return the positions of messages with a call that has no result yet, each with the position of its newest result.

    The second position is that of the message itself if none of its calls has a result.
    """
    open_calls: dict[str, int] = {}
    made: dict[str, int] = {}
    heard: dict[int, int] = {}
    for at, message in enumerate(messages):
        if isinstance(message, AIMessage):
            calls = dict.fromkeys(_waiting_ids(message), at)
            open_calls.update(calls)
            made.update(calls)
            heard[at] = at
        elif isinstance(message, ToolMessage):
            open_calls.pop(message.tool_call_id, None)
            if message.tool_call_id in made:
                heard[made[message.tool_call_id]] = at
    return [(at, heard[at]) for at in sorted(set(open_calls.values()))]
