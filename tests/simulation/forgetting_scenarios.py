"""Small casts that forget and edit messages, whose every schedule is explored."""

from __future__ import annotations

from langchain_motorhead import Window
from simulation.exploration import Scenario
from simulation.workers import Cast, named
from support.messages import with_tools

WINDOW = Window(max_messages=2, hard_limit=50)


def forgetting() -> Scenario:
    """A message in the archive and one in the list are forgotten while others compact, append and read."""
    cast = Cast("ns", WINDOW, budget=1)
    before = (cast.appender("b", named("m1", "m2", "m3", "m4")), cast.compacting("o"))
    workers = (cast.forgetting("f", "m2", "m5"), cast.compacting("c", explicit=True), cast.reading("r"))
    return Scenario(cast, (*workers, cast.appender("a", named("m5", "m6"), named("m2", "m7"))), before, faults=0)


def editing() -> Scenario:
    """A message is edited, another one forgotten, and both are sent again, beside a compaction."""
    cast = Cast("ns", WINDOW)
    before = (cast.appender("b", named("m1", "m2", "m3")),)
    workers = (cast.editing("e", "m2", "e2"), cast.forgetting("f", "m1"), cast.compacting("c"))
    return Scenario(cast, (*workers, cast.appender("a", named("m1", "m2"))), before, faults=0)


def forgetting_anew() -> Scenario:
    """A message is forgotten, and the session deleted and made again with it, beside a compaction."""
    cast = Cast("ns", WINDOW)
    workers = (cast.forgetting("f", "m1"), cast.compacting("c"), cast.appender("a", named("m1", "m2")))
    return Scenario(cast, (*workers, cast.deleting("d")), (cast.appender("b", named("m1", "m2", "m3")),), faults=0)


def forgetting_documents() -> Scenario:
    """A message whose text is in the vectors of others is edited and forgotten, while they are indexed."""
    cast = Cast("ns", WINDOW, recall=True)
    workers = (cast.forgetting("f", "m2"), cast.editing("e", "m2", "e2"), cast.indexing("i"))
    return Scenario(cast, workers, (cast.appender("b", named("m1", "m2", "m3")),))


def editing_documents() -> Scenario:
    """A message that is in the vectors of no other is edited and forgotten, while its documents are made again."""
    cast = Cast("ns", WINDOW, recall=True)
    before = (cast.appender("b", named("m1", "m2", "m3")), cast.indexing("o"))
    return Scenario(cast, (cast.editing("e", "m3", "e3"), cast.forgetting("f", "m3"), cast.indexing("i")), before)


def forgetting_indexed() -> Scenario:
    """A message is forgotten while it is indexed and summarized."""
    cast = Cast("ns", WINDOW, recall=True)
    workers = (cast.forgetting("f", "m1"), cast.indexing("i"), cast.compacting("c"))
    return Scenario(cast, workers, (cast.appender("b", named("m1", "m2", "m3")),), faults=0)


def forgetting_tools() -> Scenario:
    """A call, and the result of another, are forgotten in a window of tokens, beside a compaction and a reader."""
    cast = Cast("ns", Window(max_messages=4, max_tokens=25, hard_limit=50, hard_limit_tokens=10**9), budget=3)
    before = (cast.appender("b", with_tools("one")), cast.appender("d", with_tools("two")))
    workers = (cast.forgetting("f", 1, 6), cast.compacting("c"), cast.reading("r"))
    return Scenario(cast, workers, before)


FORGETTING_SCENARIOS = (
    forgetting,
    editing,
    forgetting_anew,
    forgetting_documents,
    editing_documents,
    forgetting_indexed,
    forgetting_tools,
)
