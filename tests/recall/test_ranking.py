"""What was found by meaning and by words becomes one ranking."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from langchain_motorhead.recall.ranking import MEANING, SPEAKER, SPREAD, MessageRef, fuse

WORDS = 1 - MEANING
MOST = 1 + SPEAKER

PLACES = st.tuples(st.sampled_from(["a", "b", "c"]), st.integers(0, 6))
SCORES = st.floats(0, 100, allow_subnormal=False)
SIMILARITIES = st.floats(-100, 100, allow_subnormal=False)
NAMES = st.sampled_from(["Anna", "anna Maria", "Ben", "", " "])
QUERIES = st.lists(st.sampled_from(["anna", "ben", "maria", "where"]), max_size=4)


def test_nothing_found() -> None:
    """Where nothing was found, there is nothing to rank."""
    assert fuse({}, {}, {}, []) == {}
    assert fuse({}, {}, {("s", 1): "Anna"}, ["anna"]) == {}


@pytest.mark.parametrize(
    ("near", "worded", "score"),
    [
        ({("s", 1): 0.2}, {}, MEANING),
        ({("s", 1): -0.2}, {}, MEANING),
        ({}, {("s", 1): 0.01}, WORDS),
        ({("s", 1): 0.2}, {("s", 1): 7.0}, 1.0),
        ({("s", 1): 0.2}, {("s", 1): 0.0}, MEANING),
    ],
)
def test_a_single_hit(near: Mapping[MessageRef, float], worded: Mapping[MessageRef, float], score: float) -> None:
    """A hit alone is the best of its side, whatever its similarity or score."""
    assert fuse(near, worded, {}, []) == {("s", 1): pytest.approx(score / MOST)}


def test_a_single_hit_by_its_speaker() -> None:
    """All that speaks for a message makes 1."""
    place = ("s", 1)
    assert fuse({place: 0.5}, {place: 2.0}, {place: "Anna"}, ["anna"]) == {place: 1.0}


def test_by_meaning_alone() -> None:
    """Without words, the nearest is first, and those between are placed by their similarity."""
    ranked = fuse({("s", 1): 0.5, ("s", 2): 0.9, ("s", 3): 0.6}, {}, {}, [])
    assert list(ranked) == [("s", 2), ("s", 3), ("s", 1)]
    assert list(ranked.values()) == pytest.approx([MEANING / MOST, MEANING / MOST / 4, 0.0])


def test_by_words_alone() -> None:
    """Without vectors, the best by words is first, and the others are placed by their share of its score."""
    ranked = fuse({}, {("s", 1): 1.0, ("s", 9): 4.0, ("t", 1): 2.0}, {}, [])
    assert list(ranked) == [("s", 9), ("t", 1), ("s", 1)]
    assert list(ranked.values()) == pytest.approx([WORDS / MOST, WORDS / MOST / 2, WORDS / MOST / 4])


def test_words_weigh_more_than_meaning() -> None:
    """The best by words alone comes before the best by meaning alone."""
    near = {("s", 1): 0.9, ("s", 9): 0.1}
    assert list(fuse(near, {("s", 20): 1.0}, {}, [])) == [("s", 20), ("s", 1), ("s", 9)]


def test_neighbors_get_a_share() -> None:
    """A message beside one that has the words gets a share of its score, on either side, and no further away."""
    near = {("s", seq): 0.5 for seq in range(1, 7)}
    near[("s", 1)] = 0.4
    worded = {("s", 4): 2.0}
    ranked = fuse(near, worded, {}, [])
    share = {place[1]: score * MOST for place, score in ranked.items()}
    assert share[4] == pytest.approx(MEANING + WORDS)
    assert share[3] == share[5] == pytest.approx(MEANING + WORDS * SPREAD)
    assert share[2] == share[6] == pytest.approx(MEANING)
    assert share[1] == 0.0


def test_two_neighbors_give_two_shares() -> None:
    """Between two messages that have the words, a message gets a share of both."""
    ranked = fuse({("s", 2): 0.5}, {("s", 1): 4.0, ("s", 3): 2.0}, {}, [])
    assert ranked["s", 2] == pytest.approx((MEANING + WORDS * SPREAD * 6.0 / 4.0) / MOST)


def test_neighbors_are_of_one_session() -> None:
    """The same numbers in another session are no neighbours."""
    apart = fuse({("t", 2): 0.5}, {("s", 1): 4.0, ("s", 3): 4.0}, {}, [])
    assert apart["t", 2] == pytest.approx(MEANING / MOST)


def test_a_neighbor_that_was_not_found_is_not_added() -> None:
    """A share makes no hit of what neither side found."""
    assert set(fuse({("s", 7): 0.5}, {("s", 4): 2.0}, {}, [])) == {("s", 4), ("s", 7)}


def test_the_one_person_named_gets_a_bonus() -> None:
    """What the only person named in the query said comes before the same said by others, whatever the case."""
    near = {("s", 1): 0.5, ("s", 5): 0.5, ("s", 9): 0.1}
    names = {("s", 1): "Ben", ("s", 5): "ANNA Maria", ("s", 9): "Anna"}
    ranked = fuse(near, {}, names, ["what", "did", "anna", "say"])
    plain = fuse(near, {}, {}, [])
    assert next(iter(ranked)) == ("s", 5)
    for place in near:
        assert ranked[place] - plain[place] == pytest.approx(SPEAKER / MOST if place != ("s", 1) else 0.0)


@pytest.mark.parametrize("query", [["where"], ["anna", "ben"], ["maria"], []])
def test_no_bonus_unless_one_is_named(query: list[str]) -> None:
    """Where none, or more than one, is named by the first name, nobody is preferred."""
    near = {("s", 1): 0.5, ("s", 5): 0.9, ("s", 9): 0.1}
    names = {("s", 1): "Anna Maria", ("s", 5): "Ben", ("s", 9): " "}
    assert fuse(near, {}, names, query) == fuse(near, {}, {}, query)


def test_ties_are_broken_the_same_way_each_time() -> None:
    """Of messages that score the same, the one with the words itself comes first, and then they go by their place."""
    places = [(session, seq) for session in "ab" for seq in (10, 20, 30)]
    expected = sorted(places)
    for seed in range(5):
        random.Random(seed).shuffle(places)
        assert list(fuse({}, dict.fromkeys(places, 1.0), {}, [])) == expected
        assert list(fuse(dict.fromkeys(places, 0.7), {}, {}, [])) == expected


@given(
    st.dictionaries(PLACES, SIMILARITIES),
    st.dictionaries(PLACES, SCORES),
    st.dictionaries(PLACES, NAMES),
    QUERIES,
    st.randoms(use_true_random=False),
)
def test_any_search_is_ranked(
    near: dict[MessageRef, float],
    worded: dict[MessageRef, float],
    names: dict[MessageRef, str],
    query: list[str],
    chance: random.Random,
) -> None:
    """All that was found is in the ranking, once, scored from 0 to 1, best first, in whatever order it was found."""
    ranked = fuse(near, worded, names, query)
    assert ranked.keys() == near.keys() | worded.keys()
    scores = list(ranked.values())
    assert scores == sorted(scores, reverse=True)
    assert all(0.0 <= score <= 1.0 and math.isfinite(score) for score in scores)
    shuffled: list[dict[MessageRef, float]] = []
    for given_ in (near, worded):
        items = list(given_.items())
        chance.shuffle(items)
        shuffled.append(dict(items))
    named = list(names.items())
    chance.shuffle(named)
    again = fuse(shuffled[0], shuffled[1], dict(named), reversed(query))
    assert list(again.items()) == list(ranked.items())
