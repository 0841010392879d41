"""The words that a text is found by: lower case, without stop words, each reduced to its stem.

Done here and not by the search module, whose stems make its scores wrong where a filter is set: see `schema.py`.
"""

from __future__ import annotations

import re
import threading
import unicodedata
from functools import cache

LANGUAGES = frozenset(
    "arabic basque catalan danish dutch english finnish french german greek hungarian indonesian italian nepali"
    " norwegian portuguese romanian russian spanish swedish tamil turkish none".split()
)
"""Languages that have a stemmer and stop words; `none` for neither."""

_MOST_STEMS = 100_000
# What is longer than 64 characters is none; it is cut in pieces, in a query as in a message.
_PLAIN = re.compile(r"[^\W_]{1,64}")


def words(text: str) -> list[str]:
    """List the words of a text, in order, in lower case and with composed characters."""
    if text.isascii():
        return _PLAIN.findall(text.lower())
    return _with_marks().findall(_normal(text))


def _normal(text: str) -> str:
    return unicodedata.normalize("NFC", text.casefold())


@cache
def _with_marks() -> re.Pattern[str]:
    """What a word is where marks are part of it, as the vowels of Nepali and Tamil are."""
    marks = "".join(each for each in map(chr, range(0x300, 0x10000)) if unicodedata.category(each) in ("Mn", "Mc"))
    return re.compile(rf"[^\W_](?:[^\W_]|[{marks}]){{0,63}}")


def terms(text: str, language: str) -> list[str]:
    """List what the words of a text are indexed as, in their order."""
    found = words(text)
    return found if language == "none" else list(filter(None, map(_known(language).__getitem__, found)))


class _Stems(dict[str, str]):
    """The stem of each word that was met, empty for a stop word: looking one up takes a tenth of finding it."""

    def __init__(self, language: str) -> None:
        import Stemmer
        from redisvl.utils.stopwords import get_stopwords

        super().__init__(dict.fromkeys((_normal(word.strip()) for word in get_stopwords(language)), ""))
        self._few = dict(self)
        self._stemmer = Stemmer.Stemmer(language)
        self._lock = threading.Lock()  # a stemmer is not for two threads at once

    def __missing__(self, word: str) -> str:
        if word in self._few:  # another thread may be starting over
            return ""
        with self._lock:
            stem: str = self._stemmer.stemWord(word)
        if len(self) > _MOST_STEMS:
            self.clear()
            self.update(self._few)
        self[word] = stem
        return stem


_known = cache(_Stems)
