"""The node `load_memory` keeps its prompt within limits, as the middleware does."""

from __future__ import annotations

from typing import Any

import pytest
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage

from langchain_motorhead import Facts
from langchain_motorhead.integrations.nodes import load_memory
from langchain_motorhead.messages.tokens import count_tokens
from langchain_motorhead.prompts.counting import PromptCounter
from langchain_motorhead.sessions.load import PROFILE_PREFIX
from support.factory import MakeMotorhead
from support.learners import ScriptedLearner

CONFIG: Any = {"configurable": {"thread_id": "t", "user_id": "bob"}}


@pytest.mark.parametrize("side", ["sync", "async"])
async def test_a_long_result_and_many_facts(amake: MakeMotorhead, side: str) -> None:
    """The result is shown in part, the oldest facts are left out, and the session and the profile keep everything."""
    motorhead = amake(compaction="manual", facts=Facts(learner=ScriptedLearner()))
    bob = motorhead.user("bob")
    for at in range(30):
        await bob.aremember(f"Likes the number {at} more than all others", attribute=f"number {at}")
    call = {"name": "look", "args": {}, "id": "c1"}
    messages = [
        HumanMessage("Which numbers?", id="q1"),
        AIMessage("", tool_calls=[call], id="a1"),
        ToolMessage("Numbers.\n" + "one two three " * 2_000, tool_call_id="c1", name="look", id="r1"),
    ]
    node = load_memory(motorhead, facts=5_000, max_prompt_tokens=3_000, max_run_tokens=2_000)
    state = {"messages": messages}
    command = node.invoke(state, CONFIG) if side == "sync" else await node.ainvoke(state, CONFIG)
    prompt = dict(command.update or ())["llm_input_messages"]
    count = PromptCounter(count_tokens)
    assert count(prompt) <= 3_000
    assert count([each for each in prompt if each.id in ("q1", "a1", "r1")]) <= 2_000
    record, question, _, result = prompt
    assert PROFILE_PREFIX in record.text
    assert 1 < record.text.count("- Likes the number") < 30
    assert question.text == "Which numbers?"
    assert "read_result" in result.text
    assert result.text.startswith("Numbers.")
    assert (await motorhead.session("t", "bob").aload()).messages[-1].text == messages[-1].text
    assert len(await bob.afacts()) == 30
