"""Times in questions."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.messages import HumanMessage

from langchain_motorhead import HashingEmbeddings, SearchUnavailableError
from langchain_motorhead.recall.search import flow
from langchain_motorhead.recall.words.question import Question
from langchain_motorhead.recall.words.times import Order, Period, order_of, periods_of
from langchain_motorhead.storage.keys import session_keys
from support.factory import MakeMotorhead
from support.rankings import ranked

OSLO = ZoneInfo("Europe/Oslo")
NOW = datetime(2024, 5, 15, 10, tzinfo=OSLO)  # a Wednesday
CLIMBS = (20, 150, 290)  # among 300 messages
ALWAYS = "-"


def day(text: str) -> float:
    """Return the beginning of a day in Oslo; `ALWAYS` has none."""
    return float("inf") if text == ALWAYS else datetime.fromisoformat(text).replace(tzinfo=OSLO).timestamp()


@pytest.mark.parametrize(
    ("question", "start", "stop"),
    [
        ("What did I say yesterday?", "2024-05-14", "2024-05-15"),
        ("What did we discuss last week?", "2024-05-06", "2024-05-13"),
        ("Where was I last weekend?", "2024-05-11", "2024-05-13"),
        ("What happened this year", "2024-01-01", "2025-01-01"),
        ("Who came 3 days ago?", "2024-05-12", "2024-05-13"),
        ("What did I cook in March?", "2024-03-01", "2024-04-01"),
        ("what did i cook in march", "2024-03-01", "2024-04-01"),
        ("What about July?", "2023-07-01", "2023-08-01"),
        ("on 5 May", "2024-05-05", "2024-05-06"),
        ("on May 5th, 2023", "2023-05-05", "2023-05-06"),
        ("2024-03-05, was it cold?", "2024-03-05", "2024-03-06"),
        ("the plans of the year in 2023", "2023-01-01", "2024-01-01"),
        ("Whom did I meet on Monday?", "2024-05-13", "2024-05-14"),
        ("Whom did I meet last Friday?", "2024-05-10", "2024-05-11"),
        ("since March 2024", "2024-03-01", ALWAYS),
        ("after 2 May", "2024-05-03", ALWAYS),
        ("What have I read since 2023?", "2023-01-01", ALWAYS),
        ("since the year 2023", "2023-01-01", ALWAYS),
        ("after 2023", "2024-01-01", ALWAYS),
        ("Was habe ich nach 2022 gelesen?", "2023-01-01", ALWAYS),
        ("Что я читал с 2023 года?", "2023-01-01", ALWAYS),
        ("on 29 February", "2024-02-29", "2024-03-01"),
        ("on 30 May", "2023-05-30", "2023-05-31"),
        ("What did I say last Wednesday?", "2024-05-08", "2024-05-09"),
        ("What did I say on Wednesday?", "2024-05-15", "2024-05-16"),
        ("between 1 April and 3 May", "2024-04-01", "2024-05-04"),
        ("from March to April 2024", "2024-03-01", "2024-05-01"),
        ("Was habe ich letzte Woche gesagt?", "2024-05-06", "2024-05-13"),
        ("Was war am 5. Mai?", "2024-05-05", "2024-05-06"),
        ("¿Qué dije hace 3 días?", "2024-05-12", "2024-05-13"),
        ("Qu'ai-je dit la semaine dernière ?", "2024-05-06", "2024-05-13"),
        ("Что я говорил вчера?", "2024-05-14", "2024-05-15"),
        ("Что было 5 мая?", "2024-05-05", "2024-05-06"),
        ("Что было в марте?", "2024-03-01", "2024-04-01"),
        ("三天前我说了什么？", "2024-05-12", "2024-05-13"),
        ("上周我说了什么？", "2024-05-06", "2024-05-13"),
        ("3天前", "2024-05-12", "2024-05-13"),
        ("3月5日に何を話した？", "2024-03-05", "2024-03-06"),
        ("지난주에 뭐라고 했지?", "2024-05-06", "2024-05-13"),
        ("ماذا قلت الأسبوع الماضي؟", "2024-05-06", "2024-05-13"),
        ("मैंने पिछले महीने क्या कहा?", "2024-04-01", "2024-05-01"),
        ("เมื่อวานฉันพูดอะไร", "2024-05-14", "2024-05-15"),
    ],
)
def test_a_question_names_a_time(question: str, start: str, stop: str) -> None:
    """A time in a question is resolved in the past, in the time zone of who asks."""
    assert periods_of(question, NOW) == (Period(day(start), day(stop)),)


@pytest.mark.parametrize(
    "question",
    [
        "May I ask what you march for?", "What is planned for tomorrow?", "every Monday", "Next Monday",
        "the release of December 2030", "Der Mann hier", "I paid 2000 dollars", "the plastic an engineer uses", "",
        "十二天前",
    ],
)  # fmt: skip
def test_a_question_names_no_time(question: str) -> None:
    """What only looks like a time, and a time that has not begun, is none."""
    assert periods_of(question, NOW) == ()


def test_several_times_and_the_time_before_one() -> None:
    """A question can name several times, and all before one. A day begins where the user is, not in UTC."""
    assert periods_of("before April 10", NOW) == (Period(float("-inf"), day("2024-04-10")),)
    assert periods_of("before 2024", NOW) == (Period(float("-inf"), day("2024-01-01")),)
    # In years without a 29 February, the last one is meant.
    assert periods_of("on 29 February", NOW.replace(year=2026)) == periods_of("on 29 February", NOW)
    assert [each.start for each in periods_of("on 1 May or on 3 May?", NOW)] == [day("2024-05-01"), day("2024-05-03")]
    (period,) = periods_of("two months ago", NOW)
    assert period.start < day("2024-03-15") < period.stop < day("2024-04-15")
    late = datetime(2024, 5, 14, 23, 30, tzinfo=UTC)  # in Oslo it is the next day already
    assert periods_of("yesterday", late) != periods_of("yesterday", late.astimezone(OSLO))


VOCABULARY = [
    *("in of on the last past next before since ago il y a ha vor hace am letzten segunda-feira domenica may march mars"
    " jan week days mois an ans ano anni heute yesterday 3 12 31 101 1999 2024 word2024 2024-03 2024-03-05 5th 3. room"
    ).split()
]  # fmt: skip


@given(st.lists(st.sampled_from(VOCABULARY), max_size=6))
def test_most_questions_are_seen_to_name_no_time_at_a_glance(chosen: list[str]) -> None:
    """A question in ASCII names the same times as it does with another character, for which all patterns are tried."""
    text = " ".join(chosen)
    assert periods_of(text, NOW) == periods_of(f"{text} \u4e2d", NOW)


@pytest.mark.parametrize(
    ("question", "order"),
    [
        ("When did I first mention the dog?", Order.FIRST),
        ("What did I say first about the dog?", Order.FIRST),
        ("What was the most recent thing you recommended?", Order.LATEST),
        ("What was the last message about it?", Order.LATEST),
        ("Was habe ich zuerst gesagt?", Order.FIRST),
        ("¿Cuándo fue la última vez?", Order.LATEST),
        ("我最初说了什么", Order.FIRST),
        ("When does my first sprint end?", None),
        ("What happened last week?", None),
        ("Was the first message like the latest message?", None),
    ],
)
def test_a_question_asks_for_an_order(question: str, order: Order | None) -> None:
    """A question can ask for what was said first or latest, and an adjective of something else asks for neither."""
    assert order_of(question) is order


def test_times_change_the_order_of_what_matches_alike() -> None:
    """The time that is named, or the order that is asked for, decides between messages that match alike."""
    places = [("s", at) for at in range(0, 50, 10)]
    times = {("s", at): float(at) for at in (0, 10, 20, 30, 40, 60)}
    worded = {**dict.fromkeys(places, 2.0), ("s", 60): 0.1}
    scores = ranked({}, worded, times=times, question=Question(periods=(Period(20.0, 30.0),)))
    assert next(iter(scores)) == ("s", 20)
    assert scores["s", 30] > scores["s", 40] > scores["s", 10]  # soon after it was told of, too
    first, latest = (ranked({}, worded, times=times, question=Question(order=order)) for order in Order)
    assert (list(first), list(latest)) == ([*places, ("s", 60)], [*reversed(places), ("s", 60)])
    apart = {("s", 0): 2.0, ("s", 10): 1.999, ("s", 20): 1.9}  # the last is worse
    in_order = ranked({}, apart, times=times, question=Question(order=Order.LATEST))
    assert list(in_order) == [("s", 10), ("s", 0), ("s", 20)]
    assert max(scores.values()) == 1


def test_a_search_prefers_the_time_that_is_named(make: MakeMotorhead, monkeypatch: pytest.MonkeyPatch) -> None:
    """What matches as well as much else is first if its time is named, and other times are found nevertheless.

    This holds with and without a search module.
    """
    motorhead = make(compaction="manual", embeddings=HashingEmbeddings(64))
    session, start = motorhead.session("s", "u"), datetime(2024, 3, 5, tzinfo=OSLO)
    swims = [HumanMessage("The swim in the lake was cold.") for _ in range(300)]
    for at in CLIMBS:
        swims[at] = HumanMessage("A climb was hot.")
    session.append(swims)
    times = {f"t:{at}": int((start.timestamp() + at * 6 * 3600) * 1_000_000) for at in range(300)}
    client = motorhead.backend.require_redis().connection.sync_client
    client.hset(session_keys(motorhead.namespace, "s").state, mapping=times)
    motorhead.flush()
    asked = {"now": NOW, "k": 20, "roles": ["human"]}

    def days(question: str, **fields: Any) -> list[str]:
        return [found.metadata["created"] for found in session.search(question, **{**asked, **fields})]

    for searched in ("index", "messages"):
        if searched == "messages":
            monkeypatch.setattr(flow, "_run_queries", no_module)
        then = days("How was the swim in the lake on 2 April?")
        assert then[0][:10] in ("2024-04-01", "2024-04-02"), searched  # a day in Oslo
        assert sum(each[:10] in ("2024-04-01", "2024-04-02") for each in then[:8]) >= 3, searched
        assert len(then) == 20
        narrowed = days("How was the swim on 2 April?", before=datetime(2024, 3, 10, tzinfo=OSLO))
        assert len(narrowed) >= 19
        assert max(narrowed) < "2024-03-10", searched
        first, latest = (
            days("What did I say first about the climb?"),
            days("What was the last message about the climb?"),
        )
        assert (first[:3], latest[:3]) == (sorted(first[:3]), sorted(latest[:3], reverse=True)), searched
        assert set(first[:3]) == set(latest[:3]), searched


def no_module(*_: Any) -> Iterator[Any]:
    """Raise the error of a server without a search module."""
    raise SearchUnavailableError("there is no search module")
    yield
