"""Texts taken apart for comparing them, in any script: content terms, n-grams, sentences. Pure.

Scripts with upper and lower case put spaces between words. There a word counts by its first five letters, which is a
stem good enough for no language in particular. All other scripts are compared by n-grams of characters.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence

_STEM = 5  # leading letters
_SHORTEST = 3  # letters of a content word
# Han, kana and Hangul: one character says about as much as a syllable or a word.
WIDE = "\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff"
# Thai, Lao, Myanmar and Khmer: alphabets without spaces between words.
_UNSPACED = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff"
_TERM = re.compile(rf"([{WIDE}]+)|([{_UNSPACED}]+)|([^\W\d_{WIDE}{_UNSPACED}]+)")
_ASCII_WORD = re.compile(rf"[a-z]{{{_SHORTEST},}}")
_ASCII_LETTERS = re.compile(r"[a-z]+")
_RUN = re.compile(r"\w+")
_LETTERS = re.compile(r"[^\W\d_]+")
_UNIT = re.compile(rf"[{WIDE}{_UNSPACED}]|[^\W_{WIDE}{_UNSPACED}]+")
_SINGLE = re.compile(rf"[{WIDE}{_UNSPACED}]")
_WIDE = re.compile(rf"[{WIDE}]")
_SENTENCE = re.compile(r"[.!?…؟।]+[\"'”’»)\]]*(?=\s|$)|[。！？]+[”’」』）]*|\n+")
_SENTENCE_FLOOR = 3  # words or characters: shorter ones, such as a list's "Yes.", may stand twice

_FUNCTION_WORDS = frozenset(
    # English, German, French, Spanish, Portuguese, Italian, Dutch, Russian: words that any text of the language has.
    "a about after also an and any are as at be been but by can did do does for from had has have he her his how i if "
    "in into is it its me my not of on or our out she so some than that the their them then there they this to up was "
    "we were what when where which who will with would you your "
    "aber als am auch auf aus bei bis das dass dem den der des die doch ein eine einem einen einer er es fur hat ich "
    "ihm ihn ihr im ist mich mit nach nicht noch oder sich sie sind soll um und uns vom von vor war wie wir wird zu "
    "zum "
    "zur "
    "au aux avec ce cette dans de du elle en est et eux il ils je la le les leur lui mais ne nous ont ou par pas plus "
    "pour que qui sa se ses son sur un une vous "
    "al como con del el ella ellos era esta este ha hay lo los las mas muy no para pero por porque quiere ser si sin "
    "su "
    "sus tambien tiene una uno y "
    "ao aos as com da das dele do dos e ela ele em essa esse eu foi isso mais mas na nas nao nos o os para pela pelo "
    "por quer seu seus sua tem um uma voce "
    "alla alle anche che chi ci come cui dal dalla degli dei della delle di gli hanno i ma nel nella non per piu "
    "quando "
    "questo sono suo sua tra un "
    "aan dat de deze die een en er haar heeft het hij hun ik in is je maar met naar niet nog of om ook op te van voor "
    "wil wordt zal zich zij zijn "
    "без бы был была было быть в во все для до его ее если есть за и из или их к как когда на не но о об он она они от "
    "по при с со так также то у что это я".split()
)
# What a summary calls the two sides, and what it says of any conversation.
_REPORTING = frozenset(
    "user users human assistant agent customer speaker conversation summary said "
    "says asked asks wants wanted told".split()
)
_PREFIX_FREE = _FUNCTION_WORDS | _REPORTING

# Words that one language has and the others here have not.
_MARKERS = {
    language: frozenset(words.split())
    for language, words in {
        "en": "the and was with they their that have has this would from will what when she he his her you is of to "
        "for",
        "de": "der das und ist nicht ein eine mit auf fur wird sich den dem ich sie auch von zu hat am im nach wir",
        "fr": "le les des est une dans pour pas avec sur il elle qui je vous du et a ce sont au aux nous",
        "es": "el los las una por con para esta y su se lo es pero como quiere del no al hay muy mas",
        "pt": "os uma com para nao em o ao seu sua do da no na e um voce ele ela dos das foi mais",
        "it": "il gli che di una per con non sono della nel e alla si ha lo del le anche questo dei",
        "nl": "het een van en niet met voor zijn op wordt dat hij ik aan ook naar heeft bij je om",
    }.items()
}


# Of a letter beside a Latin one, since names keep their Latin letters in texts of other scripts.
_OTHER_SCRIPT_WEIGHT = 3


class _Plain(dict[int, int | None]):
    """For `str.translate`: drops combining marks, makes digits plain. Remembers each character that it met."""

    def __missing__(self, code: int) -> int | None:
        digit, is_mark = unicodedata.decimal(chr(code), None), unicodedata.category(chr(code))[0] == "M"
        plain = None if is_mark else code if digit is None else ord("0") + digit
        self[code] = plain
        return plain


_PLAIN = _Plain()


def folded(text: str) -> str:
    """Return the text in lower case, without accents and vowel signs, in plain digits: a word is spelled one way."""
    if text.isascii():
        return text.lower()
    apart = unicodedata.normalize("NFKD", text.casefold())
    return unicodedata.normalize("NFC", apart.translate(_PLAIN))


def size(text: str) -> int:
    """Return the length in characters of an alphabet: a Chinese, Japanese or Korean one counts as three."""
    return len(text) if text.isascii() else len(text) + 2 * len(_WIDE.findall(text))


def content_terms(plain: str) -> list[str]:
    """List what a text is about, in order: stems of content words, or n-grams where words cannot be told apart.

    Args:
        plain: Text as `folded` returns it.
    """
    if plain.isascii():
        return [word[:_STEM] for word in _ASCII_WORD.findall(plain) if word not in _PREFIX_FREE]
    found: list[str] = []
    for wide, unspaced, word in _TERM.findall(plain):
        if word:
            found += _terms_of_word(word)
        else:
            found += _ngrams(wide, 2) if wide else _ngrams(unspaced, 3)
    return found


def words_of(plain: str) -> frozenset[str]:
    """Return the distinct words of a text: runs of letters.

    Args:
        plain: Text as `folded` returns it.
    """
    if plain.isascii():
        return frozenset(_ASCII_LETTERS.findall(plain))
    runs = set(_RUN.findall(plain))
    words = {run for run in runs if run.isalpha()}
    return frozenset(words.union(*map(_LETTERS.findall, runs - words)))


def distinct_terms(plain: str, words: frozenset[str]) -> frozenset[str]:
    """Return what `content_terms` lists, once each. A word that stands in the text many times is looked at once.

    Args:
        plain: Text as `folded` returns it.
        words: Its words, as `words_of` returns them.
    """
    if not plain.isascii() and _SINGLE.search(plain):
        return frozenset(content_terms(plain))
    return frozenset(term for word in words for term in _terms_of_word(word))


def language(plain: str) -> str:
    """Return a name for the language of a text, or for its script; empty if nothing tells.

    Enough to see that two texts are not of one language, and no more.

    Args:
        plain: Text as `folded` returns it.
    """
    letters = plain[:8000:3] if len(plain) > 2000 else plain
    script = _script(letters)
    if script != "LATIN":
        return script
    words = Counter(_ASCII_LETTERS.findall(letters if letters is plain else plain[:4000]))
    scores = {name: sum(words[word] for word in markers & words.keys()) for name, markers in _MARKERS.items()}
    best = max(scores, key=lambda each: scores[each])
    others = max(score for name, score in scores.items() if name != best)
    return best if scores[best] >= 3 and scores[best] > 1.3 * others else ""


def count_words(text: str) -> int:
    """Count the words of a text, or its characters where words have no spaces."""
    return len(_UNIT.findall(text))


def distinct_ngrams(plain: str) -> float:
    """Return the share of distinct 3-grams of words; of longer n-grams of characters where words have no spaces."""
    units = _UNIT.findall(plain)
    singles = sum(_SINGLE.match(unit) is not None for unit in units)
    length = 6 if singles * 2 > len(units) else 3
    return _distinct(["\0".join(units[at : at + length]) for at in range(len(units) - length + 1)])


def distinct_sentences(plain: str) -> float:
    """Return the share of distinct sentences, those of a word or two aside."""
    found = (" ".join(_UNIT.findall(each)) for each in _SENTENCE.split(plain))
    return _distinct([each for each in found if each.count(" ") + 1 >= _SENTENCE_FLOOR])


def compact(text: str) -> bytes:
    """Encode a text with one byte a character where it can be, so that any alphabet compresses alike."""
    alphabet = sorted(set(text))
    if len(alphabet) > 256:
        return text.encode("utf-16-le", "replace")
    codes = {letter: number for number, letter in enumerate(alphabet)}
    return bytes(codes[letter] for letter in text)


def windows(text: str, length: int) -> Iterator[str]:
    """Yield pieces of a text of `length` characters; the last one may be up to half as long again."""
    start = 0
    while len(text) - start > length * 3 // 2:
        yield text[start : start + length]
        start += length
    yield text[start:]


def _terms_of_word(word: str) -> list[str]:
    if word[0].upper() == word[0]:
        return _ngrams(word, 3)  # a script without case: Arabic, Hebrew, Hindi and others
    return [word[:_STEM]] if len(word) >= _SHORTEST and word not in _PREFIX_FREE else []


def _script(letters: str) -> str:
    """Return the script that most letters are of; empty if there is no letter."""
    scripts: dict[str, int] = {}
    for letter, times in Counter(letters).items():
        if letter.isalpha():
            script = "LATIN" if letter.isascii() else unicodedata.name(letter, "?").split(" ")[0].partition("-")[0]
            script = "CJK" if script in ("HIRAGANA", "KATAKANA") else script
            scripts[script] = scripts.get(script, 0) + times * (1 if script == "LATIN" else _OTHER_SCRIPT_WEIGHT)
    return max(scripts, key=lambda each: scripts[each], default="")


def _ngrams(run: str, length: int) -> list[str]:
    return [run[at : at + length] for at in range(max(len(run) - length + 1, 1))]


def _distinct(items: Sequence[str]) -> float:
    return len(set(items)) / len(items) if items else 1.0
