"""Nothing lost, by simulation: every schedule of small casts, many of larger ones, and what is broken is found."""

from __future__ import annotations

import re
import uuid
from dataclasses import replace
from typing import Any

import pytest
import redis
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test
from langchain_core.messages import BaseMessage

from langchain_motorhead import Window
from simulation.archives import Violation
from simulation.exploration import Scenario, conclude, explore
from simulation.forgetting_mutations import FORGETTING_BROKEN
from simulation.mutations import BROKEN
from simulation.progress import Worker
from simulation.reading import READING_BROKEN
from simulation.scenarios import SCENARIOS
from simulation.served_redis import ServedRedis
from simulation.simulated_redis import SimulatedRedis, Snapshot
from simulation.simulation import Simulation
from simulation.workers import Cast, named
from support.messages import with_tools

pytestmark = pytest.mark.timeout(600)  # the exploration of one scenario takes half a minute of CPU

ALL_BROKEN = BROKEN | FORGETTING_BROKEN | READING_BROKEN


@pytest.mark.parametrize("name", SCENARIOS)
def test_every_schedule_of_a_few_workers(name: str) -> None:
    """However they interleave, and whatever goes wrong, nothing is lost, and whoever comes next can go on."""
    explored = explore(SCENARIOS[name]())
    assert explored.states > 1_000
    assert explored.steps > explored.states
    assert explored.ends > 1


