"""Terms for the search by words: the words of a text, stemmed, without stop words.

The search module does not do this, because its stemming makes scores wrong if a filter is set: see
`recall/indexing/schema.py`.
"""

from __future__ import annotations

from functools import cache

from langchain_motorhead.concurrency.forks import ForkSafeLock
from langchain_motorhead.recall.words.languages import script_language, stop_words, text_language
from langchain_motorhead.recall.words.scripts import fold, words

LANGUAGES = frozenset(
    "arabic basque catalan danish dutch english finnish french german greek hungarian indonesian italian nepali"
    " norwegian portuguese romanian russian spanish swedish tamil turkish none".split()
)
"""Languages with a stemmer and stop words. With `none`, words are used unchanged."""

_MAX_CACHED_STEMS = 100_000
TERMS_VERSION = 3
"""Number of the rules by which terms are made. Stored with an index, since documents have the terms of their time."""

# The article and the words that are joined to it, if enough is left: of a word, only the rest is searched.
_ARABIC_ARTICLES = (
    "\u0648\u0627\u0644",
    "\u0628\u0627\u0644",
    "\u0643\u0627\u0644",
    "\u0641\u0627\u0644",
    "\u0627\u0644",
    "\u0644\u0644",
)
_LEAST_ARABIC_CHARS = 2


def terms(text: str, language: str) -> list[str]:
    """Return the terms of a text, in the order of its words.

    A word is stemmed by the language of its script. If the text is in another language with Latin letters than the
    configured one, the stems by its own language follow, so that it is found by both.
    """
    found = words(text)
    if language == "none":
        return [_without_article(word) for word in found]
    if text.isascii():
        stems = list(filter(None, map(_known(language).__getitem__, found)))
    else:
        stems = [stem for word in found if (stem := _known(script_language(word, language))[_bare(word, language)])]
    other = text_language(found, language)
    if other is None:
        return stems
    own = [stem for word in found if word < "\u0370" and (stem := _known(other)[word])]
    known = _known(other)
    return [*(stem for stem in stems if stem not in known or known[stem]), *own] or stems


def _bare(word: str, language: str) -> str:
    return word if language == "arabic" else _without_article(word)  # the stemmer of Arabic knows the article


def _without_article(word: str) -> str:
    for article in _ARABIC_ARTICLES:
        if word.startswith(article) and len(word) >= len(article) + _LEAST_ARABIC_CHARS:
            return word[len(article) :]
    return word


class _Stems(dict[str, str]):
    """A cache of the stem of each word, empty for a stop word. A lookup takes a tenth of the time of stemming."""

    def __init__(self, language: str) -> None:
        import Stemmer

        super().__init__(dict.fromkeys((fold(word.strip()) for word in stop_words(language)), ""))
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
