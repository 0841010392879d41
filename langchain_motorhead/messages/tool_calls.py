"""Tool-call pairing: where a list of messages may be cut, and which calls and results a prompt can contain. Pure."""

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
            calls.update((id_, at) for id_ in _call_ids(message))
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
            calls.update((id_, at) for id_ in _call_ids(message))
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
            calls.update(_call_ids(message))
        if isinstance(message, ToolMessage) and message.tool_call_id not in calls:
            continue
        if isinstance(message, FunctionMessage) and not shown:
            continue
        shown.append(message)
    return shown


def _call_ids(message: AIMessage) -> list[str]:
    return [id_ for call in (*message.tool_calls, *message.invalid_tool_calls) if (id_ := call.get("id"))]


def _unanswered(messages: Sequence[BaseMessage | None]) -> list[tuple[int, int]]:
    """Return the positions of messages with a call that has no result yet, each with the position of its newest result.

    The second position is that of the message itself if none of its calls has a result.
    """
    open_calls: dict[str, int] = {}
    made: dict[str, int] = {}
    heard: dict[int, int] = {}
    for at, message in enumerate(messages):
        if isinstance(message, AIMessage):
            calls = {call["id"]: at for call in message.tool_calls if call["id"]}
            open_calls.update(calls)
            made.update(calls)
            heard[at] = at
        elif isinstance(message, ToolMessage):
            open_calls.pop(message.tool_call_id, None)
            if message.tool_call_id in made:
                heard[made[message.tool_call_id]] = at
    return [(at, heard[at]) for at in sorted(set(open_calls.values()))]


def paired(messages: Sequence[BaseMessage]) -> list[BaseMessage]:
    """Return the messages with each tool result right after its call, without unanswered calls and unmatched results.

    If an id was used by several calls, as small models do, it means the newest of them.
    """
    results: dict[int, list[BaseMessage]] = {}
    answered: dict[int, set[str]] = {}
    open_calls: dict[str, int] = {}
    for at, message in enumerate(messages):
        if isinstance(message, AIMessage):
            open_calls.update((id_, at) for id_ in _calls(message))
        elif isinstance(message, ToolMessage) and message.tool_call_id in open_calls:
            caller = open_calls.pop(message.tool_call_id)
            results.setdefault(caller, []).append(message)
            answered.setdefault(caller, set()).add(message.tool_call_id)
    shown: list[BaseMessage] = []
    for at, message in enumerate(messages):
        if isinstance(message, ToolMessage):
            continue
        if isinstance(message, AIMessage):
            if (said := _without(message, _calls(message) - answered.get(at, set()))) is not None:
                shown.append(said)
            shown.extend(results.get(at, ()))
        else:
            shown.append(message)
    return shown


def _calls(message: AIMessage) -> set[str]:
    return {id_ for call in (*message.tool_calls, *message.invalid_tool_calls) if (id_ := call.get("id"))}


def _without(message: AIMessage, calls: set[str]) -> AIMessage | None:
    """Return a message without some of its calls, wherever providers look for them; None if nothing else is left."""
    if not calls:
        return message
    update: dict[str, Any] = {
        "tool_calls": [call for call in message.tool_calls if call.get("id") not in calls],
        "invalid_tool_calls": [call for call in message.invalid_tool_calls if call.get("id") not in calls],
    }
    if isinstance(message.content, list):
        update["content"] = [block for block in message.content if not _is_call(block, calls)]
    if raw := message.additional_kwargs.get("tool_calls"):
        left = [call for call in raw if not (isinstance(call, dict) and call.get("id") in calls)]
        rest = {key: value for key, value in message.additional_kwargs.items() if key != "tool_calls"}
        update["additional_kwargs"] = {**rest, "tool_calls": left} if left else rest
    said = message.model_copy(update=update)
    return said if said.text.strip() or said.tool_calls or said.invalid_tool_calls else None


def _is_call(block: Any, calls: set[str]) -> bool:
    return isinstance(block, dict) and (block.get("call_id") or block.get("id")) in calls
