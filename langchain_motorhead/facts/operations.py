"""Redis operations of facts: take the lease, read, write if nothing changed, count a failure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from typing import Any, NamedTuple

from langchain_motorhead.facts.book import Change
from langchain_motorhead.facts.model import Fact, to_micros
from langchain_motorhead.facts.records import from_json, to_json
from langchain_motorhead.storage.keys import FactKeys, SessionKeys, optional_member
from langchain_motorhead.storage.operation import Command, Operation, Value, ignore_replies, read_primary
from langchain_motorhead.storage.scripts import SCRIPTS

LEARNED = "learned"
"""Field of a session's state with how far it was learned. A copy for display."""
# A pinned fact stands before all others. Times in microseconds stay below this for 60 years to come.
_PINNED_SCORE = 4_000_000_000_000_000


class Begin(Enum):
    """What became of an attempt to take the learning lease. The values are those of `facts_begin.lua`."""

    BUSY = 0
    """Another worker holds it."""
    ENDED = 1
    """The session was deleted."""
    TAKEN = 2
    """This worker holds it."""
    PAUSED = 3
    """The learner failed a short time ago."""


class Written(Enum):
    """What became of a write. The values are those of `facts_write.lua`."""

    DONE = 1
    """Everything was written."""
    OTHER_FACTS = 2
    """The facts changed since they were read."""
    LEARNED = 3
    """The session was learned meanwhile, by another worker or by this one if a reply was lost."""
    ENDED = 4
    """The session was deleted."""
    NO_LEASE = 5
    """Another worker holds the lease, or the user was deleted."""


class Identity(NamedTuple):
    """What a session is: its epoch, or None if there is no such session, and its user, if it has one."""

    epoch: str | None
    user: str | None


