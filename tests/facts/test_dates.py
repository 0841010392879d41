"""Dates in quotes: resolved relative to the time at which they were said."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from langchain_motorhead.facts.learning.dates import is_named, parse_time

MONDAY = datetime(2023, 5, 8, 14, tzinfo=UTC)


@pytest.mark.parametrize(
    ("said", "named", "others"),
    [
        ("I went there yesterday", "2023-05-07", "2023-05-20"),
        ("We moved last week", "2023-05-03", "2023-06-01"),
        ("I started two years ago", "2021", "2019"),
        ("It was last Friday", "2023-05-05", "2023-05-15"),
        ("My birthday is on the 3rd of June", "2023-06-03", "2023-07-03"),
        ("I came in March 2019", "2019-03", "2019-06"),
        ("since 7 May 2021", "2021-05-07", "2021-11-01"),
        ("since 2020-02-03", "2020-02-03T10:00:00+00:00", "2020-03-03"),
        ("Ich bin gestern umgezogen", "2023-05-07", "2023-04-01"),
        ("Next month I fly to Rome", "2023-06", "2024-06"),
        ("Order 1234-56 came on 7 May 2021", "2021-05-07", "2021-11-01"),
        ("I like the 31 February", "2023-05-08", "2023-02-28"),
        ("I live here", "2023-05-08", "2026-01-01"),
    ],
)
def test_a_date_is_named_by_what_was_said_then(said: str, named: str, others: str) -> None:
    """A date that the words name at their time is accepted; another one, such as that of today's clock, is not."""
    right, wrong = parse_time(named), parse_time(others)
    assert right is not None
    assert wrong is not None
    assert is_named(right, said, MONDAY)
    assert not is_named(wrong, said, MONDAY)


@pytest.mark.parametrize("text", ["", "soon", "2023-13-01", "0000", "99999", "2023-02-30", "yesterday"])
def test_what_is_no_time_is_none(text: str) -> None:
    """A learner's date has to be one."""
    assert parse_time(text) is None
