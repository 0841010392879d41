"""What a process learns of its summarizing model: how its answers were worth, and how long its inputs may be."""

from __future__ import annotations

from collections import Counter

import pytest

from langchain_motorhead import CompactionReport, Window
from langchain_motorhead.runtime.summary_statistics import SummaryStatistics
from langchain_motorhead.sessions.compaction.flow import Compactor
from langchain_motorhead.sessions.compaction.writing import Account, Writing


def report(*, accepted: int = 0, rejected: int = 0, in_a_row: int = 0, budget: int | None = None) -> CompactionReport:
    """Make the report of a compaction."""
    account = Account(rejected=Counter({"empty": rejected}), accepted=accepted, in_a_row=in_a_row, budget=budget)
    return CompactionReport(account=account)


def test_five_in_a_row_are_warned_of_once(caplog: pytest.LogCaptureFixture) -> None:
    """Over several compactions; an accepted answer between them begins the count anew."""
    statistics = SummaryStatistics()
    for _ in range(2):
        statistics.record(report(rejected=2, in_a_row=2))
    statistics.record(report(accepted=1, rejected=1, in_a_row=1))
    statistics.record(report(rejected=2, in_a_row=2))
    assert not caplog.records
    for _ in range(3):
        statistics.record(report(rejected=2, in_a_row=2))
    assert caplog.text.count("not suited to summarizing") == 1
    assert statistics.counts == {"accepted": 1, "empty": 13, "extracts": 0}


def test_a_model_that_is_not_suited_is_asked_once() -> None:
    """After five rejected answers in a row it is asked no second time, until an answer is accepted again."""
    statistics, compactor = SummaryStatistics(), Compactor(Window(), Writing(6_000, len))
    statistics.record(report(rejected=4, in_a_row=4))
    assert statistics.apply(compactor) is compactor
    statistics.record(report(rejected=1, in_a_row=1))
    assert statistics.apply(compactor).writing == Writing(6_000, len, corrects=False)
    statistics.record(report(accepted=1))
    assert statistics.apply(compactor) is compactor


def test_inputs_stay_as_short_as_was_learned() -> None:
    """The smallest budget that a refusal has taught holds for later compactions, and never raises the given one."""
    statistics, compactor = SummaryStatistics(), Compactor(Window(), Writing(6_000, len))
    assert statistics.apply(compactor) is compactor
    for budget in (3_000, 1_500, 2_000, None, 9_000):
        statistics.record(report(budget=budget))
    assert statistics.apply(compactor).writing == Writing(1_500, len)