@dataclass(frozen=True, slots=True)
class FactsRead:
    """The facts about a user at one instant.

    Attributes:
        version: Version of the facts, which every write raises.
        learned: Sequence number of the first message of the session that was not learned yet.
        ended: Whether the session was deleted.
        now: Time of the read, by Redis' clock.
        current: Facts that were neither superseded nor retracted: pinned ones first, then the newest.
        past: The others, if they were asked for.
    """

    version: int
    learned: int
    ended: bool
    now: datetime
    current: list[Fact]
    past: list[Fact]


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a session was learned by a write.

    Attributes:
        epoch: Epoch of the session.
        start: First sequence number that was learned. It has to be what Redis has.
        stop: Sequence number of the first message that was not.
        token: Token of the worker, which has to hold the lease.
        lease: Milliseconds until the lease expires, from this write on.
    """

    epoch: str
    start: int
    stop: int
    token: str
    lease: int


def identify(keys: SessionKeys) -> Operation[Identity]:
    """Read the epoch and the user of a session, on the primary."""
    command = read_primary("HMGET", keys.state, "epoch", "user")
    return Operation((command,), lambda replies: Identity(*map(optional_member, replies[0])))


def begin(facts: FactKeys, token: str, epoch: str, *, lease: int, force: bool) -> Operation[Begin]:
    """Take the learning lease of a user, or of a session without one.

    Args:
        facts: Keys of the facts.
        token: Random token of the worker.
        epoch: Epoch of the session that is to be learned.
        lease: Milliseconds until the lease expires.
        force: Whether to ignore the pause after a failure.
    """
    args = (token, lease, epoch, _own(facts), int(force))
    return Operation(
        (Command(SCRIPTS["facts_begin"], (facts.lease, facts.end), args),), lambda replies: Begin(int(replies[0]))
    )


def read_facts(
    facts: FactKeys, epoch: str = "", *, most: int | None = None, past: bool = False
) -> Operation[FactsRead]:
    """Read the facts about a user. Atomic.

    Args:
        facts: Keys of the facts.
        epoch: Epoch of the session of which `learned` and `ended` are read.
        most: How many current facts to read at most. None for all.
        past: Whether to read those that were superseded or retracted, too.
    """
    args = (epoch, _own(facts), "" if most is None else most, int(past))
    return Operation((Command(SCRIPTS["facts_read"], (*facts.stored, facts.end), args),), _to_read)


def write_facts(
    facts: FactKeys,
    version: int,
    changes: Sequence[Change],
    *,
    progress: Progress | None = None,
    ended: str | None = None,
    ttl: int | None = None,
    counts: Mapping[str, int] | None = None,
) -> Operation[Written]:
    """Write changes of facts, or do nothing if the facts changed since they were read. Atomic.

    Args:
        facts: Keys of the facts.
        version: Version of the facts that were read.
        changes: The changes.
        progress: How far a session was learned, if the changes come from a learner.
        ended: Epoch of a session that is being deleted: nothing is learned from it any more.
        ttl: Milliseconds until the facts expire, or 0 for never. None leaves it as it is.
        counts: What is counted in the state of the facts, and by how much.
    """
    epoch = progress.epoch if progress is not None else ended or ""
    head: tuple[Value, ...] = (
        version,
        "" if progress is None else progress.token,
        0 if progress is None else progress.lease,
        epoch,
        _own(facts),
        0 if progress is None else progress.start,
        0 if progress is None else progress.stop,
        int(ended is not None),
        "" if ttl is None else ttl,
        3 * len(changes),
    )
    values: list[Value] = []
    for change in changes:
        values += (change.id, _score(change.fact), b"" if change.fact is None else to_json(change.fact))
    pairs = [each for pair in sorted((counts or {}).items()) if pair[1] for each in pair]
    command = Command(
        SCRIPTS["facts_write"], (*facts.stored, facts.lease, facts.end, facts.vectors), (*head, *values, *pairs)
    )
    return Operation((command,), lambda replies: Written(int(replies[0])))


def fail(facts: FactKeys, token: str, *, first_pause: int, longest_pause: int) -> Operation[tuple[int, int]]:
    """Count a failure of the learner, and replace the lease by a pause.

    Returns:
        The number of failures in a row, and the pause in milliseconds.
    """
    command = Command(SCRIPTS["facts_fail"], (facts.lease, facts.state), (token, first_pause, longest_pause))
    return Operation((command,), lambda replies: (int(replies[0][0]), int(replies[0][1])))


def note_learned(keys: SessionKeys, epoch: str, learned: int, tokens: int) -> Operation[None]:
    """Note in the state of a session how far it was learned, for display, and add the tokens that this took."""
    return Operation((Command(SCRIPTS["learned_note"], (keys.state,), (epoch, learned, tokens)),), ignore_replies)


def read_learned(keys: SessionKeys) -> Operation[int | None]:
    """Read how far a session was learned the last time, for display; None if it never was."""
    return Operation(
        (Command("HGET", (keys.state,), (LEARNED,)),), lambda replies: None if replies[0] is None else int(replies[0])
    )


def drop(facts: FactKeys) -> Operation[int]:
    """Remove all facts about a user, and everything that was noted beside them. Returns how many keys there were."""
    return Operation((Command("UNLINK", facts.all),), lambda replies: int(replies[0]))


def sweep(facts: FactKeys) -> Operation[int]:
    """Remove the keys of the facts about a user if nothing is in them. Returns how many keys there were."""
    return Operation((Command(SCRIPTS["facts_sweep"], facts.all),), lambda replies: int(replies[0]))


def exist(facts: FactKeys) -> Operation[bool]:
    """Read whether anything was, or is being, learned about a user."""
    return Operation((read_primary("HLEN", facts.state), read_primary("EXISTS", facts.lease)), any)


def read_counts(facts: FactKeys) -> Operation[dict[str, int]]:
    """Read what is counted in the state of the facts, such as tokens and rejected operations, by its name."""

    def parse(replies: list[Any]) -> dict[str, int]:
        flat = replies[0]
        pairs = flat.items() if isinstance(flat, dict) else zip(flat[::2], flat[1::2], strict=True)
        named = ((optional_member(name) or "", value) for name, value in pairs)
        return {name: int(value) for name, value in named if not name.startswith("learned:")}

    return Operation((read_primary("HGETALL", facts.state),), parse)


def _own(facts: FactKeys) -> int:
    return int(facts.session is not None)


def _score(fact: Fact | None) -> Value:
    if fact is None:
        return ""
    if not fact.is_open:
        return "past"
    return to_micros(fact.said_at) + (_PINNED_SCORE if fact.pinned else 0)


def _to_read(replies: list[Any]) -> FactsRead:
    version, learned, ended, now, current, past = replies[0]
    return FactsRead(
        version=int(version),
        learned=int(learned),
        ended=bool(ended),
        now=datetime.fromtimestamp(int(now) / 1_000_000, UTC),
        current=list(map(from_json, current)),
        past=list(map(from_json, past)),
    )
