"""A batch is always summarized: rejected answers and refused inputs cost requests, but never block a session."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

import pytest
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, ToolMessage

from langchain_motorhead.exceptions import SummarizationError
from langchain_motorhead.flows.protocol import RefusedInputError, Summarize, Summary, SummaryInput, Writer
from langchain_motorhead.messages.text import transcript
from langchain_motorhead.sessions.compaction.summarize import COUNTED, REFUSED_INPUT, summarize
from langchain_motorhead.sessions.compaction.withheld import MARK
from langchain_motorhead.sessions.compaction.writing import Account, Writing, Written
from langchain_motorhead.sessions.summaries.origin import Author
from langchain_motorhead.storage.operation import Operation
from support.scripted_models import words

MESSAGES = (
    HumanMessage("I am Bob and I fly from Oslo to Bergen on 14 May with two colleagues from my office."),
    AIMessage("Noted. The flight from Oslo leaves at 9:30 and lands in Bergen at 10:25, seats 14A to 14C are yours."),
    HumanMessage("Please book the Radisson hotel for three nights and a table at Enhjorningen for the first evening."),
    AIMessage("The Radisson is booked for 3 nights, confirmation 48213, and the table is reserved for 19:30."),
)
GOOD = "Bob flies from Oslo to Bergen on 14 May at 9:30 and booked the Radisson, confirmation 48213."
BAD = "In San Francisco there is a stretch of 91.5 miles of coast, perfect for bungalows near beaches."


def extract(given: SummaryInput) -> str:
    """Extract: everything, shortened, with a mark of its own."""
    return f"{given['summary'] or ''} E[{transcript(given['messages'])[:900]}]".strip()


def gibberish(count: int, seed: int) -> str:
    """Make a text of different words."""
    letters = Random(seed)
    return " ".join("".join(letters.choices("abcdefghijklmnoprstuvwy", k=6)) for _ in range(count))


class Model:
    """Plays the summarizers: what each of them is asked is kept, and a function answers for the model."""

    def __init__(self, answer: Callable[[SummaryInput], Any]) -> None:
        self.answer = answer
        self.asked: list[tuple[Writer, SummaryInput]] = []

    def __call__(self, request: Summarize) -> Summary:
        """Answer a request."""
        self.asked.append((request.writer, request.given))
        if request.writer is Writer.EXTRACT:
            return Summary(extract(request.given), 0, is_trusted=True, is_extract=True)
        answer = self.answer(request.given)
        if isinstance(answer, Exception):
            raise answer
        return answer if isinstance(answer, Summary) else Summary(answer, 1)

    def times(self, writer: Writer) -> int:
        """Count the requests for a writer."""
        return sum(asked is writer for asked, _ in self.asked)


def run(
    model: Model, messages: tuple[BaseMessage, ...] = MESSAGES, previous: str | None = None, **options: Any
) -> tuple[Written, Account]:
    """Summarize one batch."""
    account = Account(budget=options.pop("learned", None))
    heartbeat: Operation[None] = Operation((), lambda replies: None)
    request = lambda given, writer: Summarize(given, writer, heartbeat)
    writing = Writing(options.pop("budget", 1_000), words, **options)
    flow = summarize(previous, [messages], writing, request, account, "s")
    try:
        asked = next(flow)
        while True:
            try:
                assert isinstance(asked, Summarize)
                answer = model(asked)
            except SummarizationError as error:
                asked = flow.throw(error)
            else:
                asked = flow.send(answer)
    except StopIteration as end:
        return end.value, account


def too_long(limit: int) -> Callable[[SummaryInput], Any]:
    """Refuse inputs that are longer than so many tokens."""
    return lambda given: (
        RefusedInputError("too long", too_long=True)
        if words(given["messages"]) + len((given["summary"] or "").split()) > limit
        else f"{given['summary'] or ''} {transcript(given['messages'])[:60].partition(': ')[2]}".strip()
    )


def refusing(word: str) -> Callable[[SummaryInput], Any]:
    """Refuse inputs with a word in them, wherever it stands."""

    def answer(given: SummaryInput) -> Any:
        if word in transcript(given["messages"]) + (given["summary"] or ""):
            return RefusedInputError("filtered", too_long=False)
        return f"{given['summary'] or ''} {transcript(given['messages'])[:40].partition(': ')[2]}".strip()

    return answer


def test_a_good_answer_is_the_summary() -> None:
    """It is asked for once, unchanged, and counted as accepted."""
    model = Model(lambda given: GOOD)
    written, account = run(model)
    assert (written.text, written.is_extract) == (GOOD, False)
    assert (model.times(Writer.MODEL), account.accepted, dict(account.rejected)) == (1, 1, {})


def test_a_rejected_answer_is_asked_for_once_more() -> None:
    """The model is shown its answer and what is wrong with it, and a good second answer is the summary."""
    answers = iter([BAD, GOOD])
    model = Model(lambda given: next(answers))
    written, account = run(model)
    assert (written.text, written.is_extract) == (GOOD, False)
    assert account.rejected["invented numbers"] == 1
    shown, correction = model.asked[1][1]["correction"]
    assert shown.content == BAD
    assert "invented numbers" in str(correction.content)


@pytest.mark.parametrize("answer", [BAD, Summary("", 3, unusable="cut off: it ended before its end (length)")])
def test_the_extract_takes_the_place_of_a_second_rejected_answer(answer: Any) -> None:
    """Nothing of the rejected answers is in it; the previous summary is."""
    model = Model(lambda given: answer)
    written, account = run(model, previous="Bob is a nurse.")
    assert written.is_extract
    assert written.text is not None
    assert "San Francisco" not in written.text
    assert written.text.startswith("Bob is a nurse. E[")
    assert (model.times(Writer.MODEL), account.extracts, account.in_a_row) == (2, 1, 2)


def test_a_model_may_be_asked_once_only() -> None:
    """If a second answer is not worth its cost, the extract takes the place of the first one that is rejected."""
    model = Model(lambda given: BAD)
    written, account = run(model, corrects=False)
    assert written.is_extract
    assert (model.times(Writer.MODEL), account.extracts, account.in_a_row) == (1, 1, 1)


def test_a_fallback_is_asked_before_the_extract() -> None:
    """A second model may write what the first one cannot; its answer is checked, too."""
    model = Model(lambda given: BAD)
    model.answer = lambda given: GOOD if model.asked[-1][0] is Writer.FALLBACK else BAD
    assert run(model, has_fallback=True)[0] == Written(GOOD)
    model = Model(lambda given: BAD)
    assert run(model, has_fallback=True)[0].is_extract
    assert model.times(Writer.FALLBACK) == 1


def test_an_outage_is_no_rejection() -> None:
    """A summarizer that fails ends the flow where there is no fallback, and nothing is extracted."""
    model = Model(lambda given: SummarizationError("down"))
    with pytest.raises(SummarizationError, match="down"):
        run(model)
    assert model.times(Writer.EXTRACT) == 0


@pytest.mark.parametrize("previous", ["Bob is a nurse in Oslo.", None])
def test_nothing_new_keeps_the_summary(previous: str | None) -> None:
    """Messages with little in them leave the summary as it is."""
    messages = (HumanMessage("thanks"), AIMessage("You are welcome!"))
    assert run(Model(lambda given: Summary(None, 1)), messages, previous)[0].text == previous


def test_nothing_new_loses_no_details() -> None:
    """A model that finds nothing in messages full of names and numbers does not make them disappear."""

    def supplement(text: str, extract: str, *, budget: int, count: Any) -> str:
        return f"{text} + {extract}"

    written, _ = run(Model(lambda given: Summary(None, 1)), supplement=supplement)
    assert "48213" in (written.text or "")


def test_a_trusted_answer_is_not_checked() -> None:
    """A summarizer that asks not to be checked may answer anything but nothing."""
    model = Model(lambda given: Summary("m1,m2", 1, is_trusted=True))
    assert run(model)[0] == Written("m1,m2", is_trusted=True)
    with pytest.raises(SummarizationError, match="nothing"):
        run(Model(lambda given: Summary(" ", 1, is_trusted=True)))


def test_a_refused_batch_is_halved() -> None:
    """What is too long in one is summarized in parts, in order, and the process remembers what was too long."""
    model = Model(too_long(250))
    written, account = run(model, tuple(HumanMessage(gibberish(60, seed)) for seed in range(6)))
    assert not written.is_extract
    assert (account.rejected[REFUSED_INPUT], account.extracts) == (1, 0)
    assert account.budget is not None
    assert account.budget == 6 * 61 // 2
    assert all(words(given["messages"]) <= 250 for _, given in model.asked[1:])


def test_one_message_that_is_too_long_is_split_within() -> None:
    """One message alone never blocks a session: it is summarized in parts of its text."""
    long = HumanMessage(gibberish(600, 1))
    written, account = run(Model(too_long(150)), (long,))
    assert written.text is not None
    assert (account.extracts, written.is_extract) == (0, False)


def test_one_filtered_message_is_extracted_alone() -> None:
    """The rest is summarized by the model, and the filtered words are kept from it ever after."""
    messages = (*MESSAGES[:2], HumanMessage("a word about the forbidden topic"), *MESSAGES[2:])
    model = Model(refusing("forbidden"))
    written, _ = run(model, messages)
    marked = [line for line in (written.text or "").splitlines() if line.startswith(MARK)]
    assert len(marked) == 1
    assert "forbidden topic" in marked[0]
    assert all(str(message.content)[:9] in (written.text or "") for message in (MESSAGES[0], MESSAGES[2]))
    written, account = run(model, MESSAGES, written.text)
    assert account.rejected[REFUSED_INPUT] == 0
    assert marked[0] in (written.text or "")


def test_a_summary_that_is_refused_is_kept_from_the_model() -> None:
    """Where the summary so far is what a filter refuses, later messages are summarized without it; it is not lost."""
    written, account = run(Model(refusing("forbidden")), MESSAGES[:1], "All about the forbidden topic.")
    assert f"{MARK}All about the forbidden topic." in (written.text or "")
    assert (account.accepted, account.extracts) == (1, 0)


def test_what_is_refused_whatever_it_is_costs_a_bounded_number_of_requests() -> None:
    """A provider that refuses everything is asked some sixteen times, and then all is extracted."""
    model = Model(lambda given: RefusedInputError("no", too_long=False))
    many = tuple(HumanMessage(f"message {at} " + "word " * 200) for at in range(64))
    written, account = run(model, many, budget=100_000)
    assert account.rejected[REFUSED_INPUT] == model.times(Writer.MODEL) == 16
    assert written.is_extract


def test_a_call_stays_with_its_result_while_both_fit() -> None:
    """Splitting never parts them, unless the two alone are refused."""
    pairs: list[BaseMessage] = []
    for at in range(4):
        pairs.append(AIMessage("", tool_calls=[{"name": "f", "args": {"at": at}, "id": f"c{at}"}]))
        pairs.append(ToolMessage(f"result {at} " + "word " * 20, tool_call_id=f"c{at}"))
    model = Model(too_long(70))
    run(model, tuple(pairs))
    for _, given in model.asked:
        calls = {call["id"] for each in given["messages"] if isinstance(each, AIMessage) for call in each.tool_calls}
        assert calls == {each.tool_call_id for each in given["messages"] if isinstance(each, ToolMessage)}


def test_what_was_learned_is_applied() -> None:
    """With a budget that an earlier refusal has taught, nothing is refused again."""
    model = Model(too_long(60))
    _, account = run(model, learned=40)
    assert account.rejected[REFUSED_INPUT] == 0


def test_everything_that_is_counted_has_a_field() -> None:
    """Fields of a session are few and known: a reason is never free text."""
    assert len(COUNTED) == len(set(COUNTED)) == 12
    assert set(Author) == {"model", "extract", "client"}
