"""Small casts at work on the facts about one user, whose every schedule is explored."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from simulation.exploration import Scenario
from simulation.fact_workers import FactCast, conclude_facts
from simulation.progress import Worker, attempts


def _scenario(cast: Any, workers: tuple[Worker, ...], before: tuple[Worker, ...], faults: int = 1) -> Scenario:
    return Scenario(cast, workers, before, faults=faults, conclude=conclude_facts)


def learning() -> Scenario:
    """Two learners of one session, one of another session of the user, and one who appends."""
    cast = FactCast()
    workers = (cast.learning("l1", 0), cast.learning("l2", 0), cast.learning("l3", 1), cast.appender("a", 0, "m2"))
    before = (cast.appender("c", 0, "home m1"), cast.appender("d", 1, "home n1"))
    return _scenario(cast, workers, before, faults=0)


def learning_badly() -> Scenario:
    """Two learners in several batches, where the model or Redis or the process fails."""
    cast = FactCast(budget=1)
    workers = (cast.learning("l1", 0), cast.learning("l2", 0))
    return _scenario(cast, workers, (cast.appender("c", 0, "m1", "home m2", "home m3"),))


def ending() -> Scenario:
    """A learner of a session that is deleted, where one thing goes wrong."""
    cast = FactCast()
    workers = (cast.learning("l1", 0), cast.deleting("d", 0))
    before = (cast.appender("e", 1, "home n1"), cast.appender("c", 0, "home m1"), cast.learning("l0", 1))
    return _scenario(cast, workers, before)


def ending_with_vectors() -> Scenario:
    """A learner that embeds facts, of a session that is deleted, where one thing goes wrong."""
    cast = FactCast(embedded=True)
    workers = (cast.learning("l1", 0), cast.deleting("d", 0))
    before = (cast.appender("e", 1, "n1"), cast.appender("c", 0, "m1"), cast.learning("l0", 1))
    return _scenario(cast, workers, before)


def ending_the_user_with_vectors() -> Scenario:
    """A learner that embeds facts, of a user who is deleted."""
    cast = FactCast(embedded=True)
    workers = (cast.learning("l1", 0), cast.deleting_user("d"))
    before = (cast.appender("c", 0, "m1"), cast.appender("e", 1, "n1"), cast.learning("l0", 1))
    return _scenario(cast, workers, before, faults=0)


def ending_while_two_learn() -> Scenario:
    """Two learners of a session that is deleted, and made anew."""
    cast = FactCast(budget=1)
    workers = (cast.learning("l1", 0), cast.learning("l2", 0), cast.deleting("d", 0), cast.appender("a", 0, "m3"))
    return _scenario(cast, workers, (cast.appender("c", 0, "home m1", "home m2"),), faults=0)


def ending_the_user() -> Scenario:
    """A learner of a user who is deleted."""
    cast = FactCast(budget=1)
    workers = (cast.learning("l1", 0), cast.deleting_user("d"))
    before = (cast.appender("c", 0, "m1"), cast.appender("e", 1, "n1"), cast.learning("l0", 1))
    return _scenario(cast, workers, before, faults=0)


def forgetting() -> Scenario:
    """A learner of a session of which a message is forgotten that was learned, or is being learned."""
    cast = FactCast(budget=2)
    workers = (cast.learning("l1", 0), cast.learning("l2", 0), cast.forgetting("f", 0, 1))
    before = (cast.appender("c", 0, "home m1", "home m2", "m3"),)
    return _scenario(cast, workers, before, faults=0)


def stating() -> Scenario:
    """Two persons who state the same fact, and a learner."""
    cast = FactCast()
    workers = (cast.learning("l1", 0), cast.stating("p"), cast.stating("q"))
    return _scenario(cast, workers, (cast.appender("c", 0, "home m1"),), faults=0)


def failing_to_learn() -> Scenario:
    """Two learners of one message, where two things go wrong."""
    cast = FactCast()
    return _scenario(cast, (cast.learning("l1", 0), cast.learning("l2", 0)), (cast.appender("c", 0, "m1"),), faults=2)


def taking_over() -> Scenario:
    """A learner that a thread takes over from a task whose loop stops."""
    cast = FactCast()
    workers = attempts("l", partial(cast.learning, which=0))
    before = (cast.appender("c", 0, "home m1", "m2"),)
    return Scenario(cast, workers, before, settles=True, conclude=conclude_facts)


FACT_SCENARIOS: dict[str, Callable[[], Scenario]] = {
    each.__name__: each
    for each in (
        learning,
        learning_badly,
        ending,
        ending_with_vectors,
        ending_the_user_with_vectors,
        ending_while_two_learn,
        ending_the_user,
        forgetting,
        stating,
        failing_to_learn,
        taking_over,
    )
}
