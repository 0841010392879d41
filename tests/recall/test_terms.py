"""The words that a text is found by."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from langchain_motorhead.recall.words.scripts import words
from langchain_motorhead.recall.words.terms import LANGUAGES, terms


def test_words_are_lower_case_and_in_order() -> None:
    """Words are what stands between punctuation, in their order, repeated where they are repeated."""
    assert words("Where's the CAT_1? The cat, 42 times!") == [
        "where",
        "s",
        "the",
        "cat",
        "1",
        "the",
        "cat",
        "42",
        "times",
    ]


@pytest.mark.parametrize("text", ["", " \n\t", "?!… — ,;", "😀🎉", "\ud800"])
def test_texts_without_words(text: str) -> None:
    """A text without a word has none, and no terms."""
    assert words(text) == []
    assert terms(text, "english") == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("STRASSE Straße", ["strasse", "strasse"]),
        ("ΟΔΟΣ οδός", ["οδοσ", "οδόσ"]),
        ("ＦＵＬＬ", ["full"]),
        ("Привет, МИР", ["привет", "мир"]),
        ("東京 2024", ["東京", "東", "京", "2024"]),
        ("caffè☕naïve", ["caffè", "naïve"]),
    ],
)
def test_words_of_other_scripts(text: str, expected: list[str]) -> None:
    """Words are found in any script, and in whatever case they are written, it is the same word."""
    assert words(text) == expected


def test_very_long_words_are_cut() -> None:
    """A word as long as a text is cut into pieces of which none is lost, and what is no longer than one is not cut."""
    assert words(f"{'y' * 64} z") == ["y" * 64, "z"]
    cut = words("xyz" * 50_000)
    assert "".join(cut) == "xyz" * 50_000
    assert max(map(len, cut)) == 64
    assert terms("q" * 1_000, "english") != terms("w" * 1_000, "english")


@pytest.mark.parametrize(
    ("language", "one", "other"),
    [
        ("english", "The cats were running", "a cat runs"),
        ("german", "Die Häuser", "des Hauses"),
        ("french", "les continuations", "la continuation"),
        ("spanish", "los gatos", "el gato"),
        ("russian", "книги", "книга"),
        ("turkish", "kitaplar", "kitap"),
    ],
)
def test_forms_of_a_word_are_one_term(language: str, one: str, other: str) -> None:
    """In its language, the forms of a word are found by each other, and stop words are not indexed."""
    assert terms(one, language) == terms(other, language) != []


@pytest.mark.parametrize("language", sorted(LANGUAGES))
def test_every_language_works(language: str) -> None:
    """Each language that is offered has its stemmer and stop words, and a text of another loses nothing by it."""
    text = "Xylophon 東 kvartz 42 zzyzx"
    assert len(terms(text, language)) == 5
    assert terms(text, language)[3] == "42"


def test_no_language_leaves_words_as_they_are() -> None:
    """Without a language, there are neither stems nor stop words."""
    assert terms("The cats are running", "none") == ["the", "cats", "are", "running"]


def test_stop_words_only() -> None:
    """Of a text that has nothing but stop words, nothing is left."""
    assert terms("To be, or not to be?", "english") == []
    assert terms("To be, or not to be?", "german") != []


def test_terms_keep_their_order() -> None:
    """Terms come in the order of their words, each as often as it is said."""
    assert terms("dogs chase cats, and cats chase dogs", "english") == ["dog", "chase", "cat", "cat", "chase", "dog"]


def test_stemming_in_threads_at_once() -> None:
    """Threads that stem at once get what one thread gets."""
    languages = ["english", "german", "finnish", "russian"]
    texts = [" ".join(f"walking{at}s{chr(97 + at % 26)}ings Häuser{at}en книгами" for at in range(n)) for n in (50, 90)]
    jobs = [(text, language) for text in texts for language in languages] * 4
    random.Random(0).shuffle(jobs)
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda job: terms(*job), jobs))
    assert together == [terms(*job) for job in jobs]


@given(st.text(), st.sampled_from(sorted(LANGUAGES)))
def test_any_text_has_terms_that_can_be_indexed(text: str, language: str) -> None:
    """Whatever the text, its terms are words without anything that separates words, and it gives the same twice."""
    found = terms(text, language)
    assert found == terms(text, language)
    assert not any(character.isspace() for term in found for character in term)
    assert all(len(word) <= 64 for word in words(text))
