"""Tool results that a prompt shows in part, or as a stub with the id by which `read_result` returns them. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage, ToolMessage

from langchain_motorhead.messages.quoting import one_line
from langchain_motorhead.messages.text import message_text
from langchain_motorhead.prompts.counting import PromptCounter

READ_RESULT = "read_result"
"""Name of the tool that returns a result that is not shown whole."""
_FIRST_LINE_CHARS = 40
# Of a shortened result, the share that is its beginning. The rest is its end.
_HEAD_SHARE = 0.75
# A shorter piece says too little to be worth its place.
_LEAST_CHARS = 40


@dataclass(frozen=True, slots=True)
class ResultRef:
    """Which result, or which part of one, a message shows.

    Attributes:
        key: Name of the result.
        start: Where the message begins in it, in characters.
    """

    key: str
    start: int = 0


def result_key(message: ToolMessage) -> str:
    """Return the short name of a result, made of its id, by which `read_result` finds it again."""
    id_ = message.id or message.tool_call_id
    return blake2b(id_.encode("utf-8", "surrogatepass"), digest_size=4).hexdigest()


def result_refs(messages: Sequence[BaseMessage]) -> dict[int, ResultRef]:
    """Return for each result among messages what it shows, by its position: what `read_result` returned is a part."""
    reads: dict[str | None, dict[str, Any]] = {}
    refs: dict[int, ResultRef] = {}
    for at, message in enumerate(messages):
        if isinstance(message, AIMessage):
            reads.update({call["id"]: call["args"] for call in message.tool_calls if call["name"] == READ_RESULT})
        elif isinstance(message, ToolMessage):
            args = reads.get(message.tool_call_id, {})
            start, key = args.get("start", 0), args.get("id")
            is_part = isinstance(key, str) and isinstance(start, int) and message.status != "error"
            refs[at] = ResultRef(key, max(0, start)) if is_part else ResultRef(result_key(message))  # type: ignore[arg-type]
    return refs


def stub(message: ToolMessage, ref: ResultRef, tokens: int) -> ToolMessage:
    """Return a result as a stub: its name, its size, its first line, and how to read it.

    Args:
        message: The result.
        ref: What it shows.
        tokens: Its size.
    """
    text = message_text(message)
    line = one_line(text.strip().split("\n", 1)[0])
    line = line if len(line) <= _FIRST_LINE_CHARS else f"{line[:_FIRST_LINE_CHARS]}…"
    name = message.name or "a tool"
    stub = f"[{name}, {tokens:,} tokens: {line} {_how_to_read(ref, len(text))}]"
    return message.model_copy(update={"content": stub})


def least(message: ToolMessage, ref: ResultRef) -> ToolMessage:
    """Return a result as the shortest stub."""
    return message.model_copy(update={"content": f'[{READ_RESULT}("{ref.key}")]'})


def shortened(message: ToolMessage, ref: ResultRef, tokens: int, count: PromptCounter) -> ToolMessage:
    """Return a result with its beginning and its end, and how to read the rest.

    Args:
        message: The result.
        ref: What it shows.
        tokens: Most tokens of what is returned. If that is too few for a part of the text, a stub is returned.
        count: Counts tokens.
    """
    whole = count.one(message)
    if whole <= tokens:
        return message
    text = message_text(message)
    chars = len(text) * tokens // max(1, whole)
    is_read = message.name == READ_RESULT
    while chars >= _LEAST_CHARS:
        head = chars if is_read else int(chars * _HEAD_SHARE)
        tail = text[len(text) - (chars - head) :] if chars > head else ""
        rest = ResultRef(ref.key, ref.start + head)
        left_out = len(text) - chars
        note = f"[{left_out:,} of {len(text):,} characters are left out. {_how_to_read(rest, left_out)}]"
        content = "\n".join(part for part in (text[:head], note, tail) if part)
        shown = message.model_copy(update={"content": content})
        if (size := count.one(shown)) <= tokens:
            return shown
        chars = min(chars - 1, chars * tokens // size * 19 // 20)
    for shown in (stub(message, ref, whole), least(message, ref)):
        if count.one(shown) <= tokens:
            return shown
    return shown if count.one(shown) < whole else message


def part_of(message: ToolMessage, start: int, stop: int | None) -> Any:
    """Return a result, or the characters of its text from `start` to before `stop`.

    A result of blocks, such as an image, is returned as it is if all of it is asked for.
    """
    if start == 0 and stop is None:
        return message.content
    text = message.content if isinstance(message.content, str) else message_text(message)
    return text[start:stop]


def _how_to_read(ref: ResultRef, length: int) -> str:
    if ref.start == 0:
        return f'To read it: {READ_RESULT}("{ref.key}")'
    return f'To read on: {READ_RESULT}("{ref.key}", start={ref.start}, stop={ref.start + length})'
