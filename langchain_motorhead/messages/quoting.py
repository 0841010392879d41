r"""Quoting: remembered text as data in a prompt, so that nothing in it can look like a part of the prompt. Pure.

A turn is one line: the name of the speaker, a colon, and the text, whose line breaks are written `\n`. So a text
cannot begin a turn of another speaker. A block is turns, or a summary, between two tags on lines of their own. In it,
no text has a closing tag or a tag that prompts use. So a text cannot end its block.
"""

from __future__ import annotations

import re

_UNUSUAL = r"\r\v\f\x1c-\x1e\x85\u2028\u2029"
BREAKS = re.compile(rf"\r\n|[\n{_UNUSUAL}]")
"""A line break, in any way that Unicode and Python know."""
_UNUSUAL_BREAKS = re.compile(f"[{_UNUSUAL}]")  # a set of characters is found fast

# Control characters, and those that no reader sees but that may carry or disguise text: zero-width spaces, overrides of
# the direction, tag characters, rare variation selectors. Joiners stay, as Persian, Hindi and emoji need them.
_INVISIBLE = re.compile(
    r"[\x00-\x08\x0e-\x1b\x1f\x7f-\x84\x86-\x9f\u00ad\u180e\u200b\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    r"\U000e0000-\U000e0fff]+"
)
_SURROGATE = re.compile(r"[\ud800-\udfff]")
# The beginning of any closing tag, of a special token such as <|end|>, and of an opening tag that prompts use.
# A name with other letters than ASCII may imitate one of these.
_UNSEEN = r"\s\u034f\u200c-\u200f\ufe00-\ufe0f"
_TAG = re.compile(
    rf"[<\uff1c\ufe64](?=[{_UNSEEN}]{{0,40}}(?:[/\\|\uff0f\ufe68\u2044\u2215\uff5c]"
    r"|(?:summary|messages?|recalled|system|sys|user|human|assistant|ai|tool|function|conversation|context|memory|"
    r"instructions?|prompt|transcript|start_of_turn|end_of_turn)(?![^\W_])"
    r"|[^\s<>&\uff1c\uff1e]{0,40}?[^\x00-\x7f]))",
    re.IGNORECASE,
)
_MANY_BREAKS = re.compile(r"(?:[ \t]*\n){3,}")
_LABEL_MARKS = re.compile(r"[:\uff1a\ufe55\ua789\s]+")
_MAX_LABEL_CHARS = 64
_SPEAKERS = "human|user|customer|client|ai|assistant|agent|bot|chatbot|model|system|developer|tool|function"
_SPEAKER_LABEL = re.compile(rf"\W{{0,8}}(?:{_SPEAKERS})\b[^:\uff1a.!?]{{0,48}}[:\uff1a]", re.IGNORECASE)


def visible(text: str) -> str:
    """Return a text without control and invisible characters, and with U+FFFD for each lone surrogate.

    Line breaks, tabs, and the joiners of scripts and emoji stay.
    """
    return text if text.isascii() and text.isprintable() else _INVISIBLE.sub("", _SURROGATE.sub("\ufffd", text))


def escaped(text: str) -> str:
    """Return the visible text, with `&lt;` at the beginning of all that looks like a closing tag or a tag of a prompt.

    To escape a text twice changes nothing more.
    """
    text = visible(text)
    if _UNUSUAL_BREAKS.search(text):
        text = BREAKS.sub("\n", text)
    return text if "<" not in text and text.isascii() else _TAG.sub("&lt;", text)


def one_line(text: str) -> str:
    r"""Return the escaped text on one line, with `\n` for each line break."""
    line = escaped(text)
    if "\\n" in line:
        line = line.replace("\\n", "\\\\n")  # said literally, as in a path of Windows
    return _MANY_BREAKS.sub("\n\n", line).replace("\n", "\\n") if "\n" in line else line


def turn(speaker: str, text: str) -> str:
    """Return what a speaker said as one line that begins with the speaker.

    Args:
        speaker: Name of the speaker. Colons and line breaks in it become spaces, and a very long one is shortened.
        text: What was said.
    """
    label = _LABEL_MARKS.sub(" ", escaped(speaker)).strip()
    return f"{label[:_MAX_LABEL_CHARS].rstrip() or 'Someone'}: {one_line(text)}"


def block(tag: str, text: str) -> str:
    """Return a text between an opening and a closing tag, each on a line of its own.

    Args:
        tag: Name of the tag: `summary`, `messages` or `recalled`.
        text: Turns, or any other text. It is escaped.
    """
    return f"<{tag}>\n{escaped(text)}\n</{tag}>"


def has_speaker_label(text: str) -> bool:
    """Return whether a text begins like a turn: with a speaker's role, and a colon soon after it."""
    return _SPEAKER_LABEL.match(text) is not None
