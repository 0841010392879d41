"""Sentences: splits messages and summaries into sentences with their speakers, and writes them back as text. Pure.

This module defines how content, tool calls and tool results become sentences, and the line format in which a summary
can be read again. It knows nothing of what is worth keeping or of token budgets.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from langchain_core.messages import AIMessage, BaseMessage, FunctionMessage, ToolCall, ToolMessage

from langchain_motorhead.messages.quoting import BREAKS, has_speaker_label, visible
from langchain_motorhead.messages.text import speaker

MAX_CHARS = 1000  # of one sentence; longer text is clipped
_ELLIPSIS = "…"
_MAX_CALL_CHARS = 320  # characters of a tool call's arguments
_MAX_RESULT_CHARS = 200  # characters of a tool's result
_MIN_RESULT_CHARS = 16  # characters of a clipped result that are worth keeping
_MAX_LABEL_CHARS = 32
_MAX_DEPTH = 4  # of nested tool data
_CALLERS = frozenset({"", "AI"})  # roles that call tools; empty in a summary by a model
_RESULT, _FOUND = " -> ", " found, first: "

# Content blocks without text for a summary, or that repeat `tool_calls`.
_UNSAID = {"tool_use", "tool_call", "tool_call_chunk", "function_call", "thinking", "reasoning", "redacted_thinking"}

# Marks before a space, or Chinese and Japanese ones anywhere. The look-behinds keep long runs of marks in linear time,
# and stand behind the first mark, since a set of characters is found fast.
_END = re.compile(
    r"[.!?…؟।\u3002\uff01\uff1f]"
    r"(?:(?<=(?<![.!?…؟।])[.!?…؟।])[.!?…؟।]*+[\"'\u2019\u201d»)\]]*+ "
    r"|(?<=(?<![\u3002\uff01\uff1f])[\u3002\uff01\uff1f])[\u3002\uff01\uff1f]*+"
    r"[\u2019\u201d\u300d\u300f\uff09]*+ ?)"
)
_LABEL = re.compile(rf"([^\W\d_][\w .()'-]{{0,{_MAX_LABEL_CHARS - 1}}}): (?=\S)")
_UNLABEL = re.compile(r"^[\W\d_]+|[^\w .()'-]")
_MAX_NAME_CHARS = 64
_CALL = re.compile(rf"([\w.-]{{1,{_MAX_NAME_CHARS}}})\((?=[\w.-]+=|\)|…)")


class Sentence(NamedTuple):
    """A piece of text that is kept or dropped as a whole.

    Attributes:
        speaker: Label of the speaker, such as `Human` or `Human (Ann)`; empty if unknown.
        text: The text: one line that is not empty.
    """

    speaker: str
    text: str

    @property
    def line(self) -> str:
        """The sentence as a line of a summary."""
        return f"{self.speaker}: {self.text}" if self.speaker else self.text

    @property
    def role(self) -> str:
        """The speaker without a name."""
        return self.speaker.partition(" ")[0]

    @property
    def by_tool(self) -> bool:
        """Whether this is a tool call or result, in which full stops end no sentence. Nobody else can write one."""
        role = self.role
        if role in _CALLERS:
            return "(" in self.text[: _MAX_NAME_CHARS + 1] and _CALL.match(self.text) is not None
        return role == "Tool"

    @property
    def is_lookup(self) -> bool:
        """Whether this is a tool's result with several finds to choose from."""
        return _FOUND in self.text and self.by_tool

    @property
    def call(self) -> tuple[str, frozenset[str]] | None:
        """Name and `key=value` pairs of a tool call, or None if this is not one."""
        match = _CALL.match(self.text) if self.by_tool else None
        return (match[1], frozenset(self.head[match.end() :].rstrip(f"){_ELLIPSIS}").split(", "))) if match else None

    @property
    def head(self) -> str:
        """The tool call without its result, or the whole text if this is not one."""
        return self.text.partition(_RESULT)[0] if self.by_tool else self.text

    def clipped(self, chars: int) -> Sentence:
        """Return the sentence with at most `chars` characters of text. A result cut too short is dropped."""
        if len(self.text) <= chars:
            return self
        text, head = clip(self.text, chars), self.head
        if len(head) <= chars and len(text) < len(head + _RESULT) + _MIN_RESULT_CHARS:
            text = head
        return Sentence(self.speaker, text)


