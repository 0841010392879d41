"""Every schedule of a few workers, each state once: breadth first, so that what is found has a shortest schedule."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from langchain_motorhead.flows.protocol import Pause
from simulation.archives import Violation, length_of
from simulation.progress import Progress, Worker
from simulation.remembering_redis import RememberingRedis
from simulation.simulation import Simulation, Store
from simulation.workers import Cast

_LONGEST = 200


@dataclass(frozen=True)
class Scenario:
    """Who is at work on one session, and what may go wrong.

    Attributes:
        cast: Makes them.
        workers: They.
        before: Those who came to their end before the others begin.
        faults: How many steps may go wrong in one schedule; time that passes is one of them.
        conclude: Checks that whoever comes next can go on.
        settles: Whether nothing is due when all came to their end, and nothing went wrong.
    """

    cast: Any
    workers: tuple[Worker, ...]
    before: tuple[Worker, ...] = ()
    faults: int = 1
    settles: bool = False
    conclude: Callable[..., None] = lambda cast, simulation, *, settled=False: conclude(
        cast, simulation, settled=settled
    )

    def begin(self, store: Store) -> Simulation:
        """Give the simulation that schedules are for."""
        simulation: Simulation = self.cast.simulation(store)
        for worker in self.before:
            simulation.add(worker)
            while simulation.at_work[worker.name].request is not None:
                simulation.do(worker.name)
            del simulation.at_work[worker.name]
        for worker in self.workers:
            simulation.add(worker)
        return simulation

    def replay(self, schedule: str) -> list[str]:
        """Take the steps of a schedule. Returns what was done.

        Raises:
            Violation: Something does not hold; it tells what was done, and what not.
        """
        simulation = self.begin(RememberingRedis())
        simulation.trace = []
        simulation.play(schedule)
        if self._is_settled(schedule.split()):
            simulation.check_waiting()
        if not simulation.steps(faults=False):
            self.conclude(self.cast, simulation, settled=self._is_settled(schedule.split()))
        return simulation.trace

    def _is_settled(self, steps: Sequence[str]) -> bool:
        return self.settles and not any(step == "tick" or step.partition(".")[2] not in ("", "stops") for step in steps)


@dataclass(frozen=True)
class Explored:
    """What there was to explore.

    Attributes:
        states: States that were told apart.
        steps: Steps between them.
        ends: Those where all workers came to their end.
    """

    states: int
    steps: int
    ends: int


@dataclass(frozen=True, slots=True)
class _State:
    at: int
    ledger: Any
    progress: tuple[Progress, ...]
    faults: int
    path: tuple[Any, ...]

    def key(self) -> tuple[Any, ...]:
        return (
            self.at,
            self.ledger,
            tuple(each if each.request else each.reported for each in self.progress),
            self.faults,
        )


def explore(scenario: Scenario, *, most: int = 1_000_000) -> Explored:
    """Take every schedule of a scenario.

    Args:
        scenario: Who is at work.
        most: States to explore at most; more of them are an error.

    Raises:
        Violation: Something does not hold. It has the schedule, what was done, and what does not hold.
    """
    store = RememberingRedis()
    simulation = scenario.begin(store)
    first = _state(simulation, store.at, 0, ())
    seen, queue = {first.key()}, deque([first])
    steps = ends = 0
    while queue:
        state = queue.popleft()
        store.at = state.at
        _put_back(simulation, state)
        correct = simulation.steps(faults=False)
        wrong = simulation.steps(faults=True) if state.faults < scenario.faults and correct else []
        if scenario.settles and not state.faults:
            _or_tell(scenario, state.path, simulation.check_waiting)
        if not correct:
            ends += 1
            settled = scenario.settles and not state.faults
            _or_tell(scenario, state.path, partial(scenario.conclude, scenario.cast, simulation, settled=settled))
        for step in (*correct, *wrong):
            path = (state.path, step)
            store.at = state.at
            _put_back(simulation, state)
            _or_tell(scenario, path, partial(simulation.take, step))
            steps += 1
            after = _state(simulation, store.at, state.faults + (step not in correct), path)
            if (key := after.key()) not in seen:
                _or_tell(scenario, path, simulation.check)
                assert len(seen) < most, f"more than {most} states"
                seen.add(key)
                queue.append(after)
    return Explored(len(seen), steps, ends)


def _state(simulation: Simulation, at: int, faults: int, path: tuple[Any, ...]) -> _State:
    return _State(at, simulation.ledger, tuple(simulation.at_work.values()), faults, path)


def _put_back(simulation: Simulation, state: _State) -> None:
    simulation.ledger = state.ledger
    simulation.at_work = {each.worker.name: each for each in state.progress}


def _or_tell(scenario: Scenario, path: tuple[Any, ...], take: Callable[[], None]) -> None:
    try:
        take()
    except Violation as violation:
        schedule = []
        while path:
            path, step = path
            schedule.append(step)
        words = " ".join(reversed(schedule))
        try:
            scenario.replay(words)
        except Violation as told:
            raise Violation(f"schedule: {words}\n{told}") from None
        raise Violation(f"schedule: {words}\n{violation}") from None


def conclude(cast: Cast, simulation: Simulation, *, settled: bool = False) -> None:
    """Check that whoever comes next, however it was left, can do what is due; and that nothing is, if it is settled.

    Raises:
        Violation: It is not so.
    """
    keys = cast.keys
    length = length_of(keys, simulation.store.dump().values)
    indexed = int(simulation.store.dump().values.get(keys.state.encode(), {}).get(b"indexed", 0))
    if settled and cast.recall and indexed < len(simulation.ledger.said or ()):
        raise simulation.traced("the end", Violation("messages are not indexed, and no report says so"))
    if settled and not cast.recall and cast.window.is_due(length, None):
        left = f"{length} messages wait for a compaction that nobody is told of"
        raise simulation.traced("the end", Violation(left))
    simulation.add(cast.compacting("next", explicit=True))
    for _ in range(_LONGEST):
        request = simulation.at_work["next"].request
        if request is None:
            break
        if isinstance(request, Pause):
            simulation.do("tick")
        simulation.do("next")
    else:
        raise simulation.traced("the end", Violation("whoever comes next is kept from its work"))
    there = simulation.store.dump().values
    if cast.window.is_due(length_of(keys, there), None):
        raise simulation.traced("the end", Violation("whoever came next left something to do"))
    state = there.get(keys.state.encode(), {})
    if b"covered" in state:
        raise simulation.traced("the end", Violation("whoever came next left a gap before the list"))
    if cast.recall and int(state.get(b"indexed", 0)) < len(simulation.ledger.said or ()):
        raise simulation.traced("the end", Violation("whoever came next left something to index"))
    if cast.recall:
        _conclude_vectors(cast, simulation)


def _conclude_vectors(cast: Cast, simulation: Simulation) -> None:
    simulation.add(cast.indexing("later", wait=True))
    for _ in range(_LONGEST):
        request = simulation.at_work["later"].request
        if request is None:
            break
        if isinstance(request, Pause):
            simulation.do("tick")
        simulation.do("later")
    else:
        raise simulation.traced("the end", Violation("whoever comes later is kept from embedding"))
    if b"remake" in simulation.store.dump().values.get(cast.keys.state.encode(), {}):
        raise simulation.traced("the end", Violation("whoever came later left documents to be made again"))
    if b"embedded" in simulation.store.dump().values.get(cast.keys.state.encode(), {}):
        raise simulation.traced("the end", Violation("whoever came later left documents without vectors"))
