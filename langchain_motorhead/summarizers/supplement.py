"""A summary that a model wrote, with what only the extract of the same messages keeps. Pure."""

from __future__ import annotations

from collections.abc import Callable

from langchain_motorhead.sessions.checks.details import Details, Text
from langchain_motorhead.summarizers.sentences import Sentence, read_summary, write

_ENOUGH = 0.5  # of the numbers, dates and names of the extract

_SAID = " said"


def supplement(text: str, extract: str, *, budget: int, count: Callable[[str], int]) -> str:
    """Return a summary that keeps about as many numbers, dates and names as an extract does.

    Where the summary has at least half of those of the extract, it is returned unchanged. Otherwise the sentences of
    the extract that have the most of the missing ones, for their length, follow it on lines of their own, in order.

    Args:
        text: A summary that passed `check_summary`.
        extract: What the extractive summarizer made of the same previous summary and messages.
        budget: Tokens that the result may have. A summary that has more already is returned unchanged.
        count: Counts the tokens of a text.
    """
    said = Text(extract).details
    missing = said.without(said.within(Text(text)))
    if missing.count <= _ENOUGH * said.count or not _matters(missing):
        return text
    candidates = list(enumerate(read_summary(extract)))
    has = {at: missing.within(Text(sentence.text)) for at, sentence in candidates}
    chosen: dict[int, Sentence] = {}
    result = text
    while missing.count and candidates:
        gains = {at: missing.among(has[at]).count / (len(sentence.line) + 20) for at, sentence in candidates}
        at, sentence = max(candidates, key=lambda each: gains[each[0]])
        if not gains[at]:
            break
        candidates.remove((at, sentence))
        longer = _joined(text, {**chosen, at: sentence})
        if count(longer) <= budget:
            chosen[at], result = sentence, longer
            missing = missing.without(has[at])
    return result


def _matters(missing: Details) -> bool:
    """Return whether there is more among details than numbers of one digit, which are often no more than a count."""
    return bool(missing.names or missing.dates or any(len(number) > 1 for number in missing.numbers))


def _joined(text: str, chosen: dict[int, Sentence]) -> str:
    return f"{text.rstrip()}\n{write(_reported(chosen[at]) for at in sorted(chosen))}"


def _reported(sentence: Sentence) -> Sentence:
    """Return a sentence that reads as a report, since lines that begin with a speaker continue a conversation."""
    if sentence.by_tool:
        return Sentence("", sentence.text)
    said = sentence.speaker and not sentence.speaker.endswith(_SAID)
    return Sentence(sentence.speaker + _SAID, sentence.text) if said else sentence
