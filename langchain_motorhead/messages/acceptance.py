"""What a session accepts: messages that can be counted, summarized, shown to any model and searched. Pure.

The codec can store more than that. What it stores and nothing can show would block its session, so it is refused here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage, ChatMessage, RemoveMessage

from langchain_motorhead.exceptions import InvalidMessageError

# Control characters and surrogates.
_NEVER_IN_NAMES = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
# What blocks have without which the packages of all providers that know them fail.
_NEEDED: Mapping[str, tuple[tuple[str, type | tuple[type, ...]], ...]] = {
    "image_url": (("image_url", (str, Mapping)),),
    "input_audio": (("input_audio", Mapping),),
    "non_standard": (("value", Mapping),),
    "redacted_thinking": (("data", str),),
    "refusal": (("refusal", str),),
    "thinking": (("thinking", str),),
    "tool_use": (("id", str), ("name", str)),
}


def check_message(message: BaseMessage) -> None:
    """Raise if a message cannot be used everywhere.

    Args:
        message: A message as it is read back, so its fields have the types of its class.

    Raises:
        InvalidMessageError: It cannot. The error says why.
    """
    if isinstance(message, RemoveMessage):
        raise InvalidMessageError(
            "a RemoveMessage changes the state of a graph, and is no part of a conversation. Leave it out"
        )
    if isinstance(message, ChatMessage) and not is_name(message.role):
        raise InvalidMessageError(f"the role {message.role!r:.40} has control characters or surrogates")
    for block in () if isinstance(message.content, str) else message.content:
        _check_block(block)
    if isinstance(message, AIMessage):
        _check_raw_calls(message.additional_kwargs)


def is_name(text: str) -> bool:
    """Return whether a text is Unicode text without control characters."""
    return (text.isascii() and text.isprintable()) or not _NEVER_IN_NAMES.search(text)


def _check_block(block: Any) -> None:
    if isinstance(block, str):
        return
    if not isinstance(block, Mapping):
        raise InvalidMessageError(f"a content block is a text or an object, not {type(block).__name__}")
    kind = block.get("type")
    if kind is not None and not isinstance(kind, str):
        raise InvalidMessageError(f"the type of a content block is a text, not {type(kind).__name__}")
    if kind == "text" and not isinstance(block.get("text"), str):
        raise InvalidMessageError("a text block has a text. Leave out blocks without one")
    for field, needed in _NEEDED.get(kind or "", ()):
        if not isinstance(block.get(field), needed):
            raise InvalidMessageError(
                f"the {field!r} of a block of type {kind!r} cannot be {block.get(field)!r:.40}: no model takes it"
            )
    image = block.get("image_url") if kind == "image_url" else None
    if isinstance(image, Mapping) and not isinstance(image.get("url"), str):
        raise InvalidMessageError('the "image_url" of a content block has a "url", which is a text')


def _check_raw_calls(extra: Mapping[str, Any]) -> None:
    """Check tool calls in the form of OpenAI's API, which LangChain's formatters still read."""
    calls = extra.get("tool_calls")
    if calls is not None and (not isinstance(calls, list) or not all(map(_is_raw_call, calls))):
        raise InvalidMessageError(
            'additional_kwargs["tool_calls"] is a list of {"id": ..., "function": {"name": ..., "arguments": ...}}'
        )
    call = extra.get("function_call")
    if call is not None and not _is_function(call):
        raise InvalidMessageError('additional_kwargs["function_call"] is {"name": ..., "arguments": ...}')


def _is_raw_call(call: Any) -> bool:
    return isinstance(call, Mapping) and isinstance(call.get("id"), str | None) and _is_function(call.get("function"))


def _is_function(function: Any) -> bool:
    return isinstance(function, Mapping) and all(isinstance(function.get(name), str) for name in ("name", "arguments"))
