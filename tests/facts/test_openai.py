"""Facts by the real openai client, over HTTP, from a local server that speaks OpenAI's wire."""

from __future__ import annotations

import pytest
from langchain_core.messages import HumanMessage

from langchain_motorhead import Facts
from support.factory import MakeMotorhead
from support.openai_stub import Stub


@pytest.mark.parametrize("finish", ["length", "content_filter"])
async def test_answers_without_an_end_are_paid_for(amake: MakeMotorhead, stub: Stub, finish: str) -> None:
    """The client raises an error for these. Their tokens are counted all the same, sync and async."""
    stub.finish, stub.text = finish, '{"operations": ['
    motorhead = amake(facts=Facts(llm="openai:gpt-4o-mini", every=3_600))
    asked = 0
    for user_id, is_async in (("ann", False), ("bob", True)):
        session = motorhead.session(user_id, user_id)
        session.append([HumanMessage("I live in Oslo."), HumanMessage("I am a nurse.")])
        report = await session.alearn() if is_async else session.learn()
        answers = len(stub.requests) - asked
        assert (report.messages, report.error, report.extracts > 0) == (2, None, True)
        assert (report.tokens, report.unusable.total()) == (100 * answers, answers)
        asked += answers
