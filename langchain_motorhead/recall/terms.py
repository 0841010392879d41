"""Terms for the search by words: the words of a text in lower case, stemmed, without stop words.

This is not done by the search module, because its stemming makes scores wrong if a filter is set: see `schema.py`.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache

from langchain_motorhead.forks import ForkSafeLock

LANGUAGES = frozenset(
    "arabic basque catalan danish dutch english finnish french german greek hungarian indonesian italian nepali"
    " norwegian portuguese romanian russian spanish swedish tamil turkish none".split()
)
"""Languages with a stemmer and stop words. With `none`, words are used unchanged."""

_MAX_CACHED_STEMS = 100_000
# A longer word is cut into pieces, in queries and in messages alike.
_WORD = re.compile(r"[^\W_]{1,64}")


def words(text: str) -> list[str]:
    """Return the words of a text, in order, in lower case and with composed characters."""
    if text.isascii():
        return _WORD.findall(text.lower())
    return _with_marks().findall(_normal(text))


def _normal(text: str) -> str:
    return unicodedata.normalize("NFC", text.casefold())


@cache
def _with_marks() -> re.Pattern[str]:
    """Return the pattern of a word in scripts where marks belong to words, as vowels do in Nepali and Tamil."""
    marks = "".join(each for each in map(chr, range(0x300, 0x10000)) if unicodedata.category(each) in ("Mn", "Mc"))
    return re.compile(rf"[^\W_](?:[^\W_]|[{marks}]){{0,63}}")


def terms(text: str, language: str) -> list[str]:
    """Return the terms of a text, in the order of its words."""
    found = words(text)
    return found if language == "none" else list(filter(None, map(_known(language).__getitem__, found)))


class _Stems(dict[str, str]):
    """A cache of the stem of each word, empty for a stop word. A lookup takes a tenth of the time of stemming."""

    def __init__(self, language: str) -> None:
        import Stemmer
        from redisvl.utils.stopwords import get_stopwords

        super().__init__(dict.fromkeys((_normal(word.strip()) for word in get_stopwords(language)), ""))
        self._stop_words = dict(self)
        self._stemmer = Stemmer.Stemmer(language)
        self._lock = ForkSafeLock()  # a stemmer is not thread-safe

    def __missing__(self, word: str) -> str:
        if word in self._stop_words:  # another thread may be clearing the cache
            return ""
        with self._lock:
            stem: str = self._stemmer.stemWord(word)
        if len(self) > _MAX_CACHED_STEMS:
            self.clear()
            self.update(self._stop_words)
        self[word] = stem
        return stem


_known = cache(_Stems)
