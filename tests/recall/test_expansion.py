"""Query expansion: words that the first results share are searched for as well."""

from __future__ import annotations

from typing import Any

import pytest
from langchain_core.messages import HumanMessage

from langchain_motorhead import HashingEmbeddings, InvalidInputError
from langchain_motorhead.recall.search import flow
from langchain_motorhead.recall.search.expansion import ADDED_COUNT, TRUSTED_COUNT, expansion
from recall.test_times import no_module
from support.factory import MakeMotorhead
from support.messages import numbered
from support.recall import counted_trips, said

_OTHERS = ["lake", "fish", "boat", "cold", "mast"]


@pytest.mark.parametrize(
    ("searched", "found", "added"),
    [
        # Nothing was found, or a single document, or nothing but what was searched.
        ("dog", [], []),
        ("dog", ["dog rex bark"], []),
        ("dog", ["dog", "dog", "cat"], []),
        # What the first documents share; not what one of them says, nor what is searched.
        ("dog", ["dog rex bark", "dog rex tail", *_OTHERS], ["rex"]),
        # What is in all documents tells least.
        ("dog", ["dog rex day", "dog rex day", *(f"{other} day" for other in _OTHERS)], ["rex", "day"]),
        # The most telling first: what is in fewer documents, or more often in the first of them.
        ("dog", ["dog rex walk", "dog rex walk", *_OTHERS, "walk"], ["rex", "walk"]),
        ("dog", ["dog walk rex rex", "dog walk rex rex", *_OTHERS], ["rex", "walk"]),
        # Equally telling ones in the order of the alphabet, so that a search is repeatable.
        ("dog", ["dog walk rex", "dog rex walk", *_OTHERS], ["rex", "walk"]),
        # What only later documents share is not added.
        ("boat", ["boat"] * TRUSTED_COUNT + ["boat rex", "boat rex"], []),
    ],
)
def test_terms_that_are_added(searched: str, found: list[str], added: list[str]) -> None:
    """The terms that the first results share are added, the most telling one first."""
    assert expansion(searched.split(), [each.split() for each in found]) == added


def test_no_more_terms_are_added_than_are_useful() -> None:
    """Of two long results, only the most telling terms are added."""
    long = [f"w{at}" for at in range(1_000)]
    assert len(expansion(["dog"], [["dog", *long], ["dog", *long], *([["dog"]] * 9)])) == ADDED_COUNT


def test_an_expanded_search(
    make: MakeMotorhead, embeddings: HashingEmbeddings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It finds what shares no word with the question, within its scope, in three round trips and not two.

    In a search by meaning only, it is refused. Without a search module, it finds the same.
    """
    motorhead = make(embeddings=embeddings, compaction="manual")
    session, other = motorhead.session("s", "u"), motorhead.session("o", "v")
    session.append([
        HumanMessage("The allergy is caused by peanuts."), *numbered(5, 100),
        HumanMessage("An allergy test found peanuts."), *numbered(30, 200),
        HumanMessage("Peanuts made him cough, since Tuesday."), *numbered(30, 300),
    ])  # fmt: skip
    other.append([HumanMessage("An allergy to penicillin."), HumanMessage("The allergy: penicillin!")])
    motorhead.flush()
    asked: Any = {"k": 9, "roles": ["human"]}
    monkeypatch.setattr(flow, "_vector", no_vector)  # the vectors of a few words say as much
    session.search("allergy", **asked)
    trips = counted_trips(monkeypatch)
    cough = "Peanuts made him cough, since Tuesday."
    plain = said(session.search("allergy", **asked))
    assert (len(trips), cough in plain) == (2, False)
    trips.clear()
    found = said(session.search("allergy", expand=True, **asked))
    assert len(trips) == 3
    assert set(found[:2]) == {"The allergy is caused by peanuts.", "An allergy test found peanuts."}
    assert cough in found
    assert said(motorhead.retriever(user_id="u", expand=True, **asked).invoke("allergy")) == found
    with pytest.raises(InvalidInputError, match=r"expand=True .* not 'mmr'"):
        session.search("allergy", search_type="mmr", expand=True)
    monkeypatch.setattr(flow, "_run_queries", no_module)
    assert cough not in said(session.search("allergy", **asked))
    without = said(session.search("allergy", expand=True, **asked))
    assert without[:3] == found[:3]
    assert cough in without


def no_vector(*_: Any) -> Any:
    """Search by words only, as if the embedding model were down."""
    return None
    yield
