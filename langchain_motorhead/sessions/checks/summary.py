"""What a summary must pass before it replaces what it summarizes: cheap checks that need no model. Pure.

They tell summaries from what small models answer instead: one sentence again and again, the prompt or the conversation
continued, a story of their own. They do not judge how good a summary is.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Sequence
from dataclasses import replace

from langchain_core.messages import BaseMessage

from langchain_motorhead.messages.text import speaker
from langchain_motorhead.sessions.checks.details import Details, Text, unsaid_numbers
from langchain_motorhead.sessions.checks.endings import Ending, ending_of
from langchain_motorhead.sessions.checks.reasons import Reason
from langchain_motorhead.sessions.checks.refusals import is_refusal
from langchain_motorhead.sessions.checks.source import Source
from langchain_motorhead.sessions.checks.wording import (
    compact,
    count_words,
    distinct_ngrams,
    distinct_sentences,
    size,
    windows,
)

_LARGEST = 0.6  # of the messages
_ALWAYS_SHORT = 240  # characters: a summary of a few short messages may be as long as this
_FEWEST = 3  # words, or characters where words have no spaces, of a summary
_SHORT_SOURCE = 300  # characters of messages of which fewer words may be a summary
_DISTINCT = 0.8
_COMPRESSED = 0.4
_WINDOW = 2_000  # characters: longer texts compress better, however good they are
_SAID = 0.3  # of the content words
_OWN = 1  # content words of its own that a summary may have beyond that
_OWN_OF_FEW = 2.5  # of them, where little was said and in few words
_LITTLE = 800  # characters of messages
_TELLING = 3  # content words of a source from which numbers and words are compared with it
_FEW = 4  # content words: too few to tell
_OWN_WORDS = 2  # content words of an addition of which one at least was said
_SAID_TRANSLATED = 0.5  # of the details, where summary and messages are not of one language
_KEPT = 0.5  # of the details of the previous summary
_KEPT_OF_QUOTES = 0.15  # of them, where it quotes what was said
_TERMS = 8  # content words from which a previous summary is compared by them
_TERMS_KEPT = 0.12  # of them
_SHOWN = 5  # details that a reason names

_PROMPT_LABELS = re.compile(
    r"^[ \t*_#>\[(-]{0,12}(?:new messages|summary so far|(?:previous|old|current) summary|summary|new summary|addition)"
    r"[*_ ]*:|\(none yet\)"
    r"|</?(?:messages|recalled)>"
    r"|\{summary\}|\{messages\}|you keep the memory of a conversation|extend the summary so that it covers"
    r"|answer with the (?:summary|addition) alone|answer NONE\b|keep what a later reply may depend on"
    r"|write what to add to it, so that it covers",
    re.MULTILINE | re.IGNORECASE,
)
_LEADING_LABEL = re.compile(r"[\W_]{0,40}(?:new )?summary[*_ ]*:", re.IGNORECASE)
_SPEAKERS = "human|user|ai|assistant|system|tool|customer|agent|bot|chatbot"
# A question to the reader at the end: of no one who reports.
_ASKS = re.compile(
    r"\b(?:i|me|my|we|you|your|ich|mir|mich|du|dir|dich|je|moi|vous|te|usted|quieres|puedo|você|posso)\b", re.IGNORECASE
)
_SENTENCE_MARKS = ".!?:\n"
_QUOTE_MARK = re.compile("[\"“'‘„«]")
_QUOTED = re.compile(r"^(?:[^\W\d_][\w .()'-]{0,31}: |[\w.-]{1,64}\([\w.-]+=)", re.MULTILINE)


def check_summary(
    text: str,
    messages: Sequence[BaseMessage],
    *,
    previous: str = "",
    finish_reason: str | None = None,
) -> list[str]:
    """Return the reasons why a text must not replace a summary and the messages that followed it.

    It may be in another language than the messages if it has numbers or names of theirs, and few others. If it begins
    with the previous summary, what follows is compared with the messages.

    Args:
        text: The new summary.
        messages: The messages that it covers beyond the previous summary, oldest first.
        previous: The summary so far, if any.
        finish_reason: How the model says that it ended, in the provider's own word.

    Returns:
        Sentences such as `"invented numbers: 14 was never said"`. An empty list if the text may be used.

    Example:
        ```python
        check_summary("Bob flies on 14 May.", [HumanMessage("I am Bob. When do I fly?"), AIMessage("On 12 May.")])
        # ["invented numbers: 14 was never said"]
        ```
    """
    return check_against(text, Source(messages, previous), finish_reason=finish_reason)


def check_against(text: str, source: Source, *, finish_reason: str | None = None) -> list[str]:
    """Return the reasons why a text must not replace what it is made of, as `check_summary` does.

    Args:
        text: The new summary.
        source: The messages that it covers, and the summary before them.
        finish_reason: How the model says that it ended.
    """
    ending, previous = ending_of(finish_reason), source.previous
    ended = {
        Ending.CUT_OFF: [f"{Reason.CUT_OFF}: it ended before its end ({finish_reason})"],
        Ending.REFUSED: [f"{Reason.REFUSED}: the model or a filter refused ({finish_reason})"],
        Ending.COMPLETE: list[str](),
    }[ending]
    whole, extends = Text(text), bool(previous.strip()) and text.startswith(previous.rstrip())
    if extends:
        text = text.removeprefix(previous.rstrip()).strip()
        if not text:
            return ended
    if ending is Ending.COMPLETE and is_refusal(text):
        return [f"{Reason.REFUSED}: it declines instead of summarizing"]
    label = _LEADING_LABEL.match(text)
    words = count_words(text[label.end() :] if label else text)
    if not words or (words < _FEWEST and len(source.said) > _SHORT_SOURCE and not extends):
        return [*ended, f"{Reason.EMPTY}: it says {'next to ' if words else ''}nothing"]
    new = Text(text) if extends else whole
    tells = len(source.terms) >= _TELLING
    checks = (
        _length(text, source.said, "" if extends else previous),
        _repetition(new) or (_repeated(whole, source.before) if extends else ""),
        _labels(text, source),
        _speakers(text, source.messages, previous),
        _numbers(new, source) if tells else "",
        _words(new, source, extends=extends) if tells else "",
        "" if extends else _forgotten(new, source.before, source),
    )
    return ended + [reason for reason in checks if reason]


def _length(text: str, said: str, previous: str) -> str:
    most = size(previous) + max(_LARGEST * size(said), _ALWAYS_SHORT)
    if size(text) <= most:
        return ""
    return f"{Reason.TOO_LONG}: it has {len(text):,} characters for {len(previous) + len(said):,} that it replaces"


def _repetition(text: Text) -> str:
    if distinct_sentences(text.plain) < _DISTINCT:
        return f"{Reason.REPEATS}: whole sentences stand in it more than once"
    if distinct_ngrams(text.plain) < _DISTINCT:
        return f"{Reason.REPEATS}: the same words stand in it again and again"
    for piece in windows(text.plain, _WINDOW):
        raw = compact(piece)
        if len(zlib.compress(raw, 6)) < _COMPRESSED * len(raw):
            return f"{Reason.REPEATS}: it is the same over and over"
    return ""


def _repeated(whole: Text, kept: Text) -> str:
    """Return why an extended summary repeats itself, unless the part that it keeps does so at least as much."""
    reason = _repetition(whole)
    if not reason or not _repetition(kept):
        return reason
    measures = (distinct_sentences, distinct_ngrams)
    return "" if all(measure(whole.plain) >= measure(kept.plain) for measure in measures) else reason


def _labels(text: str, source: Text) -> str:
    leading = _LEADING_LABEL.match(text)
    found = _PROMPT_LABELS.search(text, leading.end() if leading else 0)
    if found is None or found[0].casefold() in source.text.casefold():
        return ""
    return f"{Reason.PROMPT}: it has {' '.join(found[0].split())!r}, which is of the instruction"


def _speakers(text: str, messages: Sequence[BaseMessage], previous: str) -> str:
    names = {*_SPEAKERS.split("|"), *(speaker(message).casefold() for message in messages)}
    names |= {message.name.casefold() for message in messages if message.name}
    labels = re.compile(
        rf"^[\W_]*(?:{'|'.join(re.escape(name) for name in sorted(names))})(?: \([^)\n]*\))?[*_ ]*[:：]"
    )
    known = set(previous.splitlines())
    lines = [line for line in text.splitlines() if line not in known and labels.match(line.casefold())]
    if len(lines) > 1:
        return f"{Reason.CONTINUES}: {len(lines)} lines begin with a speaker"
    return f"{Reason.CONTINUES}: it ends by asking something" if _asks(text.rstrip(" \n*\"”'")) else ""


def _asks(text: str) -> bool:
    """Whether the last sentence is a question to the reader, and not within quotation marks."""
    if not text.endswith("?"):
        return False
    at = max(text.rfind(mark, 0, -1) for mark in _SENTENCE_MARKS)
    sentence = text[at + 1 :]
    if at >= 0 and text[at] != "\n" and (text[at] == ":" or not sentence[0].isspace()):
        return False
    quoted = _QUOTE_MARK.search(sentence)
    # The word may be followed by a quotation mark, and begins before the first one.
    return (asks := _ASKS.search(sentence)) is not None and (quoted is None or asks.start() <= quoted.start())


def _numbers(text: Text, source: Text) -> str:
    unsaid = unsaid_numbers(text, source)
    if not unsaid:
        return ""
    return f"{Reason.INVENTED}: {_listed(unsaid)} {'was' if len(unsaid) == 1 else 'were'} never said"


def _words(text: Text, source: Text, *, extends: bool) -> str:
    terms = text.terms
    if not terms:
        return ""
    said = sum(map(source.says_term, terms)) / len(terms)
    missed = len(terms) * (_SAID - said)
    own = _OWN_OF_FEW if size(source.text) <= _LITTLE else _OWN
    # What is added to a summary has something to be about, however few its words are.
    few = len(terms) < _OWN_WORDS if extends else len(terms) <= _FEW
    if (missed <= own and (said or few)) or _translated(text, source):
        return ""
    return f"{Reason.UNRELATED}: {said:.0%} of its words are of the conversation"


def _translated(text: Text, source: Text) -> bool:
    """Whether a text of another language than its source has details of it."""
    if not text.language or not source.language or text.language == source.language:
        return False
    details = text.details
    # German nouns have capitals too, and are said in other words.
    least = 0 if text.language == "de" else _SAID_TRANSLATED * details.count
    return details.within(source).count >= max(1, least)


def _forgotten(text: Text, previous: Text, source: Text) -> str:
    details = replace(previous.details, names=previous.names_known(source))
    kept = details.within(text)
    quotes = _QUOTED.search(previous.text) is not None
    # German nouns have capitals too, and are said in other words.
    least = _KEPT_OF_QUOTES if quotes or previous.language == "de" else _KEPT
    if kept.count < least * details.count:
        missing = _shown(details.without(kept))
        counts = f"{kept.count} of {details.count} numbers, dates and names"
        return f"{Reason.FORGETS}: it keeps {counts}; missing: {missing}"
    if len(previous.terms) < _TERMS or text.language != previous.language:
        return ""
    share = len(previous.terms & text.terms) / len(previous.terms)
    return "" if share >= _TERMS_KEPT else f"{Reason.FORGETS}: it says {share:.0%} of what the previous summary did"


def _shown(details: Details) -> str:
    return _listed([*sorted(details.names), *sorted(details.numbers), *sorted(details.dates)])


def _listed(found: Sequence[str]) -> str:
    return ", ".join(found[:_SHOWN]) + (f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else "")
