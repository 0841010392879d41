"""What a person does with facts, as flows: state one, correct one, forget one."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from langchain_motorhead.exceptions import InvalidInputError, UnknownFactError
from langchain_motorhead.facts.book import Book
from langchain_motorhead.facts.model import MAX_NAME_CHARS, MAX_TEXT_CHARS, Fact, name_key, one_line, text_key
from langchain_motorhead.facts.operations import FactsRead
from langchain_motorhead.facts.rewriting import rewrite
from langchain_motorhead.flows.protocol import Flow
from langchain_motorhead.storage.keys import FactKeys

DEFAULT_ATTRIBUTE = "note"
"""Attribute of a fact that a person states without one."""


def check_text(text: object, name: str = "text", most: int = MAX_TEXT_CHARS) -> str:
    """Return a text of a fact on one line.

    Raises:
        InvalidInputError: It is no string, says nothing, or is too long.
    """
    if not isinstance(text, str):
        raise InvalidInputError(f"{name} must be a string, not {type(text).__name__}")
    line = one_line(text)
    if not (text_key(line) if name == "text" else name_key(line)):
        raise InvalidInputError(f"{name} is empty. Give a sentence such as 'Is allergic to nuts'")
    if len(line) > most:
        raise InvalidInputError(f"{name} has {len(line):,} characters. A fact has {most:,} at most")
    return line


def remember(
    facts: FactKeys,
    id_: str,
    text: str,
    *,
    subject: str,
    attribute: str,
    valid_from: datetime | None = None,
    valid_until: datetime | None = None,
) -> Flow[Fact]:
    """Store a fact that a person states. It is pinned. A fact that says the same already is pinned instead.

    Raises:
        InvalidInputError: A text cannot be used.
    """
    text, subject = check_text(text), check_text(subject, "subject", MAX_NAME_CHARS)
    attribute = check_text(attribute, "attribute", MAX_NAME_CHARS)
    valid_from, valid_until = _moment("valid_from", valid_from), _moment("valid_until", valid_until)
    if valid_from is not None and valid_until is not None and valid_until < valid_from:
        raise InvalidInputError("valid_until is before valid_from")

    def change(book: Book, read: FactsRead) -> Fact:
        fact = Fact(id_, text, subject, attribute, read.now, read.now, valid_from, valid_until, pinned=True)
        return _pinned(book, fact) or _added(book, fact)

    return (yield from rewrite(facts, change))


def correct(facts: FactKeys, id_: str, new_id: str, text: str) -> Flow[Fact]:
    """Put a fact that a person states in the place of another one, with the same subject and attribute.

    Raises:
        UnknownFactError: There is no fact with this id, or it holds no longer.
        InvalidInputError: The text cannot be used.
    """
    text = check_text(text)

    def change(book: Book, read: FactsRead) -> Fact:
        old = book.get(id_)
        if old is None:
            raise UnknownFactError(f"there is no fact {id_!r:.80}. Read the facts again to see their ids")
        if not old.is_open:
            new = book.get(old.superseded_by or "")
            if new is not None and new.pinned and text_key(new.text) == text_key(text):
                return new  # it was sent again
            later = f"fact {old.superseded_by!r} took its place" if old.superseded_by else "it was retracted"
            raise UnknownFactError(f"fact {id_!r:.80} holds no longer: {later}. Correct that one, or use remember")
        if text_key(old.text) == text_key(text):
            return _pin(book, old)
        corrected = Fact(new_id, text, old.subject, old.attribute, read.now, read.now, pinned=True)
        book.supersede(id_, corrected)
        return corrected

    return (yield from rewrite(facts, change))


def forget(facts: FactKeys, id_: str) -> Flow[bool]:
    """Remove a fact for good. What it had superseded holds again. Returns whether it was there."""

    def change(book: Book, _: FactsRead) -> bool:
        return book.remove(id_)

    return (yield from rewrite(facts, change))


def _moment(name: str, time: object) -> datetime | None:
    """Return a time in UTC.

    Raises:
        InvalidInputError: It is no time with a time zone.
    """
    if time is None:
        return None
    if not isinstance(time, datetime) or time.tzinfo is None:
        raise InvalidInputError(f"{name} must be a datetime with a time zone, such as datetime(2024, 5, 7, tzinfo=UTC)")
    try:
        return time.astimezone(UTC)
    except OverflowError:
        raise InvalidInputError(f"{name} is a time that cannot be stored: {time}") from None


def _pinned(book: Book, fact: Fact) -> Fact | None:
    same = book.same_as(fact)
    return None if same is None else _pin(book, same)


def _pin(book: Book, fact: Fact) -> Fact:
    pinned = replace(fact, pinned=True)
    book.add(pinned)
    return pinned


def _added(book: Book, fact: Fact) -> Fact:
    book.add(fact)
    return fact
