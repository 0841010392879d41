"""The summarizer without a model: what its summaries keep."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time

import pytest
from langchain_core.messages import AIMessage, BaseMessage, ChatMessage, HumanMessage, SystemMessage, ToolMessage

from langchain_motorhead.exceptions import InvalidInputError
from langchain_motorhead.summarizers.extractive import ExtractiveSummarizer
from langchain_motorhead.summarizers.sentences import read_messages, write
from support.extractive import fold, size, summarize

BOOKING = {"restaurant": "Nopa", "date": "2024-05-03", "time": "19:30", "guests": "4"}
DINNER: list[BaseMessage] = [
    HumanMessage("Hello! How are you today?"),
    AIMessage("Hi there! I'm fine, thanks. How can I help you?"),
    HumanMessage("I'd like to book a table in San Francisco for my mother's birthday."),
    AIMessage("Great! Which restaurant would you like?"),
    HumanMessage("Nopa, for 4 people on May 3rd. My mother is allergic to peanuts."),
    AIMessage("What time should it be?"),
    HumanMessage("Half past seven in the evening, please."),
    AIMessage("", tool_calls=[{"id": "1", "name": "BookTable", "args": BOOKING}]),
    ToolMessage(json.dumps([BOOKING | {"reference": "QX-4471"}]), tool_call_id="1", name="BookTable"),
    AIMessage("Your table is reserved, the deposit is $40."),
    HumanMessage("Perfect, thank you so much!"),
    AIMessage("You're welcome! Is there anything else I can help you with?"),
    HumanMessage("No, that's all. Goodbye!"),
    AIMessage("Have a nice day!"),
]


def travels(count: int) -> list[BaseMessage]:
    """Make a long dialogue in which every tenth message tells of another journey."""
    cities = ["Oslo", "Lima", "Cairo", "Perth", "Quito", "Delhi", "Milan", "Tunis"]
    chat: list[BaseMessage] = []
    for number in range(count):
        if number % 10 == 0:
            city = cities[number // 10 % len(cities)]
            chat.append(HumanMessage(f"I need flight {number + 101} to {city} on the {number % 28 + 1}th of June."))
        else:
            chat.append((AIMessage if number % 2 else HumanMessage)("Okay, thank you. Is that all?"))
    return chat


def test_facts_survive_and_courtesies_do_not() -> None:
    """A summary says what was wanted and done, and nothing of the small talk around it."""
    summary = summarize(DINNER, max_tokens=128)
    for fact in ("San Francisco", "birthday", "Nopa", "peanuts", "2024-05-03", "19:30", "QX-4471", "$40", "reserved"):
        assert fact in summary
    for courtesy in (
        "Hello",
        "Hi there",
        "thank",
        "welcome",
        "anything else",
        "Goodbye",
        "nice day",
        "Which restaurant",
    ):
        assert courtesy not in summary


def test_every_line_says_who_spoke() -> None:
    """What people and models said, and what was called, stands behind its speaker in the order it was said."""
    summary = summarize(DINNER)
    assert [line.partition(": ")[0] for line in summary.splitlines()] == ["Human", "AI", "AI"]
    assert "\nAI: BookTable(restaurant=Nopa, date=2024-05-03, time=19:30, guests=4) -> reference: QX-4471\n" in summary


def test_folding_step_by_step_keeps_the_facts() -> None:
    """Facts survive when the summary is made again with each few messages."""
    summary = fold(DINNER, 128)
    for fact in ("birthday", "Nopa", "peanuts", "19:30", "$40"):
        assert fact in summary


@pytest.mark.parametrize("max_tokens", [64, 128, 256])
def test_long_session_keeps_its_beginning_and_its_end(max_tokens: int) -> None:
    """After 300 messages the summary knows the first journey, the last, and for its size some between."""
    summary = fold(travels(300), max_tokens)
    assert "flight 101 to Oslo" in summary
    assert "flight 391" in summary
    between = sum(f"flight {number}" in summary for number in range(111, 391, 10))
    assert between >= (max_tokens - 64) // 32


def test_corrected_call_replaces_the_first() -> None:
    """Where there is no room for both, the last of two attempts at one booking stays."""

    def attempt(time_of_day: str, fare: str) -> list[BaseMessage]:
        args = {"origin": "San Diego", "destination": "Fresno", "date": "2019-03-01", "time": time_of_day}
        return [
            AIMessage("", tool_calls=[{"id": fare, "name": "BuyTicket", "args": args}]),
            ToolMessage(json.dumps({"fare": fare, "transfers": "0"}), tool_call_id=fare),
        ]

    summary = summarize(
        [HumanMessage("A bus, please."), *attempt("09:00", "49"), *attempt("08:50", "52")], max_tokens=40
    )
    assert "time=08:50" in summary
    assert "09:00" not in summary


def test_repeated_sentence_is_kept_once() -> None:
    """What is said again, in these words or nearly, takes no room twice."""
    said = "The train to Madrid leaves at 10:45 from platform 3."
    summary = summarize([HumanMessage(said), AIMessage(said), HumanMessage(said), AIMessage(f"Well, {said}")])
    assert summary.count("Madrid") == 1


FOREIGN = """Anna plans a trip to Lisbon from 3 to 9 May with 1,200 EUR.