def read_messages(messages: Sequence[BaseMessage]) -> list[Sentence]:
    """Return the sentences of messages, in order.

    A tool call becomes `Name(key=value, …)`, followed by ` -> key: value, …` for what its result adds.

    Args:
        messages: Messages of any kind, oldest first.

    Returns:
        Sentences with at most `MAX_CHARS` characters of text.
    """
    said: list[Sentence] = []
    labels: dict[str, str] = {}
    unanswered: dict[str, tuple[int, ToolCall]] = {}
    for message in messages:
        if isinstance(message, (ToolMessage, FunctionMessage)):
            _read_result(message, unanswered, said)
            continue
        name = speaker(message)
        who = labels[name] if name in labels else labels.setdefault(name, _label(name))
        said += [Sentence(who, text) for text in split(_content_text(message.content))]
        for call in message.tool_calls if isinstance(message, AIMessage) else ():
            unanswered[call["id"] or ""] = (len(said), call)
            pairs = ", ".join(f"{key}={_flatten(value, {}, _MAX_CALL_CHARS)}" for key, value in call["args"].items())
            said.append(_sentence(who, f"{call['name']}({clip(pairs, _MAX_CALL_CHARS)})"))
    return said


def read_summary(summary: str) -> Iterator[Sentence]:
    """Yield the sentences of a summary, whoever wrote it.

    Args:
        summary: Text from `write`, or any prose or list.

    Yields:
        Sentences with at most `MAX_CHARS` characters of text. All sentences of a line have the speaker of the line.
    """
    for line in _lines(summary):
        label = _LABEL.match(line)
        whole = Sentence(label[1], line[label.end() :]) if label else Sentence("", line)
        for text in (clip(whole.text, MAX_CHARS),) if whole.by_tool else split(whole.text):
            # On a line of its own, the rest of a line without a speaker must not begin with one.
            quoted = not whole.speaker and _LABEL.match(text)
            yield Sentence(whole.speaker, f"- {text}" if quoted else text)


def write(sentences: Iterable[Sentence]) -> str:
    """Return text from which `read_summary` reads the same sentences.

    Adjacent sentences of one speaker share a line if `read_summary` can separate them.
    """
    lines: list[str] = []
    last = Sentence("", "")
    for sentence in sentences:
        if sentence.speaker and sentence.speaker == last.speaker and _separable(last, sentence):
            lines[-1] += f" {sentence.text}"
        else:
            lines.append(sentence.line)
        last = sentence
    return "\n".join(lines)


def split(text: str) -> Iterator[str]:
    """Yield the sentences of running text, with at most `MAX_CHARS` characters each."""
    for line in _lines(text):
        start = 0
        for end in _END.finditer(line):
            if _ends_sentence(line, start, end):
                yield clip(line[start : end.end()].rstrip(), MAX_CHARS)
                start = end.end()
        if start < len(line):
            yield clip(line[start:], MAX_CHARS)


def clip(text: str, chars: int) -> str:
    """Return `text`, or its first words and an ellipsis, with at most `chars` characters."""
    if len(text) <= chars:
        return text
    head = text[: max(chars - 1, 0)]
    space = head.rfind(" ")
    if space > len(head) // 2:  # otherwise it has few spaces, as in Chinese, and is cut anywhere
        head = head[:space]
    return head.rstrip(" ,;:") + _ELLIPSIS


def _lines(text: str) -> Iterator[str]:
    """Yield the lines that are not empty, without invisible characters and with single spaces."""
    lines = [text] if text.isascii() and text.isprintable() else BREAKS.split(visible(text))
    return filter(None, (" ".join(line.split()) for line in lines))


