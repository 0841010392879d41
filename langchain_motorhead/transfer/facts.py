"""Facts in an export: their line, and how they are imported again beside what is there.

The line is `{"facts": [{"id": …, "text": …, …}, …], "user": …, "learned": {SESSION: NUMBER, …}}`, or with
`"own": SESSION` instead of `user` for the facts of a session without a user. It follows the lines of all sessions. Each
session gets another epoch when it is imported, so sources are found by their session ids.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from langchain_motorhead.backends.facts import Owner
from langchain_motorhead.exceptions import InvalidInputError, StoreError
from langchain_motorhead.facts.book import Book
from langchain_motorhead.facts.learning.flow import LEASE_MS
from langchain_motorhead.facts.model import Fact, Source
from langchain_motorhead.facts.operations import Begin, FactsRead, Progress, begin, identify, read_facts, write_facts
from langchain_motorhead.facts.records import from_data, to_data
from langchain_motorhead.facts.rewriting import rewrite
from langchain_motorhead.flows.protocol import Flow, Pause
from langchain_motorhead.messages.ids import derived_id
from langchain_motorhead.storage.keys import FactKeys, own_fact_keys, session_keys, user_fact_keys
from langchain_motorhead.storage.leases import give_up
from langchain_motorhead.transfer.json_records import dumps, is_count

FACTS = "facts"
"""The key by which a line with facts is known."""


@dataclass(frozen=True, slots=True)
class ExportedFacts:
    """The facts about a user, or of a session without one.

    Attributes:
        owner: Whose facts they are.
        facts: The facts, superseded ones too.
        learned: How many messages of each session were learned, by its id.
    """

    owner: Owner
    facts: list[Fact]
    learned: Mapping[str, int]


def export_facts(namespace: str, owner: Owner, learned: Mapping[str, int]) -> Flow[bytes | None]:
    """Return the line with the facts of an owner, or None if there are none and nothing was learned."""
    read: FactsRead = yield read_facts(_keys(namespace, owner), past=True)
    facts = [*read.current, *read.past]
    if not facts and not any(learned.values()):
        return None
    line: dict[str, Any] = {FACTS: [to_data(fact) for fact in facts], "learned": dict(learned)}
    line |= {"own": owner.session_id} if owner.user_id is None else {"user": owner.user_id}
    return dumps(line)


def parse_facts(line: Mapping[str, Any]) -> ExportedFacts:
    """Parse a line with facts.

    Raises:
        InvalidInputError: It is none.
    """
    user, own, learned = line.get("user"), line.get("own"), line.get("learned", {})
    names = [each for each in (user, own) if each is not None]
    if len(names) != 1 or not isinstance(names[0], str) or not names[0]:
        raise InvalidInputError("has facts, and does not say whose they are")
    if not isinstance(learned, dict) or not all(name and is_count(count) for name, count in learned.items()):
        raise InvalidInputError("has numbers of learned messages that are none")
    if not isinstance(line[FACTS], list):
        raise InvalidInputError("has facts that are not a list")
    try:
        facts = [from_data(each) for each in line[FACTS]]
    except StoreError as error:
        raise InvalidInputError(f"has a fact that cannot be read: {error}") from error
    return ExportedFacts(Owner(user, own), facts, learned)


def import_facts(namespace: str, given: ExportedFacts) -> Flow[int]:
    """Add exported facts to those of their owner. What is there already is not added again.

    A fact is left out if none of its sessions exists, unless a person stated it. The messages that were learned before
    the export are not learned again.

    Returns:
        How many facts were added.
    """
    keys, epochs = _keys(namespace, given.owner), dict[str, str]()
    named = {source.session_id for fact in given.facts for source in (*fact.sources, *fact.retracted_by)}
    for session_id in sorted(named | set(given.learned)):
        known = yield identify(session_keys(namespace, session_id))
        if known.epoch is not None and known.user == given.owner.user_id:
            epochs[session_id] = known.epoch

    def change(book: Book, _: FactsRead) -> int:
        added = sum(_add(book, _moved(fact, epochs)) for fact in given.facts)
        book.remove_sources(lambda _: False)  # links to facts that were left out
        return added

    added = yield from rewrite(keys, change)
    for session_id, count in given.learned.items():
        if count and session_id in epochs:
            yield from _note_learned(keys, epochs[session_id], count)
    return added


def _add(book: Book, fact: Fact) -> bool:
    if book.get(fact.id) is not None or not fact.has_source:
        return False
    same = book.same_as(fact) if fact.is_open else None
    if same is not None:
        book.add_sources(same.id, fact.sources)
        return False
    book.add(fact)
    return True


def _moved(fact: Fact, epochs: Mapping[str, str]) -> Fact:
    """Return a fact with the sources that exist, in their sessions of today."""
    retractions = tuple(_sources(fact.retracted_by, epochs))
    closed = fact.closed_at if retractions or fact.superseded_by else None
    return replace(fact, sources=tuple(_sources(fact.sources, epochs)), retracted_by=retractions, closed_at=closed)


def _sources(sources: Iterable[Source], epochs: Mapping[str, str]) -> Iterable[Source]:
    for source in sources:
        epoch = epochs.get(source.session_id)
        if epoch is not None:
            is_derived = source.message_id == derived_id(source.epoch, source.seq)
            id_ = derived_id(epoch, source.seq) if is_derived else source.message_id
            yield replace(source, epoch=epoch, message_id=id_)


def _note_learned(keys: FactKeys, epoch: str, count: int) -> Flow[None]:
    """Note that messages were learned, as a learner does: under its lease."""
    token = secrets.token_hex(8)
    while True:
        begun = yield begin(keys, token, epoch, lease=LEASE_MS, force=True)
        if begun is not Begin.BUSY:
            break
        yield Pause(0.1)
    if begun is Begin.TAKEN:
        read: FactsRead = yield read_facts(keys, epoch)
        if read.learned < count:
            yield write_facts(keys, read.version, [], progress=Progress(epoch, read.learned, count, token, LEASE_MS))
        yield give_up(keys.lease, token)


def _keys(namespace: str, owner: Owner) -> FactKeys:
    if owner.user_id is not None:
        return user_fact_keys(namespace, owner.user_id)
    return own_fact_keys(session_keys(namespace, owner.session_id or ""))
