"""Rewriting, as a flow: change all facts about a user in memory, and write the changes if nobody else wrote since."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from langchain_motorhead.exceptions import StoreError
from langchain_motorhead.facts.book import Book
from langchain_motorhead.facts.operations import FactsRead, Written, read_facts, write_facts
from langchain_motorhead.flows.protocol import Flow
from langchain_motorhead.storage.keys import FactKeys

T = TypeVar("T")

# Changes of one script: more would block the server.
_MOST_CHANGES = 500
_MAX_CONFLICTS = 50


def rewrite(
    facts: FactKeys, change: Callable[[Book, FactsRead], T], *, ended: str | None = None, always: bool = False
) -> Flow[T]:
    """Change the facts about a user. If they change meanwhile, they are read and changed again.

    Very many changes are written in several steps. Until the last one, the facts are as if a part of them had been
    changed; the next rewriting goes on from there.

    Args:
        facts: Keys of the facts.
        change: Makes the changes in a book. It may be called several times, each time with another book.
        ended: Epoch of a session that is being deleted.
        always: Whether to write also if nothing changed, so that a learner that has read the facts reads them again.

    Returns:
        What `change` returned at last.

    Raises:
        StoreError: Redis refused, or could not be reached, or others kept changing the facts.
    """
    for _ in range(_MAX_CONFLICTS):
        read: FactsRead = yield read_facts(facts, past=True)
        book = Book([*read.current, *read.past])
        result = change(book, read)
        changes = book.changes()
        if not changes and ended is None and not always:
            return result
        written = yield write_facts(facts, read.version, changes[:_MOST_CHANGES], ended=ended)
        if written is Written.DONE and len(changes) <= _MOST_CHANGES:
            return result
    raise StoreError(f"the facts kept changing: {_MAX_CONFLICTS} attempts to write them failed. Try again")
