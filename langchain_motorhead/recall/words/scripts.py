"""Words of all scripts: folds a text to one form, and finds its words, also where no spaces are between them. Pure.

Chinese, Japanese, Thai, Lao, Khmer and Burmese are written without spaces between words. There, each two neighbouring
characters are a word (a bigram), as in most search engines. A Chinese character is also a word alone. In Korean, words
have particles at their end without a space, so that its words are bigrams too.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from functools import cache

HAN = "\u3005\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U000323af"
_KANA = "\u3041-\u3096\u309d-\u309f\u30a1-\u30fa\u30fc-\u30ff\u31f0-\u31ff"
_HANGUL = "\u1100-\u11ff\ua960-\ua97c\uac00-\ud7fb"
# Letters and signs, without digits and punctuation: Thai, Lao, Burmese, Khmer.
_OTHERS = (
    "\u0e01-\u0e2e\u0e30-\u0e3a\u0e40-\u0e4e",
    "\u0e81-\u0ebd\u0ec0-\u0ece\u0edc-\u0edf",
    "\u1000-\u103f\u1050-\u109d\uaa60-\uaa7f",
    "\u1780-\u17b3\u17b6-\u17d3\u17d7\u17dc\u17dd",
)
_MAX_WORD_CHARS = 64  # a longer word is cut, in queries and in messages alike
_ASCII_WORD = re.compile(r"[^\W_]{1,64}")
_HAN_CHARACTER = re.compile(f"[{HAN}]")

# If a word is one syllable with a particle, the syllable is a word too. Longer words share a bigram with the bare one.
_PARTICLES = frozenset(
    "은 는 이 가 을 를 에 의 도 만 와 과 로 랑 야 아 께 으로 에서 에게 한테 까지 부터 처럼 보다 이랑 하고 이나"
    " 마다 조차 마저 밖에 이다 이야 이에요 예요 입니다 에는 에도 으로는 에서는 에게서 한테서".split()
)
# Signs that do not tell words apart: vowels of Arabic and its lengthening sign, joiners, the soft hyphen, directions.
_DROPPED = "\u0640\u064b-\u065f\u0670\u06d6-\u06dc\u00ad\u200c\u200d\u200e\u200f\u2060\ufe0e\ufe0f\ufeff"
_LETTERS = {"\u0622": "\u0627", "\u0623": "\u0627", "\u0625": "\u0627", "\u0671": "\u0627"}  # alef
_LETTERS |= {"\u0649": "\u064a", "\u06cc": "\u064a", "\u06a9": "\u0643", "\u0629": "\u0647", "\u06c1": "\u0647"}
_LAST_DIGIT = 0x1FC00


def words(text: str) -> list[str]:
    """Return the words of a text, in order, in one form: lower case, usual width, composed, decimal digits.

    A part of a text that is written without spaces gives its bigrams, and then its Chinese characters. One that has a
    single character gives that character.
    """
    if text.isascii():
        return _ASCII_WORD.findall(text.lower())
    found: list[str] = []
    for match in _pattern().finditer(fold(text)):
        kind = match.lastgroup
        if kind == "word":
            found.append(match[0])
        else:
            found += _korean(match[0]) if kind == "hangul" else _bigrams(match[0])
    return found


def fold(text: str) -> str:
    """Return a text with each character in its usual form, so that equal words are equal strings."""
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    return folded.translate(_table()) if not folded.isascii() else folded


def _bigrams(run: str) -> Iterator[str]:
    if len(run) == 1:
        yield run
        return
    for at in range(len(run) - 1):
        yield run[at : at + 2]
    yield from _HAN_CHARACTER.findall(run)


def _korean(run: str) -> Iterator[str]:
    if len(run) == 1:
        yield run
        return
    for at in range(len(run) - 1):
        yield run[at : at + 2]
    if run[1:] in _PARTICLES:
        yield run[0]


@cache
def _pattern() -> re.Pattern[str]:
    """Return the pattern of a word, in which marks belong to words, as vowels do in Hindi and Tamil."""
    spaced = "".join(_OTHERS) + HAN + _KANA + _HANGUL
    marks = "".join(each for each in map(chr, range(0x300, 0x10000)) if unicodedata.category(each) in ("Mn", "Mc"))
    runs = "|".join([f"[{HAN}{_KANA}]+", *(f"[{script}]+" for script in _OTHERS)])
    letter = rf"(?![{spaced}])[^\W_]"
    mark = rf"(?![{spaced}])[{marks}]"
    return re.compile(
        rf"(?P<run>{runs})|(?P<hangul>[{_HANGUL}]+)|(?P<word>{letter}(?:{letter}|{mark}){{0,{_MAX_WORD_CHARS - 1}}})"
    )


@cache
def _table() -> dict[int, str | None]:
    """Return what single characters are replaced by: digits of all scripts by ASCII digits, and variants of letters."""
    table: dict[int, str | None] = {}
    for code in range(0x80, _LAST_DIGIT):
        digit = unicodedata.decimal(chr(code), None)
        if digit is not None:
            table[code] = str(digit)
    table |= {ord(letter): plain for letter, plain in _LETTERS.items()}
    table |= {ord(each): None for each in re.findall(f"[{_DROPPED}]", "".join(map(chr, range(0x80, 0xFFFF))))}
    return table
