"""The digest of a message's content: what two messages of one id have to share to be one message. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from hashlib import blake2b
from typing import Any

import orjson
from langchain_core.messages import AIMessage, BaseMessage, ChatMessage

from langchain_motorhead.messages.ids import FORGOTTEN_CONTENT, UNKNOWN_CONTENT

# Blocks that repeat what is in `tool_calls`, and blocks that front ends leave out.
_SKIPPED = frozenset(
    "tool_use tool_call function_call invalid_tool_call input_json_delta thinking redacted_thinking reasoning "
    "reasoning_content".split()
)
# Fields of a block that differ between the parts of a stream and the whole.
_VOLATILE = frozenset({"index", "id", "annotations", "cache_control", "extras"})

# What has a meaning of its own in a mark.
_INSTEAD = {UNKNOWN_CONTENT: b"\0\0\1", FORGOTTEN_CONTENT: b"\xff\xff\xfe"}


def content_digest(message: BaseMessage) -> bytes:
    """Return 3 bytes that depend on who speaks, on what is said, and on the tool calls.

    Ids, metadata and usage do not count: a front end that sends a message again may have dropped them. Neither do
    reasoning, and the white space at both ends.
    """
    digest = blake2b(digest_size=len(UNKNOWN_CONTENT))
    for part in _parts(message):
        digest.update(part)
        digest.update(b"\0")
    found = digest.digest()
    return _INSTEAD.get(found, found)


def _parts(message: BaseMessage) -> Iterator[bytes]:
    kind = message.role if isinstance(message, ChatMessage) else message.type
    yield _encoded(kind)
    content = message.content
    if isinstance(content, str):
        yield _encoded(content.strip())
    else:
        yield _encoded("".join(_text(block) for block in content).strip())
        for block in content:
            if (
                isinstance(block, Mapping)
                and not isinstance(block.get("text"), str)
                and block.get("type") not in _SKIPPED
            ):
                yield _json({name: value for name, value in block.items() if name not in _VOLATILE})
    if isinstance(message, AIMessage):
        for call in (*message.tool_calls, *message.invalid_tool_calls):
            yield _json([call.get("id"), call.get("name"), call.get("args")])


def _text(block: Any) -> str:
    if isinstance(block, str):
        return block
    text = block.get("text") if isinstance(block, Mapping) else None
    return text if isinstance(text, str) else ""


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _json(value: Any) -> bytes:
    try:
        return orjson.dumps(value, default=repr, option=orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS)
    except (TypeError, ValueError):  # such as an integer of more than 64 bits
        return _encoded(repr(value))
