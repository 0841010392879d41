"""What was found by meaning and by words becomes one ranking."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from langchain_motorhead.recall.search import ranking
from langchain_motorhead.recall.words.question import to_question
from support.rankings import MessageRef, ranked

PLACES = st.tuples(st.sampled_from(["a", "b", "c"]), st.integers(0, 6))
SCORES = st.floats(0, 100, allow_subnormal=False)
SIMILARITIES = st.floats(-100, 100, allow_subnormal=False)
NAMES = st.sampled_from(["Anna", "anna Maria", "Ben", "", " "])
QUERIES = st.lists(st.sampled_from(["anna", "ben", "maria", "where"]), max_size=4)


def test_nothing_found() -> None:
    """Where nothing was found, there is nothing to rank."""
    assert ranked({}, {}) == {}
    assert ranked({}, {}, {("s", 1): "Anna"}, ["anna"]) == {}


@pytest.mark.parametrize(
    ("near", "worded"),
    [
        ({("s", 1): 0.2}, {}),
        ({("s", 1): -0.2}, {}),
        ({}, {("s", 1): 0.01}),
        ({("s", 1): 0.2}, {("s", 1): 7.0}),
        ({("s", 1): 0.2}, {("s", 1): 0.0}),
    ],
)
def test_a_single_hit(near: Mapping[MessageRef, float], worded: Mapping[MessageRef, float]) -> None:
    """A hit alone is the best of its search, whatever its similarity or score, and whoever wrote it."""
    assert ranked(near, worded) == {("s", 1): 1.0}
    assert ranked(near, worded, assistant=[("s", 1)]) == {("s", 1): 1.0}


def test_by_meaning_alone() -> None:
    """Without words, the nearest is first, and those between are placed by their similarity."""
    found = ranked({("s", 1): 0.5, ("s", 11): 0.9, ("s", 21): 0.6}, {})
    assert list(found) == [("s", 11), ("s", 21), ("s", 1)]
    share = ranking.SESSION
    assert list(found.values()) == pytest.approx([1, (0.25 + share) / (1 + share), share / (1 + share)])


def test_by_words_alone() -> None:
    """Without vectors, the best by words is first, and what its session shares moves its neighbours up."""
    found = ranked({}, {("s", 1): 1.0, ("s", 9): 4.0, ("t", 1): 1.0})
    assert list(found) == [("s", 9), ("s", 1), ("t", 1)]


def test_words_weigh_more_than_meaning() -> None:
    """The best by words alone comes before the best by meaning alone."""
    near = {("s", 1): 0.9, ("s", 9): 0.1}
    assert list(ranked(near, {("s", 20): 1.0})) == [("s", 20), ("s", 1), ("s", 9)]


def test_neighbors_get_a_share() -> None:
    """A message beside one that has the words gets a share, more if it stands before it, and none further away."""
    near = {("s", seq): 0.5 for seq in range(1, 8)}
    found = ranked(near, {("s", 4): 2.0})
    best = max(found.values())
    assert found["s", 4] == best == 1.0
    assert found["s", 4] > found["s", 3] > found["s", 5] > found["s", 2] == found["s", 6] == found["s", 1]


def test_neighbors_are_of_one_session() -> None:
    """The same numbers in another session are no neighbours."""
    apart = ranked({("t", 3): 0.5, ("t", 20): 0.5}, {("s", 4): 4.0})
    assert apart["t", 3] == apart["t", 20]


def test_a_neighbor_that_was_not_found_is_not_added() -> None:
    """A share makes no hit of what neither side found."""
    assert set(ranked({("s", 7): 0.5}, {("s", 4): 2.0})) == {("s", 4), ("s", 7)}


def test_the_one_person_named_gets_a_bonus() -> None:
    """What the only person named in the query said comes before the same said by others, whatever the case."""
    near = {("s", 1): 0.5, ("s", 5): 0.5, ("s", 9): 0.1}
    names = {("s", 1): "Ben", ("s", 5): "ANNA Maria", ("s", 9): "Anna"}
    found = ranked(near, {}, names, ["what", "did", "anna", "say"])
    assert list(found) == [("s", 5), ("s", 1), ("s", 9)]
    assert ranked(near, {}, names, ["what"])["s", 1] == 1.0


@pytest.mark.parametrize("query", [["where"], ["anna", "ben"], ["maria"], []])
def test_no_bonus_unless_one_is_named(query: list[str]) -> None:
    """Where none, or more than one, is named by the first name, nobody is preferred."""
    near = {("s", 1): 0.5, ("s", 5): 0.9, ("s", 9): 0.1}
    names = {("s", 1): "Anna Maria", ("s", 5): "Ben", ("s", 9): " "}
    assert ranked(near, {}, names, query) == ranked(near, {})


def test_people_come_before_assistants() -> None:
    """Of two that match the same, a person's comes first, unless the question asks for the assistant's words."""
    near = {("s", 1): 0.5, ("s", 21): 0.5, ("s", 41): 0.1}
    found = ranked(near, {}, assistant=[("s", 1)])
    assert found["s", 21] == 1.0
    assert found["s", 1] == pytest.approx(ranking.ASSISTANT)
    asked = ranked(near, {}, assistant=[("s", 1)], question=to_question("What did you recommend?"))
    assert asked["s", 1] == asked["s", 21] == 1.0


def test_assistants_alone_are_ranked_as_they_match() -> None:
    """Where nobody else was found, an assistant's messages have the scores that anybody's would have."""
    near = {("s", 1): 0.5, ("s", 21): 0.9, ("s", 41): 0.1}
    assert ranked(near, {}, assistant=near) == ranked(near, {})


def test_a_standing_wish_is_found_without_a_word() -> None:
    """A standing instruction that neither side found is a result, after what matches and before what hardly does."""
    near = {("s", 1): 0.9, ("s", 21): 0.11, ("s", 41): 0.1}
    found = ranked(near, {("s", 1): 1.0}, marked={("s", 61): ranking.INSTRUCTION})
    assert list(found)[:2] == [("s", 1), ("s", 61)]


def test_an_overview_begins_with_openings() -> None:
    """For a question about the course of conversations, of messages that match the same, the earlier comes first."""
    near = {("s", seq): 0.5 for seq in (0, 20, 40)} | {("t", 0): 0.4}
    question = to_question("In what order did I bring up these topics throughout our conversations?")
    assert list(ranked(near, {}, question=question))[:3] == [("s", 0), ("s", 20), ("s", 40)]


def test_a_summary_has_answers_with_their_questions() -> None:
    """For a summary, an answer follows its question, however little it matches itself."""
    near = {("s", 10): 0.9, ("s", 11): 0.1, ("s", 40): 0.5}
    question = to_question("Can you summarize what we did?")
    answer = [("s", 11)]
    assert list(ranked(near, {}, assistant=answer, question=question))[:2] == [("s", 10), ("s", 11)]
    assert list(ranked(near, {}, assistant=answer))[-1] == ("s", 11)


def test_ties_are_broken_the_same_way_each_time() -> None:
    """Of messages that score the same, the one with the words itself comes first, and then they go by their place."""
    places = [(session, seq) for session in "ab" for seq in (10, 20, 30)]
    expected = sorted(places)
    for seed in range(5):
        random.Random(seed).shuffle(places)
        assert list(ranked({}, dict.fromkeys(places, 1.0))) == expected
        assert list(ranked(dict.fromkeys(places, 0.7), {})) == expected


@given(
    st.dictionaries(PLACES, SIMILARITIES),
    st.dictionaries(PLACES, SCORES),
    st.dictionaries(PLACES, NAMES),
    QUERIES,
    st.sets(PLACES),
    st.sampled_from(["", "summarize", "in order", "what did you say"]),
    st.randoms(use_true_random=False),
)
def test_any_search_is_ranked(
    near: dict[MessageRef, float],
    worded: dict[MessageRef, float],
    names: dict[MessageRef, str],
    query: list[str],
    assistant: set[MessageRef],
    form: str,
    chance: random.Random,
) -> None:
    """All that was found is in the ranking, once, scored from 0 to 1, best first, in whatever order it was found."""
    places = near.keys() | worded.keys()
    question = to_question(" ".join([*query, form]))
    found = ranked(near, worded, names, assistant=assistant & places, question=question)
    assert found.keys() == places
    scores = list(found.values())
    assert scores == sorted(scores, reverse=True)
    assert all(0.0 <= score <= 1.0 and math.isfinite(score) for score in scores)
    shuffled: list[dict[MessageRef, float]] = []
    for given_ in (near, worded):
        items = list(given_.items())
        chance.shuffle(items)
        shuffled.append(dict(items))
    named = list(names.items())
    chance.shuffle(named)
    again = ranked(shuffled[0], shuffled[1], dict(named), assistant=assistant & places, question=question)
    assert list(again.items()) == list(found.items())
