"""What a summary keeps of numbers, dates and names is measured, whatever form they have."""

import pytest
from langchain_core.messages import AIMessage, HumanMessage

from langchain_motorhead.sessions.checks.details import Details, Text
from langchain_motorhead.sessions.checks.keeping import Kept, kept, kept_of, missing_details
from langchain_motorhead.sessions.checks.source import Source
from langchain_motorhead.sessions.compaction.writing import Written, origin_of
from langchain_motorhead.sessions.summaries.origin import Author

MESSAGES = [
    HumanMessage("I want to fly with Karin from Oslo to Bergen on 14 May at 16:45."),
    AIMessage("There is flight SK 271 on Thursday for 1,200 kroner."),
]


def test_what_is_kept_is_counted() -> None:
    """Numbers, dates and names are counted apart, each once."""
    assert kept("Karin flies to Bergen in May.", MESSAGES) == Kept(0, 5, 1, 2, 2, 4)
    assert kept("", [HumanMessage("hello")]).share == 1.0


def test_the_previous_summary_was_said() -> None:
    """What only the previous summary had counts as well."""
    assert kept("Ann", [HumanMessage("hello")], previous="It is Ann, of Rome.") == Kept(0, 0, 0, 0, 1, 2)


def test_what_was_read_of_other_messages_is_not_taken() -> None:
    """The source of the checks measures a summary only if it has every message that the summary covers."""
    whole, part = Source(MESSAGES, "It is Ann."), Source(MESSAGES[:1], "It is Ann.")
    assert whole.is_of(MESSAGES, "It is Ann.")
    assert not whole.is_of(MESSAGES, "")
    assert not whole.is_of(MESSAGES[:1], "It is Ann.")
    assert not whole.is_of([MESSAGES[0], MESSAGES[1].model_copy()], "It is Ann.")
    right = kept("Karin, flight 271", MESSAGES, previous="It is Ann.")
    assert right == kept_of(whole, "Karin, flight 271") != kept_of(part, "Karin, flight 271")
    for source in (whole, part, None):
        written = Written("Karin, flight 271", model="any", source=source)
        assert origin_of(written, "It is Ann.", Author.MODEL, [*MESSAGES, None], {}).kept == right


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("at 4:45 pm", "16"), ("at 16:45", "4"), ("1,200 euros", "1200"), ("1.200 Euro", "1200"), ("1 200 €", "1200"),
        ("2019-03-08", "2019"), ("in '19", "19"), ("in 2019", "19"), ("2k", "2000"), ("1.5 million", "1500000"),
        ("15万", "150000"), ("150,000", "15"), ("twenty-five people", "25"), ("fünfundzwanzig Leute", "25"),
        ("vingt-cinq", "25"), ("veinticinco", "25"), ("venticinque", "25"), ("vijfentwintig", "25"), ("двадцать "
        "пять", "25"),
        ("二十五个人", "25"), ("이십오", "25"), ("२५", "25"), ("half past ten", "30"), ("a dozen eggs", "12"),
        ("three hundred and twenty", "320"), ("two hundred", "200"), ("nineteen ninety-five", "1995"),
        ("in October", "10"), ("555-123-4567", "5551234567"), ("45.50", "5"), ("91.5", "92"),
    ],
)  # fmt: skip
def test_a_number_has_many_writings(text: str, number: str) -> None:
    """A number is found in digits of any script, in words, and in other writings of times, dates and amounts."""
    assert Text(text).says_number(number)


@pytest.mark.parametrize(
    ("text", "number"), [("at 4:45", "46"), ("twenty people", "35"), ("recent events", "100"), ("", "12")]
)
def test_a_number_that_was_not_said_is_not_found(text: str, number: str) -> None:
    """Generous as the comparison is, other numbers are not in a text."""
    assert not Text(text).says_number(number)


def test_dates_of_several_languages_are_equal() -> None:
    """Months and weekdays are the same in any language; words that only look like them are none."""
    assert Text("am 8. März, Freitag").dates == Text("viernes 8 de marzo").dates == Text("3月8日 星期五").dates
    assert Text("I may march on").dates == frozenset()


def test_what_an_extract_has_beyond_a_summary_is_found() -> None:
    """The details that only the extract has are returned."""
    missing = missing_details("Karin flies in May.", "Human: I fly with Karin to Bergen on 14 May.")
    assert missing == Details(numbers=frozenset({"14"}), names=frozenset({"bergen"}))
