"""Verification: what a learner proposes is carried out only as far as the messages bear it out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import pytest

from langchain_motorhead.facts.book import Book
from langchain_motorhead.facts.learning import verification
from langchain_motorhead.facts.learning.batch import Batch, Said
from langchain_motorhead.facts.learning.verification import Rejection, Verdict, Verifier
from langchain_motorhead.facts.model import Fact, as_quoted, occurs

NOW = datetime(2024, 6, 1, tzinfo=UTC)
SAID = datetime(2023, 5, 8, tzinfo=UTC)


def said(seq: int, text: str, role: str = "human", name: str | None = None, *, days: int = 0) -> Said:
    """Make a message."""
    return Said(seq, f"id{seq}", role, name, text, SAID + timedelta(days=days))


def batch(*messages: Said, before: Sequence[Said] = ()) -> Batch:
    """Make a batch of a session of bob."""
    return Batch("s", "e" * 16, "bob", messages, before)


def known(text: str, attribute: str = "home", *, days: int = -1, pinned: bool = False, id_: str = "k") -> Fact:
    """Make a fact that is known."""
    return Fact(id_, text, "user", attribute, SAID + timedelta(days=days), NOW, pinned=pinned)


def add(seq: int, quote: str, **more: Any) -> dict[str, Any]:
    """Make an operation that adds a fact."""
    sources = [{"seq": seq, "quote": quote}]
    return {"op": "add", "text": quote, "subject": "user", "attribute": "home", "sources": sources, **more}


def verify(given: Batch, operations: Sequence[object], *facts: Fact) -> tuple[Book, Verdict]:
    """Carry out operations."""
    book, number = Book(facts), count()
    verifier = Verifier(given, book, facts, NOW, lambda: f"n{next(number)}")
    return book, verifier.apply(operations)


def texts(book: Book) -> list[str]:
    """List the facts that hold."""
    return [fact.text for fact in book.open_facts()]


ROME = batch(said(4, "I live in Rome since last March. It's “great”!"), said(5, "You live in Paris.", "ai"))
REJECTED: list[tuple[object, Rejection]] = [
    ("add", Rejection.FORM),
    ({"op": "invent"}, Rejection.FORM),
    (add(4, "I live in Rome", sources=[]), Rejection.FORM),
    (add(4, "I live in Rome", text=" . "), Rejection.FORM),
    (add(4, "I live in Rome", attribute=""), Rejection.FORM),
    (add(4, "I live in Rome", text="x" * 1_001), Rejection.FORM),
    (add(4, "I live in Rome", op="supersede"), Rejection.FORM),
    (add(9, "I live in Rome"), Rejection.MESSAGE),
    (add(4, "I live in Oslo"), Rejection.QUOTE),
    (add(4, "live in Rom"), Rejection.QUOTE),
    (add(4, "..."), Rejection.QUOTE),
    (add(5, "You live in Paris."), Rejection.SPEAKER),
    (add(4, "I live in Rome", op="supersede", fact=7), Rejection.FACT),
    (add(4, "I live in Rome", op="supersede", fact=-1), Rejection.FACT),
    (add(4, "I live in Rome", op="supersede", fact=1), Rejection.PINNED),
    (add(4, "I live in Rome", op="retract", fact=1), Rejection.QUOTE),
    (add(4, "I live in Rome", op="supersede", fact=0, attribute="food"), Rejection.SUBJECT),
    (add(4, "I live in Rome", op="supersede", fact=0, subject="sister"), Rejection.SUBJECT),
    (add(4, "I live in Rome", valid_from="2026-01-01"), Rejection.DATE),
    (add(4, "I live in Rome", valid_from="last March"), Rejection.DATE),
    (add(4, "I live in Rome", op="same", fact=2), Rejection.QUOTE),
]


@pytest.mark.parametrize(("operation", "reason"), REJECTED)
def test_what_does_not_hold_is_rejected_with_its_reason(operation: object, reason: Rejection) -> None:
    """Nothing of it is stored."""
    facts = (
        known("Lives in Bonn"),
        known("Works at night", pinned=True, id_="p"),
        known("Eats nuts", "food", id_="f"),
    )
    book, verdict = verify(ROME, [operation], *facts)
    assert [found for _, found in verdict.rejected] == [reason]
    assert verdict.accepted == 0
    assert not book.changes()


def test_a_fact_has_its_source_its_time_and_its_dates() -> None:
    """They are those of the message, whatever the clock says."""
    book, verdict = verify(ROME, [add(4, "i LIVE in  Rome", valid_from="2023-03"), add(4, 'It\'s "great"!', text="G")])
    assert verdict.accepted == 2
    fact = book.open_facts()[0]
    assert (fact.said_at, fact.valid_from, fact.learned_at) == (SAID, datetime(2023, 3, 1, tzinfo=UTC), NOW)
    assert [(each.session_id, each.seq, each.message_id) for each in fact.sources] == [("s", 4, "id4")]


def test_the_same_words_add_a_source_and_no_fact() -> None:
    """A duplicate is recognized by its text, also within one answer."""
    given = batch(said(0, "I live in Rome."), said(1, "I live in Rome!"))
    book, verdict = verify(given, [add(0, "I live in Rome."), add(1, "I live in Rome!"), add(1, "I live in Rome!")])
    assert (verdict.accepted, texts(book)) == (3, ["I live in Rome."])
    assert [source.seq for source in book.open_facts()[0].sources] == [0, 1]


def test_a_new_fact_takes_the_place_of_an_older_one_and_not_of_a_newer_one() -> None:
    """What is imported late does not overwrite what was said after it."""
    newer = add(4, "I live in Rome", op="supersede", fact=0)
    book, _ = verify(ROME, [newer], known("Lives in Bonn"))
    assert texts(book) == ["I live in Rome"]
    assert [(fact.superseded_by, fact.closed_at) for fact in book if not fact.is_open] == [("n0", SAID)]
    book, _ = verify(ROME, [newer], known("Lives in Bonn", days=9))
    assert texts(book) == ["Lives in Bonn"]
    assert [fact.superseded_by for fact in book if not fact.is_open] == ["k"]


def test_an_operation_may_name_what_an_earlier_one_states() -> None:
    """Two moves in one batch come to one home."""
    given = batch(said(0, "I live in Rome."), said(1, "I moved to Oslo.", days=1))
    book, verdict = verify(given, [add(0, "I live in Rome."), add(1, "I moved to Oslo.", op="supersede", fact=0)])
    assert (verdict.accepted, texts(book)) == (2, ["I moved to Oslo."])


def test_what_the_assistant_says_counts_if_the_person_agrees() -> None:
    """Agreement is the person's next message. It is a source too."""
    asked = said(0, "So you live in Rome?", "ai")
    for answer, agreed in (("Yes, I do!", True), ("No, in Oslo.", False), ("Yesterday I was.", False)):
        book, verdict = verify(batch(said(1, answer), before=[asked]), [add(0, "you live in Rome", text="In Rome")])
        assert (verdict.accepted == 1) == agreed
        assert [source.seq for fact in book for source in fact.sources] == ([0, 1] if agreed else [])
    _, verdict = verify(batch(said(0, "found: Rome", "tool")), [add(0, "Rome")])
    assert [reason for _, reason in verdict.rejected] == [Rejection.SPEAKER]


