"""A model that says "nothing new" of messages that have much to keep: the summary is no worse than an extract."""

from __future__ import annotations

import pytest
from langchain_core.messages import AIMessage, HumanMessage

from langchain_motorhead import Window
from support.factory import MakeMotorhead
from support.scripted_models import Scripted

FIRST = "Bob lives in Oslo. He is allergic to peanuts. His order is number 4711."


@pytest.mark.parametrize(
    ("before", "said", "added"),
    [
        ("", "My number is 5551212, and the door code of Ann is 9043.", ("5551212", "9043")),
        ("", "Thanks! Bye.", ()),
        (FIRST, "Thanks a lot, see you at 5.", ()),
        ("", "thanks 10, 11, 12, and 13", ()),
        (FIRST, "The order was sent to Oslo, as you know.", ()),
        (FIRST, "Rex stays with Miller in Bergen, and Ann with Carla in Rome, until 14 May.", ("Bergen", "Rome", "14")),
    ],
)
def test_the_old_summary_stays_unless_most_would_be_lost(
    make: MakeMotorhead, before: str, said: str, added: tuple[str, ...]
) -> None:
    """It stays as it is where it has at least half of the numbers, dates and names that an extract would have."""
    model = Scripted(answers=[before, "NONE"] if before else ["NONE"])
    session = make(llm=model, window=Window(max_messages=2), compaction="manual").session("s")
    filler = [AIMessage("Fine with me."), HumanMessage("Good then."), AIMessage("All right.")]
    if before:
        session.append([HumanMessage(FIRST), *filler])
        session.compact()
        assert session.load().summary == before
    session.append([HumanMessage(said), *filler])
    session.compact()
    summary = session.load().summary or ""
    assert summary.startswith(before)
    assert (summary == before) is (not added)
    assert all(each in summary for each in added)
