"""Who is at work on the facts about one user, in a simulation: workers whose flows are those of the package."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any
from zlib import crc32

import numpy as np
from langchain_core.messages import BaseMessage, HumanMessage

from langchain_motorhead import StoreUnavailableError
from langchain_motorhead.facts import editing, erasure
from langchain_motorhead.facts.learning.flow import learn
from langchain_motorhead.facts.learning.report import LearningConfig, LearningReport, LearningState
from langchain_motorhead.facts.vectors import Embedding
from langchain_motorhead.flows.protocol import Flow, Pause
from langchain_motorhead.messages.codec import encode
from langchain_motorhead.sessions import operations
from langchain_motorhead.sessions.operations import Record
from langchain_motorhead.storage.keys import SessionKeys, session_keys, user_fact_keys
from langchain_motorhead.storage.operation import Command, Operation, ignore_replies
from simulation.archives import Violation
from simulation.fact_invariants import GONE, PINNED, FactInvariants, FactLedger
from simulation.progress import Worker
from simulation.simulation import Simulation, Store

_LONGEST = 200


def count(messages: Sequence[BaseMessage]) -> int:
    """Count a token a message."""
    return len(messages)


def distinct(texts: Sequence[str]) -> Any:
    """Give each text a vector that is close to that of no other."""
    vectors = np.zeros((len(texts), 1_000))
    for row, text in zip(vectors, texts, strict=True):
        row[crc32(text.encode()) % 1_000] = 1
    return vectors


class FactCast:
    """Makes workers on two sessions of one user.

    Args:
        budget: Messages that are learned at once.
        embedded: Whether facts have vectors.
    """

    def __init__(self, budget: int = 100, *, embedded: bool = False) -> None:
        self.sessions = (session_keys("ns", "a", "u"), session_keys("ns", "b", "u"))
        self.facts = user_fact_keys("ns", "u")
        embedding = Embedding("m", count) if embedded else None
        self.config = LearningConfig(count, budget, has_model=True, embedding=embedding)
        self.forgets = self.ends_user = ""
        self.learners: dict[str, int] = {}
        self.appenders: dict[str, int] = {}
        self._appended = 0

    def simulation(self, store: Store) -> Simulation:
        """Begin a simulation."""
        return Simulation(store, FactInvariants(self.facts, self.sessions), ledger=FactLedger(), vectors=distinct)

    def appender(self, name: str, which: int, *texts: str) -> Worker:
        """Append messages to a session, one at a time."""
        self.appenders[name] = which
        appends = [self._append(self.sessions[which], text) for text in texts]
        return Worker(name, lambda: _in_turn(appends))

    def learning(self, name: str, which: int, *, explicit: bool = False) -> Worker:
        """Learn from a session."""
        self.learners[name] = which
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
    left = [key for key in (*cast.facts.stored, cast.facts.vectors) if key.encode() in there]
    if isinstance(results.get(cast.ends_user), int) and left:
        raise simulation.traced("the end", Violation("something is left of a user who was deleted"))
    simulation.check("the end")
    _check_reports(cast, simulation)
    if settled and any(learned != total for learned, total in map(partial(_progress, cast, simulation), (0, 1))):
        raise simulation.traced("the end", Violation("messages are not learned, and no report says so"))
    for which in range(len(cast.sessions)):
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
        learned, total = _progress(cast, simulation, which)
        if learned != total:
            raise simulation.traced("the end", Violation(f"{learned} of {total} messages of {which} are learned"))


def _check_reports(cast: FactCast, simulation: Simulation) -> None:
    """Check that a learner that reports to be done left nothing, if nobody appended beside it."""
    for name, which in cast.learners.items():
        result = simulation.at_work[name].result if name in simulation.at_work else None
        appended = any(cast.appenders.get(each) == which for each in simulation.at_work)
        if not isinstance(result, LearningReport) or result.state is not LearningState.DONE or appended:
            continue
        learned, total = _progress(cast, simulation, which)
        if learned != total:
            raise simulation.traced("the end", Violation(f"{name} is done, with {learned} of {total} messages learned"))


def _progress(cast: FactCast, simulation: Simulation, which: int) -> tuple[int, int]:
    """Return how many messages of a session are learned, and how many there are; both 0 if it is gone."""
    there, keys = simulation.store.dump().values, cast.sessions[which]
    epoch = there.get(keys.state.encode(), {}).get(b"epoch")
    if epoch is None or epoch.decode() in simulation.ledger.ended:
        return 0, 0
    learned = there.get(cast.facts.state.encode(), {}).get(b"learned:" + epoch, 0)
    return int(learned), len(there.get(keys.messages.encode(), ()))


def _in_turn(appends: Sequence[Operation[Any]]) -> Flow[None]:
    for append in appends:
        try:
            yield append
        except StoreUnavailableError:
            yield append
