"""Reading with plain commands, step by step while others write: small casts, and what is broken on purpose."""

from __future__ import annotations

from langchain_motorhead import Window
from langchain_motorhead.sessions import plain_read
from simulation.breaking import Broken
from simulation.exploration import Scenario
from simulation.workers import Cast, named

_WINDOW = Window(max_messages=2, hard_limit=50)


def reading_plainly() -> Scenario:
    """A session is read with plain commands while it is made, compacted, appended to and deleted."""
    cast = Cast("ns", _WINDOW)
    workers = (
        cast.reading_plainly("r"),
        cast.compacting("c"),
        cast.appender("a", named("m1", "m2", "m3"), named("m4")),
    )
    return Scenario(cast, (*workers, cast.deleting("d")), faults=0)


def reading_changes() -> Scenario:
    """A session is read with plain commands while one message is edited, another one forgotten, and two appended."""
    cast = Cast("ns", _WINDOW)
    workers = (cast.reading_plainly("r"), cast.editing("e", "m2", "e2"), cast.forgetting("f", "m3"))
    appender = cast.appender("a", named("m4"), named("m5"))
    return Scenario(cast, (*workers, appender), (cast.appender("b", named("m1", "m2", "m3")),), faults=0)


READING_SCENARIOS = (reading_plainly, reading_changes)


def _comparing(scenario: str, *which: int) -> Broken:
    """Break the check of a read: it compares only these fields of the fence."""
    old = "if fence != [fields[place] for place in _FENCE_PLACES]:"
    new = f"if any(fence[each] != fields[_FENCE_PLACES[each]] for each in {which}):"
    return Broken(scenario, ((plain_read.to_script_reply, old, new),))


_EPOCH, _FIRST, _REVISION, _APPENDS = range(4)

READING_BROKEN = {
    "a plain read that is not checked": _comparing("reading_plainly"),
    "a plain read that does not compare where the list begins": _comparing(
        "reading_plainly", _EPOCH, _REVISION, _APPENDS
    ),
    "a plain read that does not compare appends": _comparing("reading_plainly", _EPOCH, _FIRST, _REVISION),
    "a plain read that compares neither epochs nor appends": _comparing("reading_plainly", _FIRST, _REVISION),
    "a plain read that does not compare revisions": _comparing("reading_changes", _EPOCH, _FIRST, _APPENDS),
    "a plain read of a session that was made and deleted meanwhile": Broken(
        "reading_plainly",
        ((plain_read.to_script_reply, "if length < len(records) or (length and fields[0] is None):", "if False:"),),
    ),
}
