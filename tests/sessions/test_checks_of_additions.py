"""An addition to a summary is checked by itself, and not hidden by what it follows."""

from __future__ import annotations

import pytest
from langchain_core.messages import AIMessage, HumanMessage

from langchain_motorhead.sessions.checks.reasons import Reason, reason_code
from langchain_motorhead.sessions.checks.summary import check_summary

BEFORE = "Anna plans a trip to Lisbon from 3 May and prefers window seats."
SAID = [HumanMessage("Please book the Casa do Bairro for 540 EUR."), AIMessage("It is booked for Anna.")]


@pytest.mark.parametrize(
    ("added", "reasons"),
    [
        ("Anna booked the Casa do Bairro for 540 EUR.", []),
        ("Booked: Bairro.", []),
        ("Anna booked the Casa do Bairro for 990 EUR.", [Reason.INVENTED]),
        ("Quantum mechanics describes subatomic particles with wave functions.", [Reason.UNRELATED]),
        (BEFORE, [Reason.REPEATS]),
        ("Human: Please book it.\nAI: It is booked for Anna.", [Reason.CONTINUES]),
        ("Anna booked Bairro. " + "She likes it very much, and she says that it is nice. " * 9, [Reason.TOO_LONG]),
        ("I'm sorry, but I can't help with that request.", [Reason.REFUSED]),
    ],
)
def test_what_follows_the_previous_summary(added: str, reasons: list[Reason]) -> None:
    """Of a summary that begins with the previous one, the rest is compared with the messages: nothing hides in it."""
    found = [reason_code(each) for each in check_summary(f"{BEFORE}\n\n{added}", SAID, previous=BEFORE)]
    assert found[: len(reasons)] == reasons
    assert bool(found) == bool(reasons)


@pytest.mark.parametrize(
    ("added", "reasons"),
    [
        ("Anna booked the Casa do Bairro for 540 EUR.", []),
        ("Anna plans a trip to Lisbon from 3 May and prefers window seats.", [Reason.REPEATS]),
    ],
)
def test_what_repeats_itself_already(added: str, reasons: list[Reason]) -> None:
    """A previous summary that repeats itself is no fault of what is added to it, unless that repeats it again."""
    before = "\n".join([BEFORE] * 6)
    found = check_summary(f"{before}\n{added}", SAID, previous=before)
    assert [reason_code(each) for each in found] == reasons
