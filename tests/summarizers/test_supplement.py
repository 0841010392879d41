"""A summary that keeps too little is given what the extract keeps, and a model that is asked again is shown why."""

import pytest
from langchain_core.messages import HumanMessage

from langchain_motorhead.sessions.checks.keeping import missing_details
from langchain_motorhead.sessions.checks.reasons import Reason
from langchain_motorhead.sessions.checks.summary import check_summary
from langchain_motorhead.sessions.compaction.correction import correction
from langchain_motorhead.summarizers.supplement import supplement

EXTRACT = (
    "Human: I fly with Karin from Oslo to Bergen on 14 May.\nAI: It leaves at 16:45, gate B17.\n"
    "Human: My sister Ann lives in Rome, at Via Appia 31."
)


def test_missing_details_are_added() -> None:
    """The sentences of the extract with what is missing follow the summary, in order, as reports."""
    text = supplement("A couple travels.", EXTRACT, budget=1000, count=len)
    assert text.splitlines() == ["A couple travels.", *EXTRACT.replace(": ", " said: ").splitlines()]
    assert missing_details(text, EXTRACT).count == 0
    assert check_summary(text, [HumanMessage(EXTRACT * 2)], previous=EXTRACT) == []


def test_a_summary_that_keeps_half_is_left_alone() -> None:
    """Nothing is added where at least half of the numbers, dates and names stand in the summary."""
    text = "Karin flies from Oslo to Bergen on 14 May at 16:45; Ann is in Rome."
    assert supplement(text, EXTRACT, budget=1000, count=len) == text
    assert supplement("Nothing to miss.", "Human: hello there", budget=1000, count=len) == "Nothing to miss."


@pytest.mark.parametrize("budget", range(0, 200, 10))
def test_the_budget_holds(budget: int) -> None:
    """What is added never makes a summary larger than its budget."""
    text = supplement("A couple travels.", EXTRACT, budget=budget, count=len)
    assert text.startswith("A couple travels.")
    assert len(text) <= max(budget, len("A couple travels."))


def test_what_was_added_is_not_added_again() -> None:
    """A supplemented summary has all that it needs."""
    text = supplement("A couple travels.", EXTRACT, budget=1000, count=len)
    assert supplement(text, EXTRACT, budget=1000, count=len) == text


@pytest.mark.parametrize("reason", list(Reason))
def test_a_correction_names_the_fault_and_what_to_do(reason: Reason) -> None:
    """Every reason has advice, and its sentence is in the request."""
    text = correction([f"{reason}: it does so"])
    assert f"- {reason}: it does so" in text
    assert len(text.splitlines()[-1]) > len("Answer with the corrected text alone.")
