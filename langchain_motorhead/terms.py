"""The words that a text is found by: lower case, without stop words, each reduced to its stem.

Done here and not by the search module, whose stems make its scores wrong where a filter is set: see `schema.py`.
"""

from __future__ import annotations

import re
import threading
from functools import cache, lru_cache
from typing import Any

LANGUAGES = frozenset(
    "arabic basque catalan danish dutch english finnish french german greek hungarian indonesian italian nepali"
    " norwegian portuguese romanian russian spanish swedish tamil turkish none".split()
)
"""Languages that have a stemmer and stop words; `none` for neither."""

_WORD = re.compile(r"\w+")
_LONGEST = 64  # characters of a word that tell it from others


def words(text: str) -> list[str]:
    """List the words of a text, in order and lower case."""
    return [word[:_LONGEST] for word in _WORD.findall(text.casefold())]


def terms(text: str, language: str) -> list[str]:
    """List what the words of a text are indexed as, in their order."""
    stop = _stop_words(language)
    return [_stem(word, language) for word in words(text) if word not in stop]


_stemming = threading.Lock()


@lru_cache(maxsize=50_000)
def _stem(word: str, language: str) -> str:
    if language == "none":
        return word
    with _stemming:  # a stemmer is not for two threads at once
        return str(_stemmer(language).stemWord(word))


@cache
def _stemmer(language: str) -> Any:
    import snowballstemmer

    return snowballstemmer.stemmer(language)


@cache
def _stop_words(language: str) -> frozenset[str]:
    if language == "none":
        return frozenset()
    from redisvl.utils.stopwords import get_stopwords

    return frozenset(get_stopwords(language))
