"""Who is at work in a simulation, and how far they came: a flow, and the answers that it was given so far."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from langchain_motorhead import MotorheadError
from langchain_motorhead.facts.learning.report import LearningReport
from langchain_motorhead.flows.protocol import Flow, Pause, Request
from langchain_motorhead.storage.operation import Operation


class Cancelled(BaseException):
    """A worker is stopped, as a task is when its loop ends."""


@dataclass(frozen=True)
class Worker:
    """Somebody at work.

    Attributes:
        name: For schedules.
        flow: Makes its flow: the same one each time.
        tokens: What it writes into leases.
        forgets: What the messages said, when they were accepted, that are forgotten when it comes to its end.
        stops: Whether it may stand still for ever, as a task does whose loop stops. That is no fault.
        over: Tokens of whoever's leases it may take.
    """

    name: str
    flow: Callable[[], Flow[Any]]
    tokens: frozenset[bytes] = frozenset()
    forgets: frozenset[str] = frozenset()
    stops: bool = False
    over: frozenset[bytes] = frozenset()


def attempts(name: str, make: Callable[[str], Worker]) -> tuple[Worker, Worker]:
    """Give the two attempts at a job: of a task whose loop may stop, and perhaps runs on; and of a thread.

    Args:
        name: Of the job.
        make: Makes a worker with a token.
    """
    task, thread = make(f"{name}.1.a"), make(f"{name}.2.b")
    return replace(task, name=f"{name}1", stops=True), replace(thread, name=f"{name}2", over=task.tokens)


class Progress:
    """How far a worker came. One object for one way: it is known by all that the worker was told.

    Attributes:
        worker: Whose.
        request: What it asks for; None if it is at its end.
        result: What its flow came to.
    """

    def __init__(
        self, worker: Worker, before: Progress | None = None, answer: Any = None, *, dead: bool = False
    ) -> None:
        self.worker = worker
        self.result: Any = None
        self._before = before
        self._answer = answer
        self._next: dict[str, Progress] = {}
        self.request = None if dead else self._replay()

    @property
    def reported(self) -> object:
        """What it says of its work at its end, if that is judged when all came to theirs."""
        return self.result.state if isinstance(self.result, LearningReport) else None

    def told(self, answer: Any) -> Progress:
        """Give how far it is with one more answer; an exception is thrown in."""
        known = f"{type(answer).__name__} {answer!r}"
        if known not in self._next:
            after = Progress(self.worker, self, answer)
            # Whoever polls is where it was.
            before = self._before
            if isinstance(self.request, Pause) and before is not None and _is_same(before.request, after.request):
                after = before
            self._next[known] = after
        return self._next[known]

    def dropped(self) -> Progress:
        """Give how far it is when it died."""
        return Progress(self.worker, dead=True)

    def _answers(self) -> Iterator[Any]:
        if self._before is not None:
            yield from self._before._answers()
            yield self._answer

    def _replay(self) -> Request | None:
        flow = self.worker.flow()
        try:
            request = next(flow)
            for answer in self._answers():
                request = flow.throw(answer) if isinstance(answer, BaseException) else flow.send(answer)
        except StopIteration as end:
            self.result = end.value
            return None
        except (MotorheadError, Cancelled) as error:
            self.result = error
            return None
        flow.close()
        return request


def _is_same(one: Request | None, other: Request | None) -> bool:
    return isinstance(one, Operation) and isinstance(other, Operation) and one.commands == other.commands