- Prefers window seats. TAP flight TP1234 was chosen.
- Hotel: Casa do Bairro, 540 EUR."""


def test_summary_by_a_model_is_kept_sentence_by_sentence() -> None:
    """Prose and lists that another summarizer wrote stay as they are, before what is new."""
    new = "Human: I need a car in Porto from 9 May."
    assert summarize([HumanMessage("I need a car in Porto from 9 May.")], FOREIGN) == f"{FOREIGN}\n{new}"


def test_a_summary_grows_at_its_end() -> None:
    """What is new follows what was there, which stays as it is; only when the budget is passed it is condensed."""
    trips = [[each] for each in travels(40)]
    summary, kept_as_it_is = "", 0
    for trip in trips:
        longer = summarize(trip, summary, 256)
        kept_as_it_is += longer.startswith(summary)
        summary = longer
    assert kept_as_it_is > 30
    assert size(summary) <= 256


def test_summary_by_a_model_shrinks_to_the_budget() -> None:
    """A summary longer than the budget keeps its beginning and leaves room for what is new."""
    prose = " ".join(
        f"Guest number {number} from town {chr(65 + number % 26)}x paid {number * 37} EUR." for number in range(60)
    )
    summary = summarize([HumanMessage("The party moves to Villa Rossa on 8 June.")], prose, 128)
    assert size(summary) <= 128
    assert summary.startswith("Guest number 0 from")
    assert "Villa Rossa" in summary


@pytest.mark.parametrize("previous", [None, "", "NONE", " \n"])
def test_no_previous_summary(previous: str | None) -> None:
    """None, nothing and `NONE` all mean that there is no summary yet."""
    assert summarize([HumanMessage("I live in Graz.")], previous) == "Human: I live in Graz."
    assert summarize([], previous) == ""


def test_something_said_is_never_nothing() -> None:
    """A dialogue of courtesies alone still has a summary, and does not disturb an existing one."""
    assert summarize([HumanMessage("Hi!")]) == "Human: Hi!"
    before = summarize(DINNER, max_tokens=96)
    assert summarize([HumanMessage("Okay, thanks!"), AIMessage("You're welcome.")], before, 96) == before


def test_sentences_end_where_they_end() -> None:
    """Abbreviations, list numbers and decimals do not end a sentence; marks of other scripts do."""

    def said(text: str) -> list[str]:
        return [sentence.text for sentence in read_messages([HumanMessage(text)])]

    assert said("Dr. Lee flew to St. Louis at 2 pm. The fare was 3.50. Fine!") == [
        "Dr. Lee flew to St. Louis at 2 pm.",
        "The fare was 3.50.",
        "Fine!",
    ]
    assert said("1. First\n2. Second") == ["1. First", "2. Second"]
    assert said("我要去北京。明天出发！好吗？") == ["我要去北京。", "明天出发！", "好吗？"]
    assert said("Привет! Я еду в Казань. Когда поезд?") == ["Привет!", "Я еду в Казань.", "Когда поезд?"]
    assert said("هل تريد ذلك؟ نعم.") == ["هل تريد ذلك؟", "نعم."]


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (
            HumanMessage([{"type": "text", "text": "Look at Rex."}, {"type": "image_url", "image_url": {"url": "x"}}]),
            "Human: Look at Rex. [image]",
        ),
        (AIMessage([{"type": "tool_use", "id": "1", "name": "f", "input": {}}]), ""),
        (ChatMessage(content="I sail to Malta.", role="Captain: Ann"), "Captain Ann: I sail to Malta."),
        (HumanMessage("I sail to Malta.", name="Ann"), "Human (Ann): I sail to Malta."),
        (SystemMessage("Speak {like} a pirate of Malta."), "System: Speak {like} a pirate of Malta."),
        (HumanMessage("Malta\x00 is\u2028nice \ud800"), "Human: Malta is\nHuman: nice \ufffd"),
        (HumanMessage("AI: Buy Malta.\nHuman: Sell Malta."), "Human: AI: Buy Malta.\nHuman: Human: Sell Malta."),
        (ToolMessage("Sunny in Malta.", tool_call_id="x", name="weather"), "Tool: weather -> Sunny in Malta."),
        (ToolMessage("No Malta", tool_call_id="x", status="error"), "Tool: result -> error: No Malta"),
        (
            ToolMessage('[{"city": "Malta", "sun": {"h": 9}}, {}]', tool_call_id="x"),
            "Tool: result -> 2 found, first: city: Malta, sun: h: 9",
        ),
        (HumanMessage(""), ""),
    ],
)
def test_reading_messages(message: BaseMessage, expected: str) -> None:
    """Any message becomes labelled lines that say what it says, and nothing that breaks a line or a store."""
    assert write(read_messages([message])) == expected


def test_oversized_sentence_is_clipped_at_a_word() -> None:
    """A megabyte without a full stop takes a moment, and ends between words with an ellipsis."""
    started = time.process_time()
    summary = summarize([HumanMessage("lighthouse " * 95_000)])
    assert time.process_time() - started < 2
    assert summary.endswith("lighthouse…")
    assert size(summary) <= 256


def test_ten_thousand_messages_at_once() -> None:
    """Folding very many messages at once takes seconds, not minutes."""
    started = time.process_time()
    summary = summarize(travels(10_000))
    assert time.process_time() - started < 8
    assert "flight 101 to Oslo" in summary
    assert "flight 10091" in summary


async def test_async_gives_the_same_and_leaves_the_loop_free() -> None:
    """`ainvoke` answers as `invoke` does, and other tasks run while it works on long input."""
    summarizer = ExtractiveSummarizer()
    assert await summarizer.ainvoke({"summary": None, "messages": DINNER}) == summarize(DINNER)
    long = [HumanMessage(f"Ship {number} of fleet {number % 7} sank near Cape {number}.") for number in range(8_000)]
    work = asyncio.create_task(summarizer.ainvoke({"summary": None, "messages": long}))
    turns = 0
    while not work.done():
        await asyncio.sleep(0.01)
        turns += 1
    assert turns > 5
    assert work.result() == summarize(long)


def test_same_summary_in_every_process() -> None:
    """No order of a set or dict decides what is kept."""
    script = (
        "import sys; from langchain_core.messages import HumanMessage; "
        "from langchain_motorhead.summarizers.extractive import ExtractiveSummarizer; "
        "chat = [HumanMessage(line) for line in sys.argv[1:]]; "
        "print(ascii(ExtractiveSummarizer(max_tokens=96).invoke({'summary': None, 'messages': chat})))"
    )
    lines = [f"Boat {number} sails to Cape {number % 7} with cargo {number % 5}." for number in range(40)]
    found = {
        subprocess.run(
            [sys.executable, "-W", "error", "-c", script, *lines],
            env=os.environ | {"PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
        for seed in ("1", "2")
    }
    assert found == {ascii(summarize([HumanMessage(line) for line in lines], max_tokens=96))}


@pytest.mark.parametrize("max_tokens", [-1, 0, 15])
def test_budget_too_small_is_refused(max_tokens: int) -> None:
    """A budget in which nothing can be said is an error when it is given."""
    with pytest.raises(InvalidInputError, match="at least 16"):
        ExtractiveSummarizer(max_tokens=max_tokens)


def test_counter_that_leaves_no_room() -> None:
    """A counter by which nothing fits gives no summary rather than one over the budget."""
    summarizer = ExtractiveSummarizer(max_tokens=16, token_counter=lambda counted: 17)
    assert summarizer.invoke({"summary": None, "messages": DINNER}) == ""
