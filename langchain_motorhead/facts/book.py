"""The book of a user's facts: all of them in memory, and how a change of one affects the others. Pure.

Flows change the book, and then write the facts that differ from what was read, in one atomic step.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime

from langchain_motorhead.facts.model import MAX_SOURCES, Fact, Source, text_key


@dataclass(frozen=True, slots=True)
class Change:
    """A change of one stored fact.

    Attributes:
        id: Id of the fact.
        fact: The fact as it is from now on, or None if it is removed.
    """

    id: str
    fact: Fact | None


class Book:
    """The facts about one user.

    Args:
        facts: The facts as they are stored, open ones and others.
    """

    def __init__(self, facts: Iterable[Fact]) -> None:
        self._before = {fact.id: fact for fact in facts}
        self._facts = dict(self._before)
        self._by_text: dict[tuple[str, str], str] = {}
        self._closed_by_text: dict[tuple[str, str], str] = {}
        for fact in self._before.values():
            self._note(fact)

    def __iter__(self) -> Iterator[Fact]:
        return iter(tuple(self._facts.values()))

    def get(self, id_: str) -> Fact | None:
        """Return a fact by its id, or None."""
        return self._facts.get(id_)

    def is_new(self, id_: str) -> bool:
        """Return whether a fact was added."""
        return id_ in self._facts and id_ not in self._before

    def open_facts(self) -> list[Fact]:
        """Return the facts that hold, in the order in which they were read and added."""
        return [fact for fact in self._facts.values() if fact.is_open]

    def same_as(self, fact: Fact) -> Fact | None:
        """Return the open fact that says the same in the same words, or None."""
        found = self._facts.get(self._by_text.get((fact.about[0], text_key(fact.text)), ""))
        return found if found is not None and found.is_open else None

    def is_corrected(self, fact: Fact) -> bool:
        """Return whether a person has put another fact in the place of one that says the same in the same words."""
        closed = self._facts.get(self._closed_by_text.get((fact.about[0], text_key(fact.text)), ""))
        while closed is not None and closed.superseded_by is not None:
            closed = self._facts.get(closed.superseded_by)
        return closed is not None and closed.is_open and closed.pinned

    def add(self, fact: Fact) -> None:
        """Add a fact."""
        self._put(fact)

    def add_sources(self, id_: str, sources: Iterable[Source]) -> bool:
        """Add sources to a fact. Returns whether it did not have them all."""
        fact = self._facts[id_]
        known = {source.place for source in fact.sources}
        new = [source for source in sources if source.place not in known]
        if new:
            self._put(replace(fact, sources=bounded((*fact.sources, *new))))
        return bool(new)

    def supersede(self, old: str, new: Fact) -> None:
        """Add a fact that takes the place of another one, or one that the other took the place of if it is older."""
        before = self._facts[old]
        if new.said_at < before.said_at and not new.pinned:
            self._put(replace(new, superseded_by=old, closed_at=max(before.starts_at, new.said_at)))
            return
        self._put(new)
        self._put(replace(before, superseded_by=new.id, closed_at=max(new.starts_at, before.said_at)))

    def retract(self, id_: str, sources: Iterable[Source], at: datetime) -> None:
        """Note that a fact holds no longer."""
        self._put(replace(self._facts[id_], retracted_by=tuple(sources), closed_at=at))

    def remove(self, id_: str) -> bool:
        """Remove a fact, and let those that it superseded hold again. Returns whether it was there."""
        gone = self._facts.pop(id_, None)
        if gone is None:
            return False
        for fact in tuple(self._facts.values()):
            if fact.superseded_by == id_:
                # What took the place of the removed fact takes the place of this one too.
                self._put(_superseded(fact, gone.superseded_by, gone.closed_at))
        return True

    def remove_sources(self, is_gone: Callable[[Source], bool]) -> None:
        """Remove sources, the facts that lose their last one, and retractions that nobody states any more."""
        for fact in tuple(self._facts.values()):
            kept = tuple(source for source in fact.sources if not is_gone(source))
            retractions = tuple(source for source in fact.retracted_by if not is_gone(source))
            if len(kept) + len(retractions) != len(fact.sources) + len(fact.retracted_by):
                closed = fact.closed_at if retractions or fact.superseded_by else None
                self._put(replace(fact, sources=kept, retracted_by=retractions, closed_at=closed))
        for fact in tuple(self._facts.values()):
            if not fact.has_source:
                self.remove(fact.id)
        for fact in tuple(self._facts.values()):  # what an erasure left that was interrupted
            if fact.superseded_by is not None and fact.superseded_by not in self._facts:
                self._put(_superseded(fact, None, None))

    def changes(self) -> list[Change]:
        """Return what differs from what was read."""
        changed = [Change(id_, fact) for id_, fact in self._facts.items() if self._before.get(id_) != fact]
        return changed + [Change(id_, None) for id_ in self._before if id_ not in self._facts]

    def _put(self, fact: Fact) -> None:
        self._facts[fact.id] = fact
        self._note(fact)

    def _note(self, fact: Fact) -> None:
        texts = self._by_text if fact.is_open else self._closed_by_text
        texts[fact.about[0], text_key(fact.text)] = fact.id


def bounded(sources: Collection[Source]) -> tuple[Source, ...]:
    """Return the first source and the newest ones, `MAX_SOURCES` at most."""
    found = tuple(sources)
    return found if len(found) <= MAX_SOURCES else (found[0], *found[1 - MAX_SOURCES :])


def _superseded(fact: Fact, by: str | None, at: datetime | None) -> Fact:
    if by is None and not fact.retracted_by:
        at = None
    return replace(fact, superseded_by=by, closed_at=at)
