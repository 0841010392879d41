"""Flows at work beside each other, step by step, as a schedule says: a deterministic simulation.

A worker is a flow. A step answers what one worker asks for: executes its operation on a store, or gives it a summary
or vectors. `c1` does that as it should be; `c1.lost` and the rest of `FAULTS` otherwise; `tick` lets time pass until
the next lease or pause ends. So a schedule is words: `a c1 c1 c2 tick c2.fails`. The same words come to the same end.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from lupa.lua51 import LuaError

from langchain_motorhead import EmbeddingError, Memory, MotorheadError, StoreError, StoreUnavailableError
from langchain_motorhead.flows.protocol import (
    Embed,
    Learn,
    Pause,
    Request,
    Summarize,
)
from langchain_motorhead.sessions.archive.transcript import Transcript
from langchain_motorhead.sessions.changes.forgetting import Receipt
from langchain_motorhead.storage.operation import Operation
from simulation.answers import answer_to, bad_answers
from simulation.archives import Violation
from simulation.fact_answers import bad_operations, learned_of
from simulation.invariants import Ledger, name_of
from simulation.progress import Cancelled, Progress, Worker
from simulation.simulated_redis import Snapshot
from support.summarizers import SEPARATOR

# What may become of an operation, a summary, and vectors.
FAULTS: dict[type, tuple[str, ...]] = {
    Operation: ("unsent", "lost", "twice", "drop", "cancel"),
    Summarize: ("fails", "none", "empty", "odd", "beat", "drop", "cancel"),
    Embed: ("fails", "beat", "drop", "cancel"),
    Learn: ("beat", "drop", "cancel"),
    Pause: ("drop", "cancel"),
}


# Epochs of sessions that were deleted are kept for a day: no worker is held up for so long.
_LONG_LIVED = b":facts:ended"


class Store(Protocol):
    """What executes operations, and has a clock of its own."""

    def run(self, operation: Operation[Any]) -> Any:
        """Execute an operation."""

    def tick(self) -> None:
        """Let time pass until the next key expires."""

    def dump(self) -> Snapshot:
        """Give all that there is."""


@dataclass
class Simulation:
    """Workers, what they work on, and what should be there.

    Attributes:
        store: Executes operations.
        invariants: Checked after every step.
        at_work: How far each worker came, by its name.
        ledger: What should be there.
        trace: What was done, if it is to be told.
        checked: Whether the model's answers are checked, and it may answer badly.
        vectors: Embeds texts.
    """

    store: Store
    invariants: Any
    at_work: dict[str, Progress] = field(default_factory=dict)
    ledger: Any = field(default_factory=Ledger)
    trace: list[str] | None = None
    checked: bool = False
    vectors: Callable[[Sequence[str]], Any] = lambda texts: np.ones((len(texts), 2))

    def add(self, worker: Worker) -> None:
        """Let somebody begin."""
        self.at_work[worker.name] = Progress(worker)

    def steps(self, *, faults: bool) -> list[str]:
        """List the steps that can be taken now: those that should be, or those that may go wrong."""
        going = {name: each.request for name, each in self.at_work.items() if each.request is not None}
        if not faults:
            return [*going, *(f"{name}.stops" for name in going if self.at_work[name].worker.stops)]
        steps = [f"{name}.{fault}" for name, request in going.items() for fault in FAULTS[type(request)]]
        for name, request in going.items():
            steps += [f"{name}.{fault}" for fault in bad_operations(request)]
        if self.checked:
            for name, request in going.items():
                steps += [f"{name}.{fault}" for fault in bad_answers(request)]
        ends = any(not key.endswith(_LONG_LIVED) for key in self.store.dump().ends)
        return [*steps, "tick"] if ends else steps

    def play(self, schedule: str) -> None:
        """Take the steps of a schedule."""
        for step in schedule.split():
            self.do(step)

    def do(self, step: str) -> None:
        """Take one step, and check.

        Raises:
            Violation: Something does not hold that has to.
        """
        self.take(step)
        self.check(step)

    def take(self, step: str) -> None:
        """Take one step, and check what went over, but not what is there now.

        Raises:
            Violation: Something does not hold that has to.
        """
        before = self.store.dump()
        name, _, fault = step.partition(".")
        try:
            if name == "tick":
                self.store.tick()
                self._tell(step, lambda: f"time passes: {_ended(before, self.store.dump())} ends")
                return
            progress = self.at_work[name]
            self._step(step, progress, fault)
            if _told(progress.request) != "session_delete":
                tokens = progress.worker.tokens | progress.worker.over
                self.invariants.check_lease(tokens, before.values, self.store.dump().values, self._holders())
        except Violation as violation:
            raise self.traced(step, violation) from None

    def check(self, step: str = "") -> None:
        """Check what is there.

        Raises:
            Violation: Something does not hold that has to.
        """
        try:
            self.invariants.check(self.ledger, self.store.dump().values)
        except Violation as violation:
            raise self.traced(step, violation) from None

    def check_waiting(self) -> None:
        """Check that whom all the others wait for is at work.

        Raises:
            Violation: All wait for one who stopped.
        """
        going = [each.request for each in self.at_work.values() if each.request is not None]
        if not going or not all(isinstance(request, Pause) for request in going):
            return
        gone = {token for each in self.at_work.values() if each.request is None for token in each.worker.tokens}
        for key, value in self.store.dump().values.items():
            if isinstance(value, bytes) and value.removesuffix(b"!") in gone:
                raise self.traced("all that", Violation(f"all wait for {key!r}, which {value!r} has left"))

    def traced(self, step: str, violation: Violation) -> Violation:
        """Give a violation with what was done before it."""
        return Violation("\n".join([*(self.trace or []), f"after {step}: {violation}"]))

    def _tell(self, step: str, what: Callable[[], str]) -> None:
        if self.trace is not None:
            self.trace.append(f"{step:12} {what()}")

    def _holders(self) -> frozenset[bytes]:
        going = (each for each in self.at_work.values() if each.request is not None)
        return frozenset(token for each in going for token in each.worker.tokens)

    def _step(self, step: str, progress: Progress, fault: str) -> None:
        request, name = progress.request, progress.worker.name
        if fault == "beat":
            assert isinstance(request, Summarize | Embed | Learn)
            if request.heartbeat is not None:
                self._execute(request.heartbeat)
            self._tell(step, lambda: "heartbeat")
            return
        if fault in ("drop", "stops"):
            self.at_work[name] = progress.dropped()
            self._tell(step, lambda: f"{'dies' if fault == 'drop' else fault}, asking for {_told(request)}")
            return
        answer = Cancelled() if fault == "cancel" else self._answer(request, fault)
        self._tell(step, lambda: f"{_told(request)} -> {_shown(answer)}")
        after = self.at_work[name] = progress.told(answer)
        if isinstance(after.request, Summarize) and not self.checked:  # what is kept from a model is left out
            self.invariants.check_request(self.ledger, after.request)
        if isinstance(after.result, Memory):
            self.invariants.check_memory(self.ledger, after.result)
        if isinstance(after.result, Receipt):
            self.ledger = self.ledger.forgot(after.worker.forgets)
        if isinstance(after.result, Transcript):
            self.invariants.check_transcript(self.ledger, after.result)

    def _answer(self, request: Request | None, fault: str) -> Any:
        if isinstance(request, Operation):
            if fault == "unsent":
                return StoreUnavailableError("not sent")
            answer = self._execute(request)
            if fault == "twice":  # as where Redis had forgotten a script
                answer = self._execute(request)
            return StoreUnavailableError("the answer was lost") if fault == "lost" else answer
        if isinstance(request, Embed):
            return EmbeddingError("no") if fault == "fails" else self.vectors(request.texts)
        if isinstance(request, Learn):
            return learned_of(request, fault)
        if isinstance(request, Summarize):
            return self._summary(request, fault)
        return None

    def _summary(self, request: Summarize, fault: str) -> Any:
        if fault == "none":
            self.ledger = self.ledger.found_nothing([str(message.content) for message in request.given["messages"]])
        return answer_to(request, fault, checked=self.checked)

    def _execute(self, operation: Operation[Any]) -> Any:
        try:
            result = self.store.run(operation)
        except MotorheadError as error:
            return error
        except (LuaError, ValueError) as error:  # of a script of the simulated Redis, which keeps what it has written
            return StoreError(str(error))
        self.ledger = self.ledger.executed(operation, result, self.invariants.state(self.store.dump().values))
        return result


def _ended(before: Snapshot, after: Snapshot) -> str:
    return ", ".join(key.decode().rpartition(":")[2] for key in before.ends if key not in after.ends)


def _told(request: Request | None) -> str:
    if isinstance(request, Operation):
        return name_of(request)
    if isinstance(request, Summarize):
        texts = ",".join(str(message.content) for message in request.given["messages"])
        return f"summarize {_shown(request.given['summary'])} + {texts}"
    return type(request).__name__.lower()


def _shown(answer: Any) -> str:
    if isinstance(answer, np.ndarray):
        return f"{len(answer)} vectors"
    return repr(answer).replace(SEPARATOR, ",")[:160]
