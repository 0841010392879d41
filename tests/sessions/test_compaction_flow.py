"""Flows that get the results of their requests from the test: no Redis, no model, no clock."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from langchain_core.messages import BaseMessage

from langchain_motorhead import SummarizationError, Window
from langchain_motorhead.flows.protocol import Compute, Flow, Pause, Request, Summarize, Summary, Writer
from langchain_motorhead.messages.codec import encode
from langchain_motorhead.sessions.compaction.flow import Compactor, compact
from langchain_motorhead.sessions.compaction.operations import LeaseRefused
from langchain_motorhead.sessions.compaction.report import CompactionReport
from langchain_motorhead.sessions.compaction.writing import Writing
from langchain_motorhead.sessions.snapshot import SessionSnapshot
from langchain_motorhead.storage.keys import session_keys
from langchain_motorhead.storage.operation import Operation
from langchain_motorhead.storage.scripts import SCRIPTS, Script
from support.messages import numbered

KEYS = session_keys("ns", "s")
COMPACTOR = Compactor(Window(max_messages=4), Writing(1_000, len))


def trusted(text: str, tokens: int = 0) -> Summary:
    """Make an answer that is not checked."""
    return Summary(text, tokens, is_trusted=True)


def name(request: Request) -> str:
    """Say what a request is for: the name of its script, or its type."""
    if not isinstance(request, Operation):
        return type(request).__name__
    called = request.commands[0].name
    return next(each for each in SCRIPTS if SCRIPTS[each] is called) if isinstance(called, Script) else called


def seen(count: int, first: int = 0, summary: str | None = None) -> SessionSnapshot:
    """Make a snapshot of a session with so many messages in its list."""
    records: list[bytes | str] = [encode(message) for message in numbered(count, start=first)]
    return SessionSnapshot("epoch", first, summary, 0, 0, None, None, None, 0, count, records)


def play(flow: Flow[CompactionReport], answers: list[Any]) -> tuple[list[Request], CompactionReport | None]:
    """Answer a flow's requests in order. Returns them, and the report if it came to its end."""
    requests = [next(flow)]
    try:
        for answer in answers:
            requests.append(flow.throw(answer) if isinstance(answer, Exception) else flow.send(answer))
    except StopIteration as end:
        return requests, end.value
    return requests, None


def test_a_compaction_step_by_step() -> None:
    """Snapshot, summary, commit, a look whether more is due, and the lease is given back."""
    flow = compact(KEYS, "token", COMPACTOR, explicit=False)
    requests, report = play(flow, [seen(6), trusted("sum", 7), True, seen(2, first=4, summary="sum"), False])
    assert [name(request) for request in requests] == [
        "compaction_begin",
        "Summarize",
        "compaction_commit",
        "compaction_begin",
        "compaction_release",
    ]
    asked, commit = requests[1], requests[2]
    assert isinstance(asked, Summarize)
    assert isinstance(commit, Operation)
    assert (asked.given["summary"], [m.content for m in asked.given["messages"]]) == (None, ["m0", "m1", "m2", "m3"])
    assert name(asked.heartbeat) == "lease_renew"
    about = b'{"by":"model","kept":"","tokens":7}'
    assert commit.commands[0].args == ("token", 10_000, "epoch", 0, 4, 7, "", 0, 0, b"sum", "model", "", about, 0)
    assert report == CompactionReport(summarized=4, batches=1, tokens=7)


def test_nothing_is_summarized_that_is_not_due() -> None:
    """A session within its window is looked at once."""
    requests, report = play(compact(KEYS, "t", COMPACTOR, explicit=False), [seen(4), False])
    assert [name(request) for request in requests] == ["compaction_begin", "compaction_release"]
    assert report == CompactionReport()


@pytest.mark.parametrize("refusal", list(LeaseRefused))
def test_what_is_refused_is_left_alone(refusal: LeaseRefused) -> None:
    """In the background, nothing is done where others are at work, a pause is not over, or there is no session."""
    requests, report = play(compact(KEYS, "t", COMPACTOR, explicit=False), [refusal])
    assert [name(request) for request in requests] == ["compaction_begin"]
    assert report == CompactionReport()


def test_an_explicit_compaction_waits_its_turn() -> None:
    """While somebody else is at work, it pauses and asks again."""
    flow = compact(KEYS, "t", COMPACTOR, explicit=True)
    requests, _ = play(flow, [LeaseRefused.BUSY, None, LeaseRefused.BUSY, None, seen(4), False])
    assert [name(request) for request in requests] == [
        "compaction_begin",
        "Pause",
        "compaction_begin",
        "Pause",
        "compaction_begin",
        "compaction_release",
    ]
    assert isinstance(requests[1], Pause)


