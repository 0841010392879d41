"""What has to hold of the facts about a user after every step, whoever did what: checked on the raw keys."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from langchain_motorhead.facts.model import Fact
from langchain_motorhead.facts.operations import Written
from langchain_motorhead.facts.records import from_json
from langchain_motorhead.messages.codec import decode
from langchain_motorhead.storage.keys import FactKeys, SessionKeys
from langchain_motorhead.storage.operation import Operation
from simulation.archives import must
from simulation.ledger import name_of

Keys = Mapping[bytes, Any]
Place = tuple[str, int]
LIE, HOME, PINNED, GONE = "lie", "home", "pinned", "gone"
"""Beginnings of texts: of what a lying learner proposes, of messages that supersede each other, of what a person
states, and of messages that were forgotten."""
_fact = lru_cache(maxsize=10_000)(from_json)
_text = lru_cache(maxsize=10_000)(lambda data: str(decode(data).text))


@dataclass(frozen=True)
class FactLedger:
    """What should be there.

    Attributes:
        learned: Messages that commits have learned, each with its epoch and sequence number.
        ended: Epochs of sessions that are being deleted, or were.
        stated: Facts that a person stated.
        hidden: Messages that are being forgotten, and whether what was learned from them should be gone.
        deleted: Whether the user was deleted.
    """

    learned: tuple[Place, ...] = ()
    ended: frozenset[str] = frozenset()
    stated: frozenset[str] = frozenset()
    hidden: tuple[Place, bool] | None = None
    deleted: bool = False

    def executed(self, operation: Operation[Any], result: Any, there: Keys) -> FactLedger:
        """Take note of an operation that Redis executed."""
        name, command = name_of(operation), operation.commands[0]
        if name == "UNLINK" and any("/users/" in key for key in command.keys):
            return replace(self, learned=(), stated=frozenset(), deleted=True)
        if name == "LSET":
            epoch = there[command.keys[0].replace(":messages", ":state").encode()][b"epoch"].decode()
            return replace(self, hidden=((epoch, int(command.args[0])), False))
        if name == "facts_write" and result is Written.DONE:
            token, epoch, start, stop, ends = (command.args[at] for at in (1, 3, 5, 6, 7))
            if token:
                new = tuple((str(epoch), seq) for seq in range(int(start), int(stop)))
                return replace(self, learned=(*self.learned, *new))
            if ends:
                left = tuple(place for place in self.learned if place[0] != epoch)
                return replace(self, learned=left, ended=self.ended | {str(epoch)})
            if self.hidden is not None:
                return replace(self, hidden=(self.hidden[0], True))
            if not any(isinstance(data, bytes) and data[:1] == b"{" for data in command.args[10:]):
                return replace(self, learned=(), stated=frozenset())  # everything, as the user is being deleted
            stated = {_fact(data).text for data in command.args[10:] if isinstance(data, bytes) and data[:1] == b"{"}
            return replace(self, stated=self.stated | {text for text in stated if text.startswith(PINNED)})
        return self


@dataclass(frozen=True)
class FactInvariants:
    """What has to hold of the facts about one user.

    Args:
        facts: Where they are.
        sessions: The user's sessions.
    """

    facts: FactKeys
    sessions: tuple[SessionKeys, ...]

    def state(self, there: Keys) -> Keys:
        """Give everything: the ledger looks at several keys."""
        return there

    def check(self, ledger: FactLedger, there: Keys) -> None:
        """Check all of them on what Redis holds.

        Raises:
            Violation: One does not hold.
        """
        twice = [place for place, count in Counter(ledger.learned).items() if count > 1]
        must(not twice, "messages were learned twice: {}", twice)
        current, past = (self._read(there, key) for key in (self.facts.current, self.facts.past))
        everything = {**current, **past}
        must(not current.keys() & past.keys(), "facts are both current and past: {}", current.keys() & past.keys())
        must(all(fact.is_open for fact in current.values()), "a fact that was superseded is current")
        must(not any(fact.is_open for fact in past.values()), "a fact that holds is not current")
        listed = {id_.decode() for id_ in there.get(self.facts.order.encode(), {})}
        must(listed == current.keys(), "listed are {}, and current {}", listed, list(current))
        texts = [fact.text for fact in everything.values()]
        must(not any(text.startswith(LIE) for text in texts), "a lie is stored: {}", texts)
        repeated = [text for text, count in Counter(fact.text for fact in current.values()).items() if count > 1]
        must(not repeated, "facts are there twice: {}", repeated)
        pinned = {fact.text for fact in current.values() if fact.pinned}
        must(pinned == ledger.stated, "a person stated {}, and there is {}", ledger.stated, pinned)
        self._every_fact_has_its_source(ledger, there, everything)
        for fact in everything.values():
            must(fact.superseded_by in (None, *everything), "{} was superseded by what is gone", fact.text)
        vectors = {id_.decode() for id_ in there.get(self.facts.vectors.encode(), {})}
        must(vectors <= everything.keys(), "there are vectors of facts that are gone: {}", vectors - everything.keys())
        homes = [fact.text for fact in current.values() if fact.text.startswith(HOME)]
        must(len(homes) <= 1, "several homes hold at once: {}", homes)
        must(bool(homes) or not any(text.startswith(HOME) for text in texts), "no home holds, of {}", texts)
        state = there.get(self.facts.state.encode(), {})
        counted = {name: int(count) for name, count in state.items()}
        rejected = sum(count for name, count in counted.items() if name.startswith(b"rejected:"))
        operations = counted.get(b"operations", 0)
        must(operations == counted.get(b"accepted", 0) + rejected, "the counts do not add up: {}", counted)

    def _every_fact_has_its_source(self, ledger: FactLedger, there: Keys, facts: Mapping[str, Fact]) -> None:
        """Each message that was learned is the source of one fact, and no other message is the source of any."""
        said: dict[Place, str] = {}
        for keys in self.sessions:
            epoch = there.get(keys.state.encode(), {}).get(b"epoch", b"").decode()
            texts = [_text(data) for data in there.get(keys.messages.encode(), ())]
            said |= {(epoch, seq): text for seq, text in enumerate(texts)}
        due = {place for place in ledger.learned if place[0] not in ledger.ended}
        optional = set[Place]()
        if ledger.hidden is not None:
            place, is_done = ledger.hidden
            optional = set() if is_done else {place}
            due.discard(place)
        found = Counter(source.place for fact in facts.values() for source in fact.sources)
        must(set(found) - optional == due - optional, "facts of {}, and there should be of {}", set(found), due)
        must(set(found.values()) <= {1}, "a message is the source of several facts: {}", found)
        for fact in facts.values():
            for source in fact.sources:
                must(source.place in said, "{} is of a session that is gone", fact.text)
                if source.place not in optional:
                    must(said[source.place] == source.quote, "{} quotes {}", said[source.place], source.quote)
            must(fact.has_source, "{} has no source", fact.text)

    def check_lease(self, who: frozenset[bytes], before: Keys, after: Keys, holders: frozenset[bytes]) -> None:
        """Nobody may take or end the lease of another who is at work, unless the user is deleted."""
        name = self.facts.lease.encode()
        held, now = before.get(name, b""), after.get(name, b"")
        gone = not now and self.facts.state.encode() not in after
        must(held == now or held in who or held not in holders or gone, "the lease of {} went to {}", held, now or None)

    def _read(self, there: Keys, key: str) -> dict[str, Fact]:
        found = [_fact(data) for data in there.get(key.encode(), {}).values()]
        return {fact.id: fact for fact in found}
