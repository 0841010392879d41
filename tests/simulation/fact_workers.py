"""Who is at work on the facts about one user, in a simulation: workers whose flows are those of the package."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from langchain_core.messages import BaseMessage, HumanMessage

from langchain_motorhead import StoreUnavailableError
from langchain_motorhead.facts import editing, erasure
from langchain_motorhead.facts.learning.flow import learn
from langchain_motorhead.facts.learning.report import LearningConfig
from langchain_motorhead.flows.protocol import Flow, Pause
from langchain_motorhead.messages.codec import encode
from langchain_motorhead.sessions import operations
from langchain_motorhead.sessions.operations import Record
from langchain_motorhead.storage.keys import SessionKeys, session_keys, user_fact_keys
from langchain_motorhead.storage.operation import Command, Operation, ignore_replies
from simulation.archives import Violation
from simulation.fact_invariants import GONE, PINNED, FactInvariants, FactLedger
from simulation.simulation import Simulation, Store, Worker

_LONGEST = 200


def count(messages: Sequence[BaseMessage]) -> int:
    """Count a token a message."""
    return len(messages)


class FactCast:
    """Makes workers on two sessions of one user.

    Args:
        budget: Messages that are learned at once.
    """

    def __init__(self, budget: int = 100) -> None:
        self.sessions = (session_keys("ns", "a", "u"), session_keys("ns", "b", "u"))
        self.facts = user_fact_keys("ns", "u")
        self.config = LearningConfig(count, budget, has_model=True)
        self.forgets = self.ends_user = ""
        self._appended = 0

    def simulation(self, store: Store) -> Simulation:
        """Begin a simulation."""
        return Simulation(store, FactInvariants(self.facts, self.sessions), ledger=FactLedger())

    def appender(self, name: str, which: int, *texts: str) -> Worker:
        """Append messages to a session, one at a time."""
        appends = [self._append(self.sessions[which], text) for text in texts]
        return Worker(name, lambda: _in_turn(appends))

    def learning(self, name: str, which: int, *, explicit: bool = False) -> Worker:
        """Learn from a session."""
        keys = self.sessions[which]
        flow: Any = lambda: learn(keys, name, self.config, explicit=explicit)
        return Worker(name, flow, frozenset([name.encode()]))

    def deleting(self, name: str, which: int) -> Worker:
        """Delete a session, as a backend does."""
        keys = self.sessions[which]
        return Worker(name, lambda: erasure.delete_session(keys, one_slot=True))

    def deleting_user(self, name: str) -> Worker:
        """Delete the user."""
        self.ends_user = name
        return Worker(name, lambda: erasure.delete_user("ns", "u", one_slot=True))

    def forgetting(self, name: str, which: int, seq: int) -> Worker:
        """Forget a message: it says nothing any more, and what was learned from it is erased."""
        self.forgets = name
        keys, record = self.sessions[which], encode(HumanMessage(GONE))
        blank = Operation((Command("LSET", (keys.messages,), (seq, record)),), ignore_replies)

        def forget() -> Flow[object]:
            yield blank
            return (yield from erasure.forget_messages(keys, [seq]))

        return Worker(name, forget)

    def stating(self, name: str) -> Worker:
        """Let a person state a fact."""
        return Worker(name, lambda: editing.remember(self.facts, name, PINNED, subject="user", attribute="note"))

    def _append(self, keys: SessionKeys, text: str) -> Operation[Any]:
        self._appended += 1
        return operations.append(
            keys,
            [Record(encode(HumanMessage(text, id=text)), text, None)],
            now=1_700_000_000_000_000 + self._appended,
            token=f"{self._appended:016x}",
            ttl=0,
            one_slot=True,
        )


def conclude_facts(cast: FactCast, simulation: Simulation, *, settled: bool = False) -> None:
    """Check that whoever comes next learns what is left, however it was left.

    Raises:
        Violation: It is not so.
    """
    results = {name: each.result for name, each in simulation.at_work.items()}
    if cast.forgets in results and isinstance(results[cast.forgets], int):
        simulation.ledger = replace(simulation.ledger, hidden=(simulation.ledger.hidden[0], True))
    there = simulation.store.dump().values
    if isinstance(results.get(cast.ends_user), int) and any(key.encode() in there for key in cast.facts.stored):
        raise simulation.traced("the end", Violation("something is left of a user who was deleted"))
    simulation.check("the end")
    for which, keys in enumerate(cast.sessions):
        name = f"next{which}"
        simulation.add(cast.learning(name, which, explicit=True))
        for _ in range(_LONGEST):
            request = simulation.at_work[name].request
            if request is None:
                break
            if isinstance(request, Pause):
                simulation.do("tick")
            simulation.do(name)
        else:
            raise simulation.traced("the end", Violation("whoever comes next is kept from learning"))
        there = simulation.store.dump().values
        epoch = there.get(keys.state.encode(), {}).get(b"epoch")
        total = len(there.get(keys.messages.encode(), ()))
        if epoch is None or epoch.decode() in simulation.ledger.ended:
            continue
        learned = int(there.get(cast.facts.state.encode(), {}).get(b"learned:" + epoch, 0))
        if learned != total:
            raise simulation.traced("the end", Violation(f"{learned} of {total} messages of {which} are learned"))


def _in_turn(appends: Sequence[Operation[Any]]) -> Flow[None]:
    for append in appends:
        try:
            yield append
        except StoreUnavailableError:
            yield append
