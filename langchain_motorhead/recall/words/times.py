"""Times in a question: the period it asks about, and whether it asks for the first or the latest message. Pure.

All messages are in the past. So "in March" means the latest March that has begun, and times after now are ignored.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from enum import Enum
from functools import cache
from typing import NamedTuple

from langchain_motorhead.recall.words import time_words as known
from langchain_motorhead.sessions.checks.dates import COUNTS, UNITS, WEEKDAYS, is_month
from langchain_motorhead.sessions.checks.wording import folded

MAX_PERIODS = 4
"""How many times in a question are used."""
_MAX_CHARS = 1_000
_DAY = timedelta(days=1)
_LEAP_YEARS = 9  # among so many years is one with a 29 February
_UNIT_DAYS = {"day": 1, "week": 7, "month": 30, "year": 365}
_WORD = re.compile("[a-z]+")
_YEAR = re.compile(r"\b(?:19|20)\d\d")
_SHORTEST_MONTH = 3  # letters of a month's name that stands alone


class Period(NamedTuple):
    """A stretch of time, from `start` to before `stop`, in seconds since 1970. Either may be infinite."""

    start: float
    stop: float


class Order(Enum):
    """Which of several messages about the same subject a question asks for."""

    FIRST = "first"
    LATEST = "latest"


class _Named(NamedTuple):
    """A stretch of time, and where the text names it."""

    at: int
    end: int
    start: datetime
    stop: datetime


def order_of(text: str) -> Order | None:
    """Return whether a question asks for what was said first or latest; None if for neither, or for both."""
    plain = folded(text[:_MAX_CHARS])
    if plain.isascii() and not any(hint in plain for hint in known.ORDER_HINTS):
        return None
    first, latest = (
        _compiled("|".join(patterns)).search(plain) is not None for patterns in (known.FIRST, known.LATEST)
    )
    if first == latest:
        return None
    return Order.FIRST if first else Order.LATEST


def periods_of(text: str, now: datetime) -> tuple[Period, ...]:
    """Return the periods that a question names.

    Args:
        text: The question.
        now: The time of the question, in the user's time zone.
    """
    text = text[:_MAX_CHARS]
    plain = folded(text)
    # Other numbers name a time only beside a unit or a month.
    if plain.isascii() and _hints().isdisjoint(_WORD.findall(plain)) and not _YEAR.search(plain):
        return ()
    named = _longest([*_relative(plain, now), *_absolute(text, plain, now)])[:MAX_PERIODS]
    if len(named) > 1:
        first, second = named[:2]
        if _ends(known.BETWEEN, plain[: first.at]) and re.fullmatch(known.AND, plain[first.end : second.at]):
            named = [_Named(second.at, second.end, first.start, second.stop), *named[2:]]
    limits = (_limits(each, plain) for each in named)
    return tuple(each for each in limits if each.start < min(each.stop, now.timestamp()))


def _limits(named: _Named, plain: str) -> Period:
    """Return the time that is meant: the one that is named, or all before, after or since then."""
    before, after = plain[: named.at], plain[named.end :]
    start, stop = named.start.timestamp(), named.stop.timestamp()
    if _ends(known.SINCE, before) or re.match(known.THEN_SINCE, after):
        return Period(start, float("inf"))
    if _ends(known.AFTER, before):
        return Period(stop, float("inf"))
    if _ends(known.BEFORE, before) or re.match(known.THEN_BEFORE, after):
        return Period(float("-inf"), start)
    return Period(start, stop)


def _ends(pattern: str, text: str) -> bool:
    return _compiled(pattern).search(text[-30:]) is not None


def _longest(named: Sequence[_Named]) -> list[_Named]:
    """Return the named periods in order, without those that are part of a longer name, such as "May" in "5 May"."""
    longest = list[_Named]()
    for each in sorted(named, key=lambda each: (each.at, -each.end)):
        if not longest or each.at >= longest[-1].end:
            longest.append(each)
    return longest


def _relative(plain: str, now: datetime) -> Iterator[_Named]:
    for (unit, away), pattern in known.PERIODS.items():
        for match in _compiled(pattern).finditer(plain):
            yield _Named(*match.span(), *_whole(now, unit, away))
    for pattern in known.AGO:
        for match, count, unit in _counted(pattern, plain):
            half = timedelta(days=_UNIT_DAYS[unit] / 2)
            then = now - timedelta(days=count * _UNIT_DAYS[unit])
            span = _whole(then, "day", 0) if unit == "day" else (then - half, then + half)
            yield _Named(*match.span(), *span)
    for pattern in known.ROLLING:
        for match, count, unit in _counted(pattern, plain):
            yield _Named(*match.span(), now - timedelta(days=count * _UNIT_DAYS[unit]), now + _DAY)
    for match in _compiled(known.WEEKDAY).finditer(plain):
        away = (now.isoweekday() - WEEKDAYS[match[1]]) % 7
        if away == 0 and match[0].startswith(known.LAST):  # "last Monday", asked on a Monday
            away = 7
        yield _Named(*match.span(), *_whole(now, "day", -away))


def _counted(pattern: str, plain: str) -> Iterator[tuple[re.Match[str], int, str]]:
    for match in _compiled(pattern).finditer(plain):
        count, unit = [each for each in match.groups() if each is not None]
        number = int(count) if count.isdecimal() else known.CJK_COUNTS.get(count) or COUNTS.get(count, 1)
        yield match, number, UNITS.get(unit) or known.CJK_UNITS[unit]


def _absolute(text: str, plain: str, now: datetime) -> Iterator[_Named]:
    for pattern in known.DATES:
        for match in _compiled(pattern).finditer(plain):
            given = match.groupdict()
            month = given.get("month")
            if month is not None and not month.isdecimal() and "day" not in given and not given.get("year"):
                # A name that stands alone may be another word: "may", "march".
                at = match.start("month")
                sure = _ends(known.BESIDE_MONTH, plain[:at]) or is_month(month, at, text, plain)
                if len(month) < _SHORTEST_MONTH or not sure:
                    continue
            with suppress(ValueError, OverflowError):  # no such day
                yield _Named(*match.span("named" if "named" in given else 0), *_calendar(given, now))


def _calendar(given: dict[str, str | None], now: datetime) -> tuple[datetime, datetime]:
    """Return the day, month or year that a date names. Without a year it is the latest that has begun."""
    year, month, day = (given.get(part) for part in ("year", "month", "day"))
    number = None if month is None else int(month) if month.isdecimal() else known.MONTHS[month]
    if number is None:
        return _whole(datetime(int(year or now.year), 1, 1, tzinfo=now.tzinfo), "year", 0)
    unit = "month" if day is None else "day"
    if year is not None:
        return _whole(datetime(int(year), number, int(day or 1), tzinfo=now.tzinfo), unit, 0)
    for each in range(now.year, now.year - _LEAP_YEARS, -1):
        with suppress(ValueError):  # no such day in this year
            start = datetime(each, number, int(day or 1), tzinfo=now.tzinfo)
            if start <= now:
                return _whole(start, unit, 0)
    raise ValueError("no year has such a day")


def _whole(now: datetime, unit: str, away: int) -> tuple[datetime, datetime]:
    """Return a day, week, weekend, month or year by its distance from the present one."""
    today = datetime(now.year, now.month, now.day, tzinfo=now.tzinfo)
    if unit == "day":
        start = today + away * _DAY
        return start, start + _DAY
    if unit in ("week", "weekend"):
        start = today + (7 * away - now.isoweekday() + 1) * _DAY
        return (start, start + 7 * _DAY) if unit == "week" else (start + 5 * _DAY, start + 7 * _DAY)
    if unit == "month":
        months = now.year * 12 + now.month - 1 + away
        return _first_of(months, now), _first_of(months + 1, now)
    months = (now.year + away) * 12
    return _first_of(months, now), _first_of(months + 12, now)


def _first_of(months: int, now: datetime) -> datetime:
    return datetime(months // 12, months % 12 + 1, 1, tzinfo=now.tzinfo)


@cache
def _hints() -> frozenset[str]:
    # "An" is a year in French, where "il" stands before it. Of "segunda-feira", the first word is enough.
    return known.HINTS.union(known.MONTHS, (day.partition("-")[0] for day in WEEKDAYS), UNITS) - {"an"}


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    """Return a pattern of `time_words`. They are compiled when they are first needed, which takes some milliseconds."""
    for name, words in (("COUNT", COUNTS), ("UNIT", UNITS), ("WEEKDAY", WEEKDAYS), ("MONTH", known.MONTHS)):
        one = "|".join(sorted(map(re.escape, words), key=len, reverse=True))
        pattern = pattern.replace(name, rf"\d{{1,3}}|{one}" if name == "COUNT" else one)
    return re.compile(pattern)
