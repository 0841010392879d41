"""The words that a text is found by: lower case, without stop words, each reduced to its stem.

Done here and not by the search module, whose stems make its scores wrong where a filter is set: see `schema.py`.
"""

from __future__ import annotations

import re
import threading
from functools import cache
from typing import Any

LANGUAGES = frozenset(
    "arabic basque catalan danish dutch english finnish french german greek hungarian indonesian italian nepali"
    " norwegian portuguese romanian russian spanish swedish tamil turkish none".split()
)
"""Languages that have a stemmer and stop words; `none` for neither."""

# What is longer is none; it is cut in pieces, in a query as in a message.
_WORD = re.compile(r"[^\W_]{1,64}")


def words(text: str) -> list[str]:
    """List the words of a text, in order and lower case."""
    return _WORD.findall(text.casefold())


def terms(text: str, language: str) -> list[str]:
    """List what the words of a text are indexed as, in their order."""
    if language == "none":
        return words(text)
    stop = _stop_words(language)
    kept = [word for word in words(text) if word not in stop]
    with _stemming:  # a stemmer is not for two threads at once
        return list(_stemmer(language).stemWords(kept))


_stemming = threading.Lock()


@cache
def _stemmer(language: str) -> Any:
    import Stemmer

    return Stemmer.Stemmer(language)


@cache
def _stop_words(language: str) -> frozenset[str]:
    from redisvl.utils.stopwords import get_stopwords

    return frozenset(get_stopwords(language))
