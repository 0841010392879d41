"""Dates that a quote names, resolved relative to the time at which it was said. Pure.

Text that is not understood names no date: a learner's date that is based on it is rejected.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from langchain_motorhead.facts.model import normal
from langchain_motorhead.sessions.checks.dates import COUNTS, MONTHS, UNITS, WEEKDAYS
from langchain_motorhead.sessions.checks.wording import folded

# All words in lower case and without accents, as `folded` returns them.
_NEAR = {
    "day before yesterday": -2, "vorgestern": -2, "anteayer": -2, "avant-hier": -2,
    "yesterday": -1, "last night": -1, "gestern": -1, "ayer": -1, "hier": -1,
    "today": 0, "tonight": 0, "this morning": 0, "this afternoon": 0, "this evening": 0, "right now": 0, "now": 0,
    "heute": 0, "jetzt": 0, "hoy": 0, "aujourd'hui": 0, "just": 0,
    "day after tomorrow": 2, "ubermorgen": 2, "tomorrow": 1, "manana": 1, "demain": 1,
}  # fmt: skip


def _any(words: object) -> str:
    return "|".join(sorted(map(re.escape, words), key=len, reverse=True))  # type: ignore[call-overload]


_NEAR_DAY = re.compile(rf"\b({_any(_NEAR)})\b")
_COUNTED = rf"(\d{{1,3}}|{_any(COUNTS)})(?: of)? ({_any(UNITS)})"
_AGO = re.compile(rf"\b{_COUNTED} (?:ago|earlier|before)\b|\b(?:vor|hace|il y a) {_COUNTED}\b|\bfor {_COUNTED}\b")
_IN = re.compile(rf"\b(?:in|dans|en) {_COUNTED}\b|\b{_COUNTED} from now\b")
_PAST, _NEXT = "last past previous letzten letzte letztes letzter vergangene", "next coming nachste nachsten nachstes"
_THIS = "this diese diesen dieses dieser"
_WHICH = _any([*_PAST.split(), *_NEXT.split(), *_THIS.split()])
_BESIDE = re.compile(rf"\b({_WHICH}) ({_any([*UNITS, *WEEKDAYS, *MONTHS, 'weekend'])})\b")
_ISO = re.compile(r"\b(\d{4})-(\d{2})(?:-(\d{2}))?\b")
_MONTH = _any(MONTHS)
_DAY_MONTH = re.compile(rf"\b(\d{{1,2}})(?:st|nd|rd|th|\.)? (?:of |de )?({_MONTH})\b\.?,?(?: (?:de )?(\d{{4}}))?")
_MONTH_DAY = re.compile(rf"\b({_MONTH})\.? (\d{{1,2}})(?:st|nd|rd|th)?\b(?!\d),?(?: (\d{{4}}))?")
_MONTH_ALONE = re.compile(rf"\b({_MONTH})\b\.?(?: (?:of |de )?(\d{{4}}))?")
_YEAR = re.compile(r"\b(1[89]\d{2}|20\d{2})\b")
_WEEKDAY = re.compile(rf"\b({_any(WEEKDAYS)})\b")
_SHORTEST_MONTH = 3  # letters of a month's name that stands alone


class Span(NamedTuple):
    """A stretch of time: from `start` to before `stop`."""

    start: datetime
    stop: datetime

    def meets(self, other: Span) -> bool:
        """Return whether the two have a time in common. A day more at each end allows for time zones."""
        day = timedelta(days=1)
        return self.start - day < other.stop and other.start < self.stop + day


def parse_time(text: str) -> Span | None:
    """Return the day, month, year or moment that a text in ISO 8601 names, such as `2024-05`; None if it names none."""
    text = text.strip()
    try:
        if match := re.fullmatch(r"(\d{4})(?:-(\d{2}))?(?:-(\d{2}))?", text):
            year, month, day = (int(part) if part else None for part in match.groups())
            return _year(year or 0) if month is None else _named(year or 0, month, day)
        time = datetime.fromisoformat(text)
    except (ValueError, OverflowError):
        return None
    time = (time if time.tzinfo else time.replace(tzinfo=UTC)).astimezone(UTC)
    return Span(time, time)


def is_named(time: Span, text: str, said_at: datetime) -> bool:
    """Return whether a text that was said at a time names another time, or that is the time of the message itself.

    Args:
        time: The time that may be named.
        text: What was said.
        said_at: When it was said.
    """
    return time.meets(_day(said_at, 0)) or any(time.meets(span) for span in spans(text, said_at))


def spans(text: str, said_at: datetime) -> Iterator[Span]:
    """Yield each stretch of time that a text names, relative to the time at which it was said."""
    plain = folded(normal(text))
    try:
        yield from _relative(plain, said_at)
        yield from _absolute(plain, said_at)
    except (ValueError, OverflowError):  # no such day, or none that Python knows
        return


def _relative(plain: str, said_at: datetime) -> Iterator[Span]:
    for match in _NEAR_DAY.finditer(plain):
        yield _day(said_at, _NEAR[match[1]])
    for pattern, sign in ((_AGO, -1), (_IN, 1)):
        for match in pattern.finditer(plain):
            count, unit = [each for each in match.groups() if each is not None]
            yield _at(said_at, sign * _count(count), UNITS[unit])
    for match in _BESIDE.finditer(plain):
        sign = -1 if match[1] in _PAST.split() else 0 if match[1] in _THIS.split() else 1
        yield from _beside(match[2], sign, said_at)
    for match in _WEEKDAY.finditer(plain):  # the one before, or the one after
        away = (said_at.isoweekday() - WEEKDAYS[match[1]]) % 7
        yield _day(said_at, -away)
        yield _day(said_at, 7 - away)


def _absolute(plain: str, said_at: datetime) -> Iterator[Span]:
    for match in _ISO.finditer(plain):
        with suppress(ValueError):  # a number such as 1234-56
            yield _named(int(match[1]), int(match[2]), int(match[3]) if match[3] else None)
    plain = _ISO.sub(" ; ", plain)  # what a longer form names is not named by its parts
    for pattern, (day, month) in ((_DAY_MONTH, (1, 2)), (_MONTH_DAY, (2, 1))):
        for match in pattern.finditer(plain):
            for year in _years(match[3], said_at):
                with suppress(ValueError):  # the 29th of February
                    yield _named(year, MONTHS[match[month]], int(match[day]))
        plain = pattern.sub(" ; ", plain)
    for match in _MONTH_ALONE.finditer(plain):
        if len(match[1]) >= _SHORTEST_MONTH:
            for year in _years(match[2], said_at):
                yield _named(year, MONTHS[match[1]], None)
    for match in _YEAR.finditer(_MONTH_ALONE.sub(" ; ", plain)):
        yield _year(int(match[1]))


def _beside(what: str, sign: int, said_at: datetime) -> Iterator[Span]:
    if what in UNITS:
        yield _at(said_at, sign, UNITS[what])
    elif what == "weekend":
        yield _at(said_at, sign, "week")
    elif what in WEEKDAYS:
        away = (WEEKDAYS[what] - said_at.isoweekday()) % 7
        yield from (_day(said_at, days) for days in ((away - 7, away - 14) if sign < 0 else (away, away + 7)))
    else:
        yield _named(said_at.year + min(sign, 0), MONTHS[what], None)
        yield _named(said_at.year + max(sign, 0), MONTHS[what], None)


def _day(said_at: datetime, days: int) -> Span:
    start = said_at.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=days)
    return Span(start, start + timedelta(days=1))


def _at(said_at: datetime, count: int, unit: str) -> Span:
    """Return a day, week, month or year by its distance from now. A week or a month may mean any of its days."""
    if unit == "day":
        return _day(said_at, count)
    if unit == "week":
        monday = _day(said_at, 7 * count - said_at.isoweekday() + 1).start
        return Span(monday - timedelta(days=2), monday + timedelta(days=9))
    if unit == "month":
        at = said_at.year * 12 + said_at.month - 1 + count
        return _named(at // 12, at % 12 + 1, None)
    return _year(said_at.year + count)


def _year(year: int) -> Span:
    return Span(datetime(year, 1, 1, tzinfo=UTC), datetime(year + 1, 1, 1, tzinfo=UTC))


def _named(year: int, month: int, day: int | None) -> Span:
    if day is not None:
        start = datetime(year, month, day, tzinfo=UTC)
        return Span(start, start + timedelta(days=1))
    start = datetime(year, month, 1, tzinfo=UTC)
    return Span(start, datetime(year + month // 12, month % 12 + 1, 1, tzinfo=UTC))


def _years(year: str | None, said_at: datetime) -> tuple[int, ...]:
    """Return the years that may be meant: the one that is named, or else those around the time of the message."""
    return (int(year),) if year else (said_at.year - 1, said_at.year, said_at.year + 1)


def _count(word: str) -> int:
    return int(word) if word.isdigit() else COUNTS[word]
