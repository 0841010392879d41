"""The terms of a sentence, by which the extractive summarizer weighs it: names, numbers, words. Pure."""

from __future__ import annotations

import re

_STEM_CHARS = 6  # leading letters that identify a word: a stemmer for any language
_TERM = re.compile(
    r"(?P<key>[^\W\d][\w.-]*+(?==|: ))|(?P<number>\d+(?:,\d{3})*)"
    r"|(?P<pair>[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff]+)"
    r"|(?P<word>[^\W\d_]+(?:['\u2019][^\W\d_]+)*)"
)
_PLAIN_TERM = re.compile(r"(\d+(?:,\d{3})*)|([A-Za-z]+(?:'[A-Za-z]+)*)")
_STOP = frozenset(  # courtesies and function words of English
    "about actually all also am an and any anything are as assist at awesome be been but by bye can cool correct "
    "could day did do does don't else enjoy fine for from give glad good goodbye great had has have hello help "
    "helpful here hey hi how i'd i'll i'm i've if in interested is it it's just know let like lot me more much my "
    "need nice no not now of ok okay on one or our perfect please right see should show so some sorry sounds sure "
    "tell thank thanks that that's the them then there there's these they thing this to too up us very want was we "
    "welcome well were what what's when where which who will with wonderful work works would yeah yes you you'd "
    "you're you've your".split()
)


def terms(text: str) -> list[tuple[str, str]]:
    """List the distinct terms of a sentence with their kinds: `name`, `number`, `word`, `key`, or `pair` of letters."""
    if text.isascii() and "=" not in text and ": " not in text:
        return _plain_terms(text)
    found: dict[tuple[str, str], None] = {}
    for match in _TERM.finditer(text):
        kind, word = match.lastgroup or "", match[0].casefold().replace("\u2019", "'")
        if kind == "number":
            found[word.replace(",", "").lstrip("0") or "0", kind] = None
        elif kind == "pair":
            found.update(((word[start : start + 2], kind), None) for start in range(max(len(word) - 1, 1)))
        elif kind == "key":
            found[word[:_STEM_CHARS], kind] = None
        elif word not in _STOP and len(word) > 1:
            named = match.start() and match[0][0].isupper()  # a capital letter at the start of a sentence marks no name
            found[word[:_STEM_CHARS], "name" if named else kind] = None
    return list(found)


def _plain_terms(text: str) -> list[tuple[str, str]]:
    """List the same for a text of ASCII without keys, in half the time."""
    found: dict[tuple[str, str], None] = {}
    matches = _PLAIN_TERM.findall(text)
    at_start = text[:1].isalnum()  # the first term begins the sentence
    for number, word in (*matches[:1], *dict.fromkeys(matches[1:])):
        if number:
            found[number.replace(",", "").lstrip("0") or "0", "number"] = None
        elif (lower := word.lower()) not in _STOP and len(word) > 1:
            found[lower[:_STEM_CHARS], "name" if not at_start and word[0].isupper() else "word"] = None
        at_start = False
    return list(found)