@pytest.mark.parametrize("name", ALL_BROKEN)
def test_what_is_broken_is_found(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """There is a schedule on which it shows, and which shows it again when it is replayed."""
    broken = ALL_BROKEN[name]
    broken.apply(monkeypatch)
    scenario = SCENARIOS[broken.scenario]()
    with pytest.raises(Violation, match=r"^schedule: ") as found:
        explore_with_more_and_more_faults(scenario)
    told = str(found.value).splitlines()
    schedule = told[0].removeprefix("schedule: ")
    assert len(told) > 1 + len(schedule.split()), "a line for each step, and what does not hold"
    with pytest.raises(Violation) as again:
        scenario.replay(schedule)
    assert str(again.value).splitlines() == told[1:]


def explore_with_more_and_more_faults(scenario: Scenario) -> None:
    """Explore a scenario so that what is found goes wrong by itself, if it can."""
    for faults in range(scenario.faults + 1):
        explore(replace(scenario, faults=faults))


def test_a_commit_without_a_fence_is_found_as_this_schedule() -> None:
    """The session is deleted and made anew while it is summarized: a broken commit is found, ours commits nothing."""
    schedule = "c1 c1 d d a a c1"
    trace = SCENARIOS["compacting"]().replay(schedule)
    assert [line.split()[:2] for line in trace[:7]] == [
        ["c1", "compaction_begin"],
        ["c1", "summarize"],
        ["d", "primary_read"],
        ["d", "session_delete"],
        ["a", "session_append"],
        ["a", "session_append"],
        ["c1", "compaction_commit"],
    ]
    assert trace[6].endswith("-> False")
    with pytest.MonkeyPatch.context() as monkeypatch:
        BROKEN["a commit without any fence"].apply(monkeypatch)
        with pytest.raises(Violation, match=r"commit -> True\nafter c1: the summary has \['m1', 'm2'\]"):
            SCENARIOS["compacting"]().replay(schedule)


class Crowd(RuleBasedStateMachine):
    """Up to six workers of all kinds at once, on one session, of one store or on several alike."""

    def __init__(self) -> None:
        super().__init__()
        self.simulations: list[Simulation] = []
        self.made = self.said = 0

    def stores(self, namespace: str) -> list[Any]:
        """Make the stores."""
        return [SimulatedRedis()]

    @initialize(
        recall=st.booleans(),
        messages=st.sampled_from([2, 4, 6]),
        tokens=st.sampled_from([None, 15, 25]),
        budget=st.sampled_from([1, 2, 100]),
    )
    def begin(self, recall: bool, messages: int, tokens: int | None, budget: int) -> None:
        """Decide how the session is configured."""
        window = Window(max_messages=messages, max_tokens=tokens, hard_limit=1_000, hard_limit_tokens=10**9)
        self.cast = Cast(f"sim{uuid.uuid4().hex}", window, recall=recall, budget=budget)
        for store in self.stores(self.cast.keys.namespace):
            self.simulations.append(self.cast.simulation(store))
            self.simulations[-1].trace = []

    @precondition(lambda self: len(self.simulations[0].steps(faults=False)) < 6)
    @rule(kind=st.sampled_from(["append", "append", "tools", "compact", "compact", "index", "delete", "read", "set",
                                "transcribe", "rebuild", "fall back", "forget", "forget", "edit"]),
          count=st.integers(1, 5), other=st.booleans())  # fmt: skip
    def join(self, kind: str, count: int, other: bool) -> None:
        """Let another one begin."""
        self.made += 1
        self.said += 2 * count
        worker = self.worker(
            f"{kind}{self.made}", kind, [f"m{at}" for at in range(self.said - 2 * count, self.said)], other
        )
        for simulation in self.simulations:
            simulation.add(worker)

    def worker(self, name: str, kind: str, texts: list[str], other: bool) -> Worker:
        """Make a worker."""
        half = len(texts) // 2
        match kind:
            case "append":
                return self.cast.appender(name, named(*texts[:half]), named(*texts[half:]), user="u" if other else None)
            case "tools":
                return self.cast.appender(name, *(with_ids(with_tools(text)) for text in texts[:half]))
            case "set":
                return self.setting(name, texts, by_hand=other)
            case "compact":
                return self.cast.compacting(name, explicit=other)
            case "forget" | "edit" | "rebuild":
                return self.changing(name, kind, other)
            case "fall back":
                return self.cast.falling_back(name, count_of(texts))
            case "transcribe":
                return self.cast.transcribing(name)
            case "index" if self.cast.recall:
                return self.cast.indexing(name, wait=other)
            case "delete" if other:
                return self.cast.deleting(name)
        return self.cast.reading_plainly(name) if other else self.cast.reading(name)

    def setting(self, name: str, texts: list[str], *, by_hand: bool) -> Worker:
        """Make a worker that replaces the summary."""
        if by_hand:
            return self.cast.setting_by_hand(name, f"instead {texts[0]}")
        return self.cast.setter(name, f"instead {texts[0]}", *named(*texts[1 : len(texts) // 2]))

    def changing(self, name: str, kind: str, other: bool) -> Worker:
        """Make a worker that forgets or edits a message that may have been accepted earlier, or summarizes again."""
        if kind == "rebuild":
            return self.cast.rebuilding(name)
        if kind == "edit":
            return self.cast.editing(name, f"m{5 * self.made % self.said}", f"e{self.made}")
        earlier = f"m{7 * self.made % self.said}"
        if self.made % 2:
            return self.cast.forgetting(name, *(f"{earlier} calls", f"{earlier} result {earlier}-0")[: 1 + other])
        return self.cast.forgetting(name, earlier)

    @precondition(lambda self: self.simulations[0].steps(faults=False))
    @rule(which=st.integers(0, 1_000), times=st.integers(1, 3))
    def step(self, which: int, times: int) -> None:
        """Let one of them take steps."""
        steps = self.simulations[0].steps(faults=False)
        self.do(steps[which % len(steps)], times)

    @precondition(lambda self: self.simulations[0].steps(faults=True))
    @rule(which=st.integers(0, 1_000))
    def go_wrong(self, which: int) -> None:
        """Let one step go wrong, or time pass."""
        steps = self.simulations[0].steps(faults=True)
        self.do(steps[which % len(steps)])

    def do(self, step: str, times: int = 1) -> None:
        """Take the same step everywhere, and compare what came of it."""
        for _ in range(times):
            if step != "tick" and self.simulations[0].at_work[step.partition(".")[0]].request is None:
                return
            for simulation in self.simulations:
                simulation.do(step)
            first, *others = (alike(each.store.dump()) for each in self.simulations)
            for other in others:
                assert other == first, "\n".join(self.simulations[0].trace or [])

    def teardown(self) -> None:
        """Whoever comes next can go on."""
        for simulation in self.simulations:
            conclude(self.cast, simulation)
            if isinstance(simulation.store, ServedRedis):
                simulation.store.clear()


def count_of(texts: list[str]) -> int:
    """Give a sequence number that depends on the texts alone."""
    return len(texts) % 5


def with_ids(messages: list[BaseMessage]) -> list[BaseMessage]:
    """Give messages ids. Without, an append may be sent again only as long as nobody else has appended."""
    return [message.model_copy(update={"id": str(message.content)}) for message in messages]


def alike(snapshot: Snapshot) -> Any:
    """Give what is to be the same on every store: all but the epochs and the times of records, which differ."""
    values = {
        key: {**value, b"epoch": b""} if isinstance(value, dict) and b"epoch" in value else value
        for key, value in snapshot.values.items()
    }
    for key in [key for key in values if key.endswith((b":summaries", b":rebuild"))]:
        values[key] = tuple(re.sub(rb"^(\d+ \d+) \d+ ", rb"\1 ", record) for record in values[key])
    return values, {key: end - snapshot.now for key, end in snapshot.ends.items()}


def test_many_schedules_of_a_crowd() -> None:
    """Whatever many workers do, and whatever goes wrong, nothing is lost."""
    run(Crowd, 25)


def test_the_same_on_a_real_redis(client: redis.Redis) -> None:
    """A real Redis does the same step for step, so that what is explored on the simulated one holds there, too."""

    class Both(Crowd):
        def stores(self, namespace: str) -> list[Any]:
            return [SimulatedRedis(), ServedRedis(client, namespace)]

    run(Both, 5)


def run(machine: type[RuleBasedStateMachine], examples: int) -> None:
    """Run a state machine."""
    checks = list(HealthCheck)
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples, stateful_step_count=50, deadline=None, suppress_health_check=checks, derandomize=True
        ),
    )
