"""Messages that are stored nowhere are forgotten, whatever is appended meanwhile; one that is appended is found."""

from __future__ import annotations

from typing import Any

import pytest
from langchain_core.messages import HumanMessage

from langchain_motorhead import Window
from langchain_motorhead.sessions.changes import operations
from support.factory import MakeMotorhead
from support.summarizers import Ledger

SMALL = Window(max_messages=4, hard_limit=1_000)


def test_appends_before_each_attempt(make: MakeMotorhead, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without an archive, one attempt is enough, though others append hundreds of messages before it is made."""
    motorhead = make(window=SMALL, llm=Ledger(), compaction="manual", archive=False)
    session, other = motorhead.session("s"), make().session("s")
    session.append([HumanMessage(f"m{at}", id=f"id {at} ü") for at in range(9)])
    session.compact()
    attempts, replace_messages = list[int](), operations.replace_messages

    def replacing(*args: Any) -> Any:
        attempts.append(1)
        other.append([HumanMessage(f"new {at}", id=f"new {at}") for at in range(300)])
        return replace_messages(*args)

    monkeypatch.setattr(operations, "replace_messages", replacing)
    receipt = session.forget(["id 1 ü"])
    assert (receipt.in_list + receipt.in_archive, receipt.summaries > 0, len(attempts)) == (0, True, 1)
    assert session.load().total == 309


@pytest.mark.parametrize("id_", ["id", 'i"d', "ïd", "i\\d"])
def test_the_message_itself_is_appended_meanwhile(
    make: MakeMotorhead, monkeypatch: pytest.MonkeyPatch, id_: str
) -> None:
    """It was not there, and is known when that is asked afterwards: it is looked for again, and forgotten."""
    motorhead = make(compaction="manual")
    session, other = motorhead.session("s"), make(compaction="manual").session("s")
    session.append([HumanMessage("m0")])
    find_known, appended = operations.find_known, list[int]()

    def finding(*args: Any) -> Any:
        if not appended:
            appended.append(1)
            other.append([HumanMessage(f"secret {1 << 70}", id=id_), HumanMessage("m2")])
        return find_known(*args)

    monkeypatch.setattr(operations, "find_known", finding)
    receipt = session.forget([id_])
    assert (receipt.messages, receipt.in_list) == ((1,), 1)
    assert [each.message.text for each in session.transcript()] == ["m0", "m2"]
