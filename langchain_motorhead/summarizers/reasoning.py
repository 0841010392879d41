"""Answers without the reasoning that models write before them. Pure."""

from __future__ import annotations

import re
from collections import deque

_NAMES = (
    r"(?:[\w-]+[:_])?(?:think(?:ing)?|thoughts?|reason(?:ing)?|analysis|reflections?|scratch_?pad|"
    r"inner_?monologue|chain_of_thought|cot|details|plan(?:ning)?|deliberation)"
)
# Runs of spaces are possessive (`++`): no other part of a tag could take them, and models do end in thousands of them.
_ATTRIBUTES = r"(?:\s++[^<>\[\]◁▷\n]{0,200}+)?+"
_TAG = re.compile(
    # <|begin_of_thought|>, <|START_THINKING|>, <|END_THINKING|>, <|end_of_thought|>
    r"<\|(?:(?P<open>begin|start)|(?P<close>end))_(?:of_)?(?:thought|thinking|reasoning)\|>"
    # <think>, <THINK id="1">, < think >, [THINK], ◁think▷, <|think|>, and what closes them.
    rf"|[<\[◁]\s*+\|?+\s*+(?P<slash>/?+)\s*+{_NAMES}{_ATTRIBUTES}\s*+/?+\|?+\s*+[>\]▷]",
    re.IGNORECASE,
)
_FINAL_BEGINS = r"<\|channel\|?>\s*+final\b"
_FINAL = re.compile(rf"{_FINAL_BEGINS}(?:(?!{_FINAL_BEGINS}).)*?<\|message\|>", re.IGNORECASE | re.DOTALL)
_CHANNEL = re.compile(r"\s*(?:<\|start\|>\s*assistant\s*)?<\|channel\|?>\s*(\w+)", re.IGNORECASE)
_PLAIN_CHANNELS = re.compile(r"\s*analysis(?=[\s\W]|[A-Z]).*?assistant\s?final(?=[\s\W]|[A-Z])", re.DOTALL)
_THOUGHT_CHANNEL = re.compile(
    r"\s*(?:<\|channel>\s*thought\b.*?<channel\|>|<unused94>.*?<unused95>|<!--.*?-->)", re.IGNORECASE | re.DOTALL
)
_MARKER = re.compile(
    r"<\|(?:im_start|start)\|>\s*assistant\s*|<\|(?:start|end|return|message|channel|eot_id|im_end|im_start|endoftext|"
    r"begin_of_solution|end_of_solution|"
    r"start_response|end_response|end_of_text|begin_of_text)\|>|</?s>(?=\s*$)|<end_of_turn>",
    re.IGNORECASE,
)
_NEAR = 8  # characters before a tag
_ENDED = re.compile(r"(?:^|[.!?…:。！？)\"'”*\n])[ \t]*$")  # a thought, before a lone closing tag
_FENCE = re.compile(r"^(```+|~~~+)(.*)$", re.MULTILINE)


class UnclosedReasoningError(ValueError):
    """Reasoning began and did not end, so what follows it is not the answer."""


def without_reasoning(text: str) -> str:
    """Return an answer without the reasoning in it.

    Reasoning is what stands between tags at the beginning of the answer or of a line, what stands before a lone closing
    tag, and any channel but the final one. Tags that a sentence mentions, and those in code, stay.

    Args:
        text: What a model wrote.

    Raises:
        UnclosedReasoningError: Reasoning began and did not end.
    """
    text = _final_channel(text)
    code = deque(_code(text))
    kept: list[str] = []
    start = at = mentioned = 0
    while tag := _TAG.search(text, at):
        at = tag.end()
        while code and code[0][1] <= tag.start():
            code.popleft()
        if code and code[0][0] < tag.start():
            continue
        if _opens(tag):
            if not _begins_line(text, tag.start()):
                mentioned += 1
                continue
            at = _closed(text, tag)
            kept.append(text[start : tag.start()])
            start = at
        elif mentioned:
            mentioned -= 1
        elif _ends_thought(text, start, tag):
            kept.clear()
            start = at
    return _MARKER.sub(" ", "".join([*kept, text[start:]])).strip()


def _code(text: str) -> list[tuple[int, int]]:
    """Return where blocks of code begin and end. A fence opens one only if the same fence closes it on a later line."""
    fences = list(_FENCE.finditer(text))
    closing, ends = dict[str, int](), list[int | None]()
    for fence in reversed(fences):
        ends.append(closing.get(fence[1]))
        if not fence[2].strip(" \t"):
            closing[fence[1]] = fence.end()
    found, at = list[tuple[int, int]](), 0
    for fence, end in zip(fences, reversed(ends), strict=True):
        if end is not None and fence.start() >= at:
            found.append((fence.start(), end))
            at = end
    return found


def _final_channel(text: str) -> str:
    if finals := list(_FINAL.finditer(text)):
        return text[finals[-1].end() :]
    if thought := _THOUGHT_CHANNEL.match(text):
        return text[thought.end() :]
    if plain := _PLAIN_CHANNELS.match(text):
        return text[plain.end() :]
    if (channel := _CHANNEL.match(text)) and channel[1].lower() != "final":
        raise UnclosedReasoningError
    return text


def _opens(tag: re.Match[str]) -> bool:
    return tag["open"] is not None or (tag["close"] is None and not tag["slash"])


def _begins_line(text: str, at: int) -> bool:
    return not text[text.rfind("\n", 0, at) + 1 : at].strip()


def _closed(text: str, opening: re.Match[str]) -> int:
    """Return where the block that a tag opens ends."""
    if opening[0].rstrip(">]▷ ").endswith("/"):
        return opening.end()
    depth = 1
    for tag in _TAG.finditer(text, opening.end()):
        depth += 1 if _opens(tag) and _begins_line(text, tag.start()) else -1 if not _opens(tag) else 0
        if depth == 0:
            return tag.end()
    # Several opened and one closed: models do not always balance them.
    closings = [tag.end() for tag in _TAG.finditer(text, opening.end()) if not _opens(tag)]
    if not closings:
        raise UnclosedReasoningError
    return closings[-1]


def _ends_thought(text: str, start: int, tag: re.Match[str]) -> bool:
    """Whether a closing tag without an opening one ends a thought, and is not mentioned in a sentence."""
    if text[tag.end() : tag.end() + 1] in ("`", "'", '"', "”"):
        return False
    before = text[max(start, tag.start() - _NEAR) : tag.start()]
    return _ENDED.search(before) is not None or text[tag.end() : tag.end() + 1] == "\n"
