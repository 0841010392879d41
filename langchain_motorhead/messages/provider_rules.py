"""The rules by which providers refuse a prompt, and the changes that make a list of messages follow them. Pure.

Each result stands right after its call, and each call has a result. No message is blank. No answer ends in what the
model thought, and a reasoning item is followed by the item that was made with it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any

from langchain_core.messages import (
    AIMessage,
    BaseMessage,
    ChatMessage,
    FunctionMessage,
    HumanMessage,
    SystemMessage,
    ToolCall,
    ToolMessage,
)

from langchain_motorhead.messages.tool_calls import block_call_id, call_ids

EMPTY = "(empty message)"
"""Stands for a message of a person that has no text, since no provider takes a blank one."""
_CLASSES: Mapping[str, type[BaseMessage]] = {
    "human": HumanMessage, "user": HumanMessage, "ai": AIMessage, "assistant": AIMessage, "system": SystemMessage,
    "developer": SystemMessage,
}  # fmt: skip
# What OpenAI takes as the name of a speaker.
_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_THOUGHTS = frozenset({"thinking", "redacted_thinking", "reasoning", "reasoning_content"})
_TEXTS = frozenset({"text", "input_text", "output_text"})


def acceptable(messages: Sequence[BaseMessage]) -> list[BaseMessage]:
    """Return messages as every provider takes them. What cannot be shown is left out; nothing given is changed."""
    shown = []
    for message in paired(messages):
        cleaned = without_blanks(usual(message))
        if cleaned is not None:
            shown.append(cleaned)
    return shown


def usual(message: BaseMessage) -> BaseMessage:
    """Return a message of a class that every provider's package knows, with content that each can read.

    A message of another role is a person's, and has the role as its name if that can be a name. So is the result of a
    function, which belongs to no call.
    """
    content = message.content
    if isinstance(content, list) and any(isinstance(block, str) for block in content):
        blocks: Any = [{"type": "text", "text": block} if isinstance(block, str) else block for block in content]
        message = message.model_copy(update={"content": blocks})
    if not isinstance(message, ChatMessage | FunctionMessage):
        return message
    role = message.role if isinstance(message, ChatMessage) else "function"
    name = (role if isinstance(message, ChatMessage) else message.name) or ""
    cls = _CLASSES.get(role, HumanMessage)
    is_name = cls is HumanMessage and role not in _CLASSES and _NAME.fullmatch(name)
    return cls(content=message.content, id=message.id, name=name if is_name else None)


def paired(messages: Sequence[BaseMessage]) -> list[BaseMessage]:
    """Put each result right after its call, and leave out calls without a result and results without a call.

    An id that is used again, as small models do, names the newest call that has it.
    """
    results: dict[int, list[BaseMessage]] = {}
    answered: dict[int, set[str]] = {}
    open_calls: dict[str, int] = {}
    for at, message in enumerate(messages):
        if isinstance(message, AIMessage):
            open_calls.update((id_, at) for id_ in call_ids(message))
        elif isinstance(message, ToolMessage) and message.tool_call_id in open_calls:
            caller = open_calls.pop(message.tool_call_id)
            results.setdefault(caller, []).append(message)
            answered.setdefault(caller, set()).add(message.tool_call_id)
    shown: list[BaseMessage] = []
    for at, message in enumerate(messages):
        if isinstance(message, ToolMessage):
            continue
        if isinstance(message, AIMessage):
            if (said := with_calls(message, answered.get(at, set()))) is not None:
                shown.append(said)
            shown.extend(results.get(at, ()))
        else:
            shown.append(message)
    return shown


def with_calls(message: AIMessage, kept: AbstractSet[str]) -> AIMessage | None:
    """Return an answer with those of its calls whose ids are given, or None if there is nothing else in it.

    Calls are left out wherever a provider's package looks for them, with what the model thought before them.
    """
    blocks, kwargs = message.content, message.additional_kwargs
    raw = kwargs.get("tool_calls")
    has_calls = bool(call_ids(message) or message.tool_calls or message.invalid_tool_calls or raw)
    if not has_calls and not _has_thoughts(message):
        return message
    update: dict[str, Any] = {}
    if has_calls:
        calls = [call for call in message.tool_calls if call.get("id") in kept]
        named = {call["id"] for call in calls}
        others = [*message.invalid_tool_calls, *(blocks if isinstance(blocks, list) else [])]
        # Each package reads some of these places only, so that a call must be in `tool_calls` to be sent at all.
        for other in others:
            call = _as_call(other)
            if call is not None and call["id"] in kept and call["id"] not in named:
                calls.append(call)
                named.add(call["id"])
        update = {"tool_calls": calls, "invalid_tool_calls": []}
        rest = {key: value for key, value in kwargs.items() if key != "tool_calls"}
        if isinstance(raw, list) and (left := [c for c in raw if isinstance(c, dict) and c.get("id") in kept]):
            rest["tool_calls"] = left
        first = next(iter(call_ids(message)), None)
        if "reasoning" in rest and not str(message.text).strip() and first not in kept:
            rest.pop("reasoning")
            rest.pop("__openai_function_call_ids__", None)
        update["additional_kwargs"] = rest
    if isinstance(blocks, list):
        update["content"] = _with_followers(blocks, kept)
    said = message.model_copy(update=update)
    return said if said.tool_calls or _says_something(said) else None


def without_blanks(message: BaseMessage) -> BaseMessage | None:
    """Return a message without blank text, or None if nothing is left of it. A person's and a result's always stay."""
    content = message.content
    if isinstance(content, list):
        left: Any = [block for block in content if not _is_blank(block)]
        unchanged = len(left) == len(content)
        if isinstance(message, AIMessage) and not unchanged:
            left = _with_followers(left, set(call_ids(message)))
    else:
        left = content if content.strip() else ""
        unchanged = left == content
    if isinstance(message, AIMessage):
        said = message if unchanged else message.model_copy(update={"content": left})
        return said if said.tool_calls or call_ids(said) or _says_something(said) else None
    if not left and isinstance(message, SystemMessage):
        return None
    if not left and not isinstance(message, ToolMessage):
        return message.model_copy(update={"content": EMPTY})
    if unchanged:
        return message
    return message.model_copy(update={"content": left or ""})


def without_response_id(message: BaseMessage) -> BaseMessage:
    """Return a message without the id of its response at OpenAI.

    With `use_previous_response_id`, a model sends only the messages after the newest one that has such an id. The
    summary and the window would not be sent.
    """
    id_ = message.response_metadata.get("id")
    if not (isinstance(message, AIMessage) and isinstance(id_, str) and id_.startswith("resp_")):
        return message
    rest = {key: value for key, value in message.response_metadata.items() if key != "id"}
    return message.model_copy(update={"response_metadata": rest})


def _with_followers(blocks: Sequence[Any], kept: AbstractSet[str]) -> list[Any]:
    """Return blocks without calls that are not kept, nor thoughts that nothing follows.

    OpenAI takes a reasoning item only with the very item that followed it, and that item, if it has an id, only with
    the reasoning. So both are left out, and what came after them loses its id.
    """
    shown: list[Any] = []
    thoughts: list[Any] = []
    called: set[str] = set()  # a call that stands twice is sent once
    is_cut = False
    for block in blocks:
        if _is_thought(block):
            thoughts.append(block)
            is_cut = False
            continue
        id_ = block_call_id(block)
        if id_ is not None and (id_ not in kept or id_ in called):
            is_cut = is_cut or any(map(_is_item, thoughts))
            thoughts = [each for each in thoughts if not _is_item(each)]
            continue
        if id_ is not None:
            called.add(id_)
        shown += thoughts
        thoughts = []
        if is_cut and isinstance(block, dict) and "id" in block and (id_ is None or "call_id" in block):
            block = {key: value for key, value in block.items() if key != "id"}  # noqa: PLW2901
        shown.append(block)
    return shown


def _as_call(block: Any) -> ToolCall | None:
    """Return the call that a block of the content is, or one that could not be parsed."""
    id_ = block_call_id(block)
    if id_ is None:
        return None
    args: Any = next((block[key] for key in ("args", "input", "arguments") if block.get(key) is not None), {})
    if isinstance(args, str):
        try:
            args = json.loads(args)
        except ValueError:
            args = {}
    return ToolCall(
        name=str(block.get("name") or "unknown"), args=args if isinstance(args, dict) else {}, id=id_, type="tool_call"
    )


def _says_something(message: AIMessage) -> bool:
    if str(message.text).strip() or message.additional_kwargs.get("audio"):
        return True
    return isinstance(message.content, list) and any(
        not _is_thought(block) and not _is_blank(block) for block in message.content
    )


def _has_thoughts(message: AIMessage) -> bool:
    return isinstance(message.content, list) and any(map(_is_thought, message.content))


def _is_thought(block: Any) -> bool:
    return isinstance(block, dict) and block.get("type") in _THOUGHTS


def _is_item(block: Any) -> bool:
    """Return whether a block is a reasoning item of OpenAI."""
    id_ = block.get("id")
    return block.get("type") == "reasoning" and isinstance(id_, str) and id_.startswith("rs_")


def _is_blank(block: Any) -> bool:
    if isinstance(block, str):
        return not block.strip()
    if not isinstance(block, dict) or block.get("type") not in _TEXTS:
        return False
    return not str(block.get("text") or "").strip()