def test_of_several_persons_each_speaks_for_himself() -> None:
    """The words of one in the first person are no fact about another."""
    given = batch(said(0, "I love tea", name="Ann"), said(1, "I love coffee", name="Bob"))
    operations = [
        add(0, "I love tea", subject="Bob", text="Bob loves tea"),
        add(0, "I love tea", subject="user", text="The user loves tea"),
        add(0, "I love tea", subject="Ann", text="Ann loves tea"),
        add(1, "I love coffee", subject="user", text="The user loves coffee"),
    ]
    book, verdict = verify(given, operations)
    assert [reason for _, reason in verdict.rejected] == [Rejection.SPEAKER] * 2
    assert texts(book) == ["Ann loves tea", "The user loves coffee"]


def test_a_retraction_closes_a_fact_and_a_confirmation_adds_a_source() -> None:
    """Both have to concern the fact."""
    given = batch(said(0, "I do not live in Bonn any more."))
    book, verdict = verify(given, [add(0, given.messages[0].text, op="retract", fact=0)], known("Lives in Bonn"))
    assert (verdict.accepted, texts(book)) == (1, [])
    assert [source.seq for fact in book for source in fact.retracted_by] == [0]
    book, _ = verify(given, [add(0, given.messages[0].text, op="same", fact=0)], known("Lives in Bonn"))
    assert [source.seq for fact in book for source in fact.sources] == [0]


def test_a_message_is_prepared_once_however_many_quotes_it_has(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else the time of learning grows with the square of the length of a message."""
    read = list[str]()

    def noting(text: str) -> str:
        read.append(text)
        return as_quoted(text)

    monkeypatch.setattr(verification, "as_quoted", noting)
    sentences = [f"I like tea number {at}." for at in range(9)]
    _, verdict = verify(batch(said(0, " ".join(sentences))), [add(0, sentence) for sentence in sentences])
    assert verdict.accepted == 9
    assert read == [" ".join(sentences)]


def test_removing_a_source_removes_facts_and_lets_others_hold_again() -> None:
    """In a chain, what took the place of the removed fact takes the place of the one before."""
    given = batch(said(0, "A is home"), said(1, "B is home", days=1), said(2, "C is home", days=2))
    moves = [add(0, "A is home"), add(1, "B is home", op="supersede", fact=0)]
    book, _ = verify(given, [*moves, add(2, "C is home", op="supersede", fact=1)])
    book.remove_sources(lambda source: source.seq == 1)
    assert texts(book) == ["C is home"]
    assert [fact.superseded_by for fact in book] == ["n2", None]
    book.remove_sources(lambda source: source.seq == 2)
    assert texts(book) == ["A is home"]
    assert [fact.closed_at for fact in book] == [None]
    pinned = Book([replace(known("Is vegan"), pinned=True)])
    pinned.remove_sources(lambda _: True)
    assert texts(pinned) == ["Is vegan"]


def test_a_quote_may_be_written_otherwise_but_has_to_be_there() -> None:
    """Case, spaces, quotation marks and what a prompt escapes do not matter; parts of words do."""
    assert occurs("don’t  GO", "I don't go\nthere")
    assert occurs("one\\ntwo &lt;b>", "one\ntwo <b>")
    assert occurs("住在罗马", "我住在罗马了")
    assert not occurs("am", "I was in Amsterdam")
    assert not occurs("  ", "anything")
