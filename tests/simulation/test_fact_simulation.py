"""Facts learned exactly once, by simulation: every schedule of small casts, and what is broken is found."""

from __future__ import annotations

import pytest

from simulation.archives import Violation
from simulation.exploration import explore
from simulation.fact_mutations import FACTS_BROKEN
from simulation.fact_scenarios import FACT_SCENARIOS
from simulation.test_simulation import explore_with_more_and_more_faults


@pytest.mark.parametrize("name", FACT_SCENARIOS)
def test_every_schedule_of_a_few_learners(name: str) -> None:
    """However they interleave, and whatever goes wrong, each message is learned once, and each fact has its source."""
    explored = explore(FACT_SCENARIOS[name]())
    assert explored.states > 100
    assert explored.ends


@pytest.mark.parametrize("name", FACTS_BROKEN)
def test_what_is_broken_is_found(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """There is a schedule on which it shows, and which shows it again when it is replayed."""
    broken = FACTS_BROKEN[name]
    broken.apply(monkeypatch)
    scenario = FACT_SCENARIOS[broken.scenario]()
    with pytest.raises(Violation, match=r"^schedule: ") as found:
        explore_with_more_and_more_faults(scenario)
    told = str(found.value).splitlines()
    with pytest.raises(Violation) as again:
        scenario.replay(told[0].removeprefix("schedule: "))
    assert str(again.value).splitlines() == told[1:]
