"""Small casts whose every schedule is explored."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from langchain_motorhead import Window
from simulation.exploration import Scenario
from simulation.forgetting_scenarios import FORGETTING_SCENARIOS
from simulation.progress import attempts
from simulation.reading import READING_SCENARIOS
from simulation.workers import Cast, named
from support.messages import with_tools

WINDOW = Window(max_messages=2, hard_limit=50)


def compacting() -> Scenario:
    """Two compactions, appends, and a deletion."""
    cast = Cast("ns", WINDOW)
    workers = (cast.compacting("c1"), cast.compacting("c2"), cast.appender("a", named("m4"), named("m5")))
    return Scenario(cast, (*workers, cast.deleting("d")), (cast.appender("b", named("m1", "m2", "m3")),))


def failing() -> Scenario:
    """Two compactions, where two things go wrong."""
    cast = Cast("ns", WINDOW)
    workers = (cast.compacting("c1"), cast.compacting("c2"))
    return Scenario(cast, workers, (cast.appender("b", named("m1", "m2", "m3")),), faults=2)


def indexing() -> Scenario:
    """A compaction that indexes before it, an indexing, appends, the latter by a user, and a deletion."""
    cast = Cast("ns", WINDOW, recall=True)
    appender = cast.appender("a", named("m4", "m5", "m6"), named("m7"), user="u")
    workers = (cast.compacting("c"), cast.indexing("i"), appender)
    return Scenario(cast, (*workers, cast.deleting("d")), (cast.appender("b", named("m1", "m2", "m3")),), faults=0)


def slicing() -> Scenario:
    """An indexing, a document at a time, and messages by a user who was not known, where one thing goes wrong."""
    cast = Cast("ns", WINDOW, recall=True, at_once=1)
    appender = cast.appender("a", named("m3"), named("m4"), user="u")
    return Scenario(cast, (cast.indexing("i"), appender), (cast.appender("b", named("m0", "m1", "m2")),))


def failing_to_index() -> Scenario:
    """A compaction that indexes before it, an indexing, and an append, where one thing goes wrong."""
    cast = Cast("ns", WINDOW, recall=True)
    workers = (cast.compacting("c"), cast.indexing("i"), cast.appender("a", named("m4")))
    return Scenario(cast, workers, (cast.appender("b", named("m1", "m2", "m3")),))


def missing_vectors() -> Scenario:
    """Two who index, and a compaction that indexes by words, where the model fails and other things go wrong."""
    cast = Cast("ns", WINDOW, recall=True)
    workers = (cast.indexing("i"), cast.indexing("j"), cast.compacting("c"))
    return Scenario(cast, workers, (cast.appender("b", named("m1", "m2", "m3")),), faults=2)


def failing_alone() -> Scenario:
    """Two who index one message, whose text fails alone."""
    cast = Cast("ns", WINDOW, recall=True)
    return Scenario(cast, (cast.indexing("i"), cast.indexing("j")), (cast.appender("b", named("m1")),), faults=3)


def setting() -> Scenario:
    """A compaction in two batches, and a client that replaces the summary, where two things go wrong."""
    cast = Cast("ns", WINDOW, budget=1)
    workers = (cast.compacting("c", explicit=True), cast.setter("s", "instead", *named("m4")))
    return Scenario(cast, workers, (cast.appender("b", named("m1", "m2", "m3")),), faults=2)


def setting_by_hand() -> Scenario:
    """A compaction in two batches, a person who replaces the summary, and a session that is deleted and made anew."""
    cast = Cast("ns", WINDOW, budget=1)
    workers = (cast.compacting("c", explicit=True), cast.setting_by_hand("s", "instead"), cast.deleting("d"))
    before = (cast.appender("b", named("m1", "m2", "m3")),)
    return Scenario(cast, (*workers, cast.appender("a", named("m4"))), before, faults=0)


def answering() -> Scenario:
    """A compaction by a model whose answers are checked, an append, and a reader, where two things go wrong."""
    cast = Cast("ns", WINDOW, checked=True)
    workers = (cast.compacting("c", explicit=True), cast.appender("a", named("m5", "m6")))
    return Scenario(cast, workers, (cast.appender("b", named("m1", "m2", "m3", "m4")),), faults=3)


def tools() -> Scenario:
    """Turns with tools, in a window of tokens, read meanwhile."""
    cast = Cast("ns", Window(max_messages=4, max_tokens=25, hard_limit=50, hard_limit_tokens=10**9), budget=3)
    two = with_tools("two")
    workers = (cast.compacting("c1"), cast.compacting("c2"), cast.appender("a", two[:2], two[2:]), cast.reading("r"))
    return Scenario(cast, workers, (cast.appender("b", with_tools("one")),))


def chatting() -> Scenario:
    """Two who append and compact, on one session: neither leaves to the other what the other does not see."""
    cast = Cast("ns", WINDOW)
    return Scenario(cast, (cast.chatting("x", named("x1", "x2", "x3")), cast.chatting("y", named("y1"))), settles=True)


def transcribing() -> Scenario:
    """All messages are read page by page, while others append and compact, and the session is deleted."""
    cast = Cast("ns", WINDOW, budget=1)
    workers = (cast.transcribing("t"), cast.compacting("c"), cast.appender("a", named("m4", "m5")))
    return Scenario(cast, (*workers, cast.deleting("d")), (cast.appender("b", named("m1", "m2", "m3")),), faults=0)


def falling_back() -> Scenario:
    """Versions of the summary are removed while others compact, read and replace it, where one thing goes wrong."""
    cast = Cast("ns", WINDOW, budget=1)
    before = (cast.appender("b", named("m1", "m2", "m3", "m4")), cast.compacting("o"))
    workers = (cast.falling_back("f", 1), cast.compacting("c", explicit=True), cast.reading("r"))
    return Scenario(cast, (*workers, cast.setter("s", "instead", *named("m5"))), before)


def rebuilding() -> Scenario:
    """A summary by a client is made again while another appends and compacts, where one thing goes wrong."""
    cast = Cast("ns", WINDOW, budget=2)
    before = (cast.appender("b", named("m1", "m2", "m3", "m4")), cast.compacting("o"), cast.setter("s", "instead"))
    return Scenario(cast, (cast.rebuilding("r"), cast.chatting("c", named("m5", "m6"))), before)


def rebuilding_and_setting() -> Scenario:
    """The summary is made again while a client replaces it, and versions are removed, where one thing goes wrong."""
    cast = Cast("ns", WINDOW, budget=2)
    before = (cast.appender("b", named("m1", "m2", "m3", "m4")), cast.compacting("o"))
    workers = (cast.rebuilding("r"), cast.setter("s", "instead", *named("m5")), cast.falling_back("f", 1))
    return Scenario(cast, workers, before)


def rebuilding_twice() -> Scenario:
    """The summary is made again by two, of whom one may go wrong, while the session is deleted, and made anew."""
    cast = Cast("ns", WINDOW, budget=2)
    before = (cast.appender("b", named("m1", "m2", "m3", "m4")), cast.compacting("o"))
    return Scenario(cast, (cast.rebuilding("r"), cast.rebuilding("q"), cast.deleting("d")), before)


def taking_over() -> Scenario:
    """A compaction that a thread takes over from a task whose loop stops, beside one of another process."""
    cast = Cast("ns", WINDOW)
    other = replace(cast.compacting("o.2.a"), name="o")
    before = (cast.appender("b", named("m1", "m2", "m3")),)
    return Scenario(cast, (*attempts("c", cast.compacting), other), before, settles=True)


def taking_over_indexing() -> Scenario:
    """An indexing that a thread takes over from a task whose loop stops."""
    cast = Cast("ns", WINDOW, recall=True)
    return Scenario(cast, attempts("i", cast.indexing), (cast.appender("b", named("m1", "m2", "m3")),), 2, settles=True)


def taking_over_a_rebuild() -> Scenario:
    """A summary is made again by a thread that takes that over from a task whose loop stops."""
    cast = Cast("ns", WINDOW, budget=2)
    before = (cast.appender("b", named("m1", "m2", "m3", "m4")), cast.compacting("o"))
    return Scenario(cast, attempts("r", cast.rebuilding), before, settles=True)


def resending() -> Scenario:
    """An append that is sent again since its answer was lost, a deletion, others who append, and a compaction."""
    cast = Cast("ns", WINDOW)
    workers = (cast.appender("a", named("m1", "m2")), cast.appender("b", named("n1"), named("n2")))
    return Scenario(cast, (*workers, cast.compacting("c"), cast.deleting("d")))


def posting_again() -> Scenario:
    """A client that sends a POST without ids again, beside one who appends, and a compaction."""
    cast = Cast("ns", WINDOW)
    workers = (cast.poster("p", "p1"), cast.compacting("c"), cast.appender("a", named("m4")))
    return Scenario(cast, workers, (cast.appender("b", named("m1", "m2", "m3")),), faults=1)


def resending_later() -> Scenario:
    """Messages that are sent again after more than one bucket of others, by two, beside a compaction."""
    cast = Cast("ns", Window(max_messages=100, hard_limit=200))
    others = named(*(f"o{at}" for at in range(90)))
    again = (
        cast.appender("a", named("m1", "o3", "m2"), others[:5]),
        cast.appender("b", named("m2", "n1"), others[60:]),
    )
    before = (cast.appender("c", named("m1", "m2")), cast.appender("d", others))
    # The marks of n1 and n5 are in one bucket.
    return Scenario(cast, (*again, cast.appender("e", named("n1", "n2", "n5"))), before, faults=2)


def odd_numbers() -> Scenario:
    """Compactions whose summarizers report fractions of tokens."""
    cast = Cast("ns", WINDOW)
    workers = (cast.compacting("c1"), cast.compacting("c2"), cast.appender("a", named("m4")))
    return Scenario(cast, workers, (cast.appender("b", named("m1", "m2", "m3")),))


SCENARIOS: dict[str, Callable[[], Scenario]] = {
    each.__name__: each
    for each in (
        compacting,
        failing,
        indexing,
        slicing,
        failing_to_index,
        missing_vectors,
        failing_alone,
        setting,
        setting_by_hand,
        answering,
        tools,
        chatting,
        transcribing,
        falling_back,
        rebuilding,
        rebuilding_and_setting,
        rebuilding_twice,
        taking_over,
        taking_over_indexing,
        taking_over_a_rebuild,
        *FORGETTING_SCENARIOS,
        *READING_SCENARIOS,
        resending,
        posting_again,
        resending_later,
        odd_numbers,
    )
}