def _ends_sentence(line: str, start: int, end: re.Match[str]) -> bool:
    """Return whether a mark ends a sentence, rather than an abbreviation or the number of a list item."""
    if line[end.start()] != "." or end.end() >= len(line):
        return True
    word = line[max(line.rfind(" ", start, end.start()) + 1, start) : end.start()]
    if word[-1:].isdigit():
        return end.start() - start > len(word)  # "1. First" begins a list
    if len(word) > 3 and "." not in word:
        return True
    return (
        word[:1].islower() and not line[end.end()].islower()
    )  # true for "2 pm. The", false for "St. Louis" and "a.m. on"


def _separable(first: Sentence, second: Sentence) -> bool:
    if first.by_tool or second.by_tool or has_speaker_label(second.text):
        return False  # said by this speaker, not by the one it names
    return list(split(f"{first.text} {second.text}")) == [first.text, second.text]


def _sentence(who: str, text: str) -> Sentence:
    return Sentence(who, clip(" ".join(_lines(text)), MAX_CHARS))


def _label(name: str) -> str:
    """Return a speaker's label in a form that is recognized at the beginning of a line."""
    label = _UNLABEL.sub(" ", name.removesuffix("MessageChunk"))
    return " ".join(label.split())[:_MAX_LABEL_CHARS].rstrip() or "Someone"


def _content_text(content: str | list[str | dict[str, Any]]) -> str:
    if isinstance(content, str):
        return content
    return " ".join(block if isinstance(block, str) else _block_text(block) for block in content)


def _block_text(block: Mapping[str, Any]) -> str:
    text, kind = block.get("text"), str(block.get("type", ""))
    if isinstance(text, str):
        return text
    return "" if kind in _UNSAID else f"[{kind.removesuffix('_url').removeprefix('input_')}]"


def _read_result(
    message: ToolMessage | FunctionMessage, unanswered: dict[str, tuple[int, ToolCall]], said: list[Sentence]
) -> None:
    """Append a tool's result to its call if that is known, and the rest of it as sentences at the end."""
    call_id = message.tool_call_id if isinstance(message, ToolMessage) else ""
    position, call = unanswered.pop(call_id, (None, None))
    text = _content_text(message.content)
    data = _parse(text)
    parts = [_flatten(data, call["args"] if call else {}, _MAX_RESULT_CHARS)] if data else list(split(text))
    failed = "error: " if isinstance(message, ToolMessage) and message.status == "error" else ""
    results = [_RESULT + clip(failed + part, _MAX_RESULT_CHARS) for part in parts if part]
    if position is not None and results:
        said[position] = _sentence(said[position].speaker, said[position].text + results.pop(0))
    name = message.name or (call["name"] if call else "result")
    said += [_sentence("Tool", name + result) for result in results]


def _parse(text: str) -> Any:
    if text.lstrip()[:1] not in ("{", "["):
        return None
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _flatten(data: Any, known: Mapping[str, Any], chars: int, depth: int = 0) -> str:
    """Return nested data as `key: value` pairs, without those in `known`, in little more than `chars` characters."""
    if depth > _MAX_DEPTH:
        return _ELLIPSIS
    if isinstance(data, Mapping):
        new = ((key, value) for key, value in data.items() if key not in known or known[key] != value)
        return _join((f"{key}: {_flatten(value, {}, chars, depth + 1)}" for key, value in new), chars)
    if isinstance(data, list):
        if len(data) > 1 and isinstance(data[0], Mapping):
            return f"{len(data)}{_FOUND}{_flatten(data[0], known, chars, depth + 1)}"
        return _join((_flatten(item, known, chars, depth + 1) for item in data), chars)
    return "" if data is None else clip(str(data), chars)


def _join(parts: Iterable[str], chars: int) -> str:
    kept: list[str] = []
    for part in filter(None, parts):
        kept.append(part)
        chars -= len(part)
        if chars <= 0:
            break
    return ", ".join(kept)
