"""A flow that checks stored facts: their sources, failures of the learner, messages that wait, and missing data.

It only reads, with one exception. If a process died after it forgot or edited a message, but before it erased the
facts learned from the message, they are erased now.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, NamedTuple

from langchain_motorhead.exceptions import SessionReplacedError
from langchain_motorhead.facts.erasure import revise_messages
from langchain_motorhead.facts.learning.batch import to_said
from langchain_motorhead.facts.model import occurs
from langchain_motorhead.facts.operations import FactsRead, read_facts
from langchain_motorhead.flows.protocol import Flow
from langchain_motorhead.sessions.archive.transcript import GapReason, read_page
from langchain_motorhead.storage.keys import (
    FactKeys,
    SessionKeys,
    fact_keys,
    optional_member,
    session_keys,
    user_fact_keys,
)
from langchain_motorhead.storage.operation import Command, Operation, together

MOST_OWNERS, MOST_FACTS, MOST_MESSAGES = 2_000, 50_000, 1_000
"""Limits of one examination: users, facts, and messages that facts quote."""
IDLE_SECONDS = 3_600
"""If messages older than this were not learned, no process has them in its queue any more."""
_AT_ONCE = 200


@dataclass(slots=True)
class Examined:
    """What an examination found. Owners are users, and sessions without a user.

    Attributes:
        owners: How many owners have facts.
        facts: How many facts they have, superseded ones too.
        erased: How many facts were erased, because the message that they quote was forgotten or edited before.
        outlived: How many facts have a source in a session that expired. They keep its words.
        evicted: Owners some of whose facts are missing in Redis.
        failing: Owners for whom the learner failed the last time.
        waiting: How many messages of idle sessions were not learned.
        idle: These sessions.
        vectorless: How many current facts have no vector, although others of the same owner have one.
        skipped: How many owners were not checked completely.
    """

    owners: int = 0
    facts: int = 0
    erased: int = 0
    outlived: int = 0
    evicted: list[str] = field(default_factory=list)
    failing: list[str] = field(default_factory=list)
    waiting: int = 0
    idle: list[str] = field(default_factory=list)
    vectorless: int = 0
    skipped: int = 0


class _Session(NamedTuple):
    keys: SessionKeys
    epoch: str
    user: str | None
    total: int
    updated: int
    changed: bool


class _Owner(NamedTuple):
    name: str
    sessions: list[_Session]


class _Counts(NamedTuple):
    """How many facts an owner has by the keys that hold them, and the state."""

    current: int
    past: int
    order: int
    vectors: int
    state: Mapping[str, str]


def examine_facts(namespace: str, session_ids: Sequence[str], now: float, users: Iterable[str] = ()) -> Flow[Examined]:
    """Examine the facts of a namespace: at most `MOST_OWNERS` owners, `MOST_FACTS` facts and `MOST_MESSAGES` messages.

    Args:
        namespace: The namespace.
        session_ids: Its sessions.
        now: Time in seconds since 1970.
        users: Its users that have facts, to examine those, too, that have no session.

    Returns:
        What was found.
    """
    found, epochs = Examined(), dict[str, _Session]()
    owned: dict[FactKeys, _Owner] = {user_fact_keys(namespace, user): _Owner(repr(user), []) for user in users}
    for some in _batches(session_ids):
        for session in (yield together(*(_read_session(session_keys(namespace, each)) for each in some))):
            if session is not None:
                epochs[session.epoch] = session
                owner = _Owner(repr(session.user or session.keys.session_id), [])
                owned.setdefault(fact_keys(session.keys, session.user), owner).sessions.append(session)
    found.skipped = max(0, len(owned) - MOST_OWNERS)
    quoted = dict[tuple[str, int], list[str]]()
    for some in _batches(list(owned)[:MOST_OWNERS]):
        for facts, counts in zip(some, (yield together(*map(_read_counts, some))), strict=True):
            if counts.state:
                _examine_owner(found, owned[facts], counts, now)
                yield from _examine_sources(found, facts, counts, epochs, quoted)
    found.skipped += max(0, len(quoted) - MOST_MESSAGES)
    for (epoch, seq), quotes in islice(quoted.items(), MOST_MESSAGES):
        found.erased += yield from _examine_message(epochs[epoch].keys, epoch, seq, quotes)
    return found


def _examine_owner(found: Examined, owner: _Owner, counts: _Counts, now: float) -> None:
    name = owner.name
    found.owners += 1
    found.facts += counts.current + counts.past
    if counts.order != counts.current:
        found.evicted.append(name)
    if int(counts.state.get("failures", 0)):
        found.failing.append(name)
    if counts.vectors:
        found.vectorless += max(0, counts.current + counts.past - counts.vectors)
    if not any(each.startswith("learned:") for each in counts.state):
        return  # a person stated facts, and nothing is learned
    for session in owner.sessions:
        waiting = session.total - int(counts.state.get(f"learned:{session.epoch}", 0))
        if waiting > 0 and now - session.updated / 1_000_000 > IDLE_SECONDS:
            found.waiting += waiting
            found.idle.append(repr(session.keys.session_id))


def _examine_sources(
    found: Examined,
    owner: FactKeys,
    counts: _Counts,
    epochs: Mapping[str, _Session],
    quoted: dict[tuple[str, int], list[str]],
) -> Flow[None]:
    """Count the sources whose session expired, and collect those in sessions in which messages were changed."""
    if not counts.current + counts.past:
        return
    if found.facts > MOST_FACTS:
        found.skipped += 1
        return
    read: FactsRead = yield read_facts(owner, past=True)
    for fact in (*read.current, *read.past):
        found.outlived += any(source.epoch not in epochs for source in fact.sources)
        for source in fact.sources:
            if source.epoch in epochs and epochs[source.epoch].changed:
                quoted.setdefault(source.place, []).append(source.quote)


def _examine_message(keys: SessionKeys, epoch: str, seq: int, quotes: Iterable[str]) -> Flow[int]:
    """Erase what was learned from a message if it does not say so any more. Returns how many facts were erased."""
    try:
        page = yield from read_page(keys, seq, seq + 1, 1, epoch)
    except SessionReplacedError:
        return 0  # deleted meanwhile, with its facts
    if not len(page) and not any(gap.reason is GapReason.FORGOTTEN for gap in page.gaps):
        return 0  # it cannot be read; the quotes are all that is left of it
    text = to_said(page[0]).text if len(page) else ""
    if all(occurs(quote, text) for quote in quotes):
        return 0
    return (yield from revise_messages(keys, {seq: text}))


def _read_session(keys: SessionKeys) -> Operation[_Session | None]:
    def parse(replies: list[Any]) -> _Session | None:
        epoch, user, first, updated, revision = map(optional_member, replies[0])
        if epoch is None:
            return None
        return _Session(keys, epoch, user, int(first or 0) + replies[1], int(updated or 0), (revision or "0") != "0")

    state = Command("HMGET", (keys.state,), ("epoch", "user", "first", "updated", "revision"))
    return Operation((state, Command("LLEN", (keys.messages,))), parse)


def _read_counts(facts: FactKeys) -> Operation[_Counts]:
    def parse(replies: list[Any]) -> _Counts:
        current, past, order, vectors, flat = replies
        pairs = flat.items() if isinstance(flat, dict) else zip(flat[::2], flat[1::2], strict=True)
        state = {optional_member(name) or "": optional_member(value) or "" for name, value in pairs}
        return _Counts(current, past, order, vectors, state)

    commands = (
        Command("HLEN", (facts.current,)),
        Command("HLEN", (facts.past,)),
        Command("ZCARD", (facts.order,)),
        Command("HLEN", (facts.vectors,)),
        Command("HGETALL", (facts.state,)),
    )
    return Operation(commands, parse)


def _batches(items: Sequence[Any]) -> Iterable[Any]:
    return (items[start : start + _AT_ONCE] for start in range(0, len(items), _AT_ONCE))
