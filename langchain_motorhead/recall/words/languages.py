"""Languages of words and texts: by their script, and for Latin letters by the small words of a text.

A word in another script than that of the configured language tells its language, alone and in a text alike, so a query
and a message agree. Latin letters do not: there, only a text with several small words of another language tells.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import cache

# First and last character of a script, and the language whose stemmer most texts in it need.
_SCRIPTS = (
    ("\u0370", "\u03ff", "greek"),
    ("\u0400", "\u052f", "russian"),
    ("\u0530", "\u058f", "armenian"),
    ("\u0600", "\u06ff", "arabic"),
    ("\u0900", "\u097f", "hindi"),
    ("\u0b80", "\u0bff", "tamil"),
)
_SAME_SCRIPT = {"nepali": "hindi"}
# The languages with Latin letters that are detected.
_LATIN = (
    "catalan danish dutch english finnish french german hungarian indonesian italian norwegian portuguese romanian"
    " spanish swedish turkish"
).split()
_LEAST_SMALL_WORDS = 3
"""How many different small words of a language a text has, at least."""
_LEAD = 1.5
"""How many times as many as of the configured language."""
_MAX_WORDS = 400
_STOP_WORDS = {
    "hindi": "का के की में है हैं और को से पर यह वह था थे थी ने हो एक कि भी तो जो मैं मेरे मेरी मेरा आप क्या नहीं लिए हूँ इस उस ही या"
}


def script_language(word: str, configured: str) -> str:
    """Return the language whose stemmer a word needs: that of its script, or else the configured one."""
    first = word[0]
    if first < "\u0370":
        return configured
    for low, high, language in _SCRIPTS:
        if low <= first <= high:
            return configured if _SAME_SCRIPT.get(configured, configured) == language else language
    return configured


def text_language(words: Sequence[str], configured: str) -> str | None:
    """Return the language of a text in Latin letters, if it clearly is another than the configured one.

    Args:
        words: Words of the text, folded.
        configured: The configured language.
    """
    known = _small_words()
    small = {word for word in words[:_MAX_WORDS] if word in known}
    if len(small) < _LEAST_SMALL_WORDS:
        return None
    hits = Counter(language for word in small for language in known[word])
    best, count = max(hits.items(), key=lambda item: (item[1], item[0] == configured, item[0]))
    clear = count >= _LEAST_SMALL_WORDS and count >= _LEAD * hits[configured]
    return best if clear and best != configured else None


def stop_words(language: str) -> frozenset[str]:
    """Return the words of a language that are too common to be searched, as they are written."""
    if language in _STOP_WORDS:
        return frozenset(_STOP_WORDS[language].split())
    from redisvl.utils.stopwords import get_stopwords

    try:
        return frozenset(get_stopwords(language))
    except ValueError:  # it has no list
        return frozenset()


@cache
def _small_words() -> dict[str, tuple[str, ...]]:
    """Return the languages of each small word."""
    found: dict[str, list[str]] = {}
    for language in _LATIN:
        for word in stop_words(language):
            found.setdefault(word.casefold(), []).append(language)
    return {word: tuple(languages) for word, languages in found.items()}