def test_a_commit_that_comes_too_late_begins_anew() -> None:
    """A session that moved on is looked at again, and summarized from what it is then."""
    flow = compact(KEYS, "t", COMPACTOR, explicit=False)
    requests, report = play(
        flow,
        [
            seen(6),
            trusted("old", 1),
            False,
            seen(5, first=4, summary="theirs"),
            trusted("new", 2),
            True,
            seen(2),
            False,
        ],
    )
    assert [name(r) for r in requests] == ["compaction_begin", "Summarize", "compaction_commit"] * 2 + [
        "compaction_begin",
        "compaction_release",
    ]
    assert isinstance(requests[4], Summarize)
    assert requests[4].given["summary"] == "theirs"
    assert report == CompactionReport(summarized=3, batches=1, tokens=2)


def test_a_request_during_the_last_look_is_heard() -> None:
    """Where the lease is kept because somebody asked, the session is looked at once more."""
    flow = compact(KEYS, "t", COMPACTOR, explicit=False)
    requests, _ = play(flow, [seen(4), True, seen(6), trusted("sum"), True, seen(2), False])
    assert [name(request) for request in requests] == [
        "compaction_begin",
        "compaction_release",
        "compaction_begin",
        "Summarize",
        "compaction_commit",
        "compaction_begin",
        "compaction_release",
    ]


def test_a_failure_commits_nothing_and_pauses() -> None:
    """The failure ends it, is reported, and turns the lease into a pause; what was committed before stays counted."""
    small = Compactor(Window(max_messages=4), Writing(2, len))
    error = SummarizationError("no")
    requests, report = play(
        compact(KEYS, "t", small, explicit=False), [seen(6), trusted("sum", 3), True, error, (1, 1000)]
    )
    assert [name(request) for request in requests] == [
        "compaction_begin",
        "Summarize",
        "compaction_commit",
        "Summarize",
        "compaction_fail",
    ]
    assert report == CompactionReport(summarized=2, batches=1, tokens=3, error=error)


def test_the_fallback_is_asked_once() -> None:
    """A failure of both is a failure."""
    both = Compactor(COMPACTOR.window, Writing(1_000, len, has_fallback=True))
    flow = compact(KEYS, "t", both, explicit=False)
    requests, report = play(flow, [seen(6), SummarizationError("no"), SummarizationError("neither"), (2, 2000)])
    assert [name(request) for request in requests] == ["compaction_begin", "Summarize", "Summarize", "compaction_fail"]
    assert [each.writer for each in requests if isinstance(each, Summarize)] == [Writer.MODEL, Writer.FALLBACK]
    assert str(report.error if report else None) == "neither"


def test_a_long_list_is_looked_at_in_parts() -> None:
    """Of a list longer than is read at once, what was read is summarized, and the rest is read next."""
    part = seen(6)._replace(length=2_000)
    requests, _ = play(compact(KEYS, "t", COMPACTOR, explicit=False), [part, trusted("sum"), True])
    assert [name(request) for request in requests] == [
        "compaction_begin",
        "Summarize",
        "compaction_commit",
        "compaction_begin",
    ]
    assert isinstance(requests[2], Operation)
    assert requests[2].commands[0].args[4] == 5


def test_a_long_list_is_planned_beside_the_event_loop() -> None:
    """A thousand short messages are planned in a request of its own, and the tokens of each are counted once."""
    counted = list[object]()

    def count(messages: Sequence[BaseMessage]) -> int:
        counted.extend(message.content for message in messages)
        return len(messages)

    flow = compact(KEYS, "t", Compactor(Window(max_messages=4), Writing(100_000, count)), explicit=False)
    requests, answer = list[Request](), None
    while not requests or not isinstance(requests[-1], Summarize):
        requests.append(flow.send(answer))
        if isinstance(requests[-1], Compute):
            answer = requests[-1].work()
        else:
            answer = seen(1_000) if isinstance(requests[-1], Operation) else None
    flow.close()
    names = [name(request) for request in requests]
    assert [each for each in names if each != "Pause"] == ["compaction_begin", "Compute", "Summarize"]
    assert "Pause" in names
    assert counted == [f"m{at}" for at in range(1_000)]
