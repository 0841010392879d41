"""Messages as text: the transcript that a model reads, and the text whose tokens and words are counted. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence

from langchain_core.messages import AIMessage, BaseMessage, ChatMessage, HumanMessage, ToolMessage

from langchain_motorhead.messages.media import media_kind, source_text
from langchain_motorhead.messages.quoting import turn

_SPEAKERS = {"human": "Human", "ai": "AI", "system": "System", "function": "Function"}
# Content blocks that repeat what is in `tool_calls`.
_CALL_BLOCKS = frozenset({"tool_use", "tool_call", "function_call", "invalid_tool_call", "input_json_delta"})
# A tokenizer may take quadratic time for a long text without spaces, so it is given at most this much at once.
_MAX_TOKENIZER_CHARS = 4096
_LEAST_DATA = 1800
# Encoded data, such as an image in base64, in one line or in several. Possessive, so that it takes linear time.
_DATA = re.compile(
    r"(?<![A-Za-z0-9+/_=-])(?:[A-Za-z0-9+/_=-]{2000,}+|(?:[A-Za-z0-9+/_=-]{60,}+\s{1,2}+){29,}[A-Za-z0-9+/_=-]{60,}+)"
)


def speaker(message: BaseMessage) -> str:
    """Return the name that a transcript shows for the author of a message."""
    if isinstance(message, ChatMessage):
        return message.role
    if isinstance(message, ToolMessage):
        return f"Tool {message.name}" if message.name else "Tool"
    label = _SPEAKERS.get(message.type, message.type)
    return f"{label} ({message.name})" if message.name else label


def message_text(message: BaseMessage) -> str:
    """Return the content of a message as text: its text, the types of its other blocks, and its tool calls."""
    calls = isinstance(message, AIMessage) and bool(message.tool_calls or message.invalid_tool_calls)
    blocks = [message.content] if isinstance(message.content, str) else message.content
    parts = [_block_text(block, calls_follow=calls) for block in blocks]
    if isinstance(message, AIMessage):
        parts += [f"[calls {call['name']}({_json(call['args'])})]" for call in message.tool_calls]
        parts += [f"[calls {call['name']}({_limited(call['args'])})]" for call in message.invalid_tool_calls]
    return "\n".join(part for part in parts if part)


def transcript(messages: Sequence[BaseMessage]) -> str:
    r"""Return the messages as text for a model: one line for each, which begins with its speaker.

    Line breaks in a message are written `\n`, so no message can look like several. See `quoting`.
    """
    return "\n".join(turn(speaker(message), message_text(message)) for message in messages)


def plain_text(messages: Sequence[BaseMessage]) -> str:
    """Return the messages with their speakers as they are, to count and compare words. Not for a model to read."""
    return without_surrogates("\n".join(f"{speaker(message)}: {message_text(message)}" for message in messages))


def split_message(
    message: BaseMessage, budget: int, count: Callable[[Sequence[BaseMessage]], int]
) -> list[BaseMessage]:
    """Return a message cut into pieces of at most `budget` tokens each, in order, that together hold its whole text.

    A piece has the speaker of the message and a part of its text. Tool calls and other blocks are part of that text.

    Args:
        message: The message, of any size.
        budget: Largest number of tokens of a piece, as `count` counts them.
        count: Returns the number of tokens of messages.

    Returns:
        The pieces, or the message itself if it fits.
    """
    if count([message]) <= budget:
        return [message]
    text, pieces = message_text(message), list[BaseMessage]()
    size = max(1, budget * 3)  # characters; corrected below by counting
    while text:
        head = _head(text, size)
        piece = _piece(message, head)
        if count([piece]) > budget and size > 1:
            size = max(1, min(size, len(text)) * 3 // 4)
            continue
        pieces.append(piece)
        text = text[len(head) :]
    return pieces or [message]


def without_data(text: str) -> str:
    """Return a text in which each long run of encoded data is replaced by a note of its length."""
    return _DATA.sub(_note, text) if len(text) >= _LEAST_DATA else text


def readable(message: BaseMessage) -> BaseMessage:
    """Return a message as a model can read it: itself, or its text without encoded data."""
    text = message_text(message)
    short = without_data(text)
    return message if short == text else _piece(message, short)


def _note(match: re.Match[str]) -> str:
    data = match[0]
    # A number and a letter: a ruler of dashes or a very long word is no data.
    if data.isalpha() or not any(map(str.isdigit, data)) or not any(map(str.isalpha, data)):
        return data
    return f"[{len(data):,} characters of data]"


def without_surrogates(text: str) -> str:
    """Return a text with lone surrogates replaced, because tokenizers and HTTP clients cannot encode them."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")


def text_runs(text: str) -> Iterator[str]:
    """Return an iterator over pieces of a text that are short enough for any tokenizer."""
    return (text[start : start + _MAX_TOKENIZER_CHARS] for start in range(0, len(text), _MAX_TOKENIZER_CHARS))


def _head(text: str, size: int) -> str:
    if len(text) <= size:
        return text
    space = max(text.rfind(" ", size // 2, size), text.rfind("\n", size // 2, size))
    return text[: space + 1] if space > 0 else text[:size]


def _piece(message: BaseMessage, text: str) -> BaseMessage:
    if isinstance(message, HumanMessage):
        return HumanMessage(content=text, name=message.name)
    if isinstance(message, AIMessage):
        return AIMessage(content=text, name=message.name)
    return ChatMessage(content=text, role=speaker(message))


def _block_text(block: object, *, calls_follow: bool) -> str:
    if not isinstance(block, dict):
        return _limited(block)
    text, kind = block.get("text"), block.get("type")
    if not isinstance(text, str):
        text = source_text(block)
    if text is not None:
        return text
    if isinstance(block.get("content"), list) and kind == "tool_result":
        return "\n".join(_block_text(each, calls_follow=calls_follow) for each in block["content"]) or f"[{kind}]"
    if "json" in block and kind in ("json", None):
        return _json(block["json"])
    if calls_follow and isinstance(kind, str) and kind in _CALL_BLOCKS:
        return ""
    return f"[{media_kind(block) or _limited(kind)}]"


def _json(value: object) -> str:
    try:
        return json.dumps(value, ensure_ascii=False, default=str)
    except (TypeError, ValueError):
        return _limited(value)


def _limited(value: object) -> str:
    """Return a value as text. Python refuses that for integers of more than 4,300 digits."""
    try:
        return str(value)
    except ValueError:
        return f"a {type(value).__name__} with a very large number"
