"""Whatever a session has, what is shown of it is a prompt that every provider takes."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, ToolMessage

from langchain_motorhead.messages.provider_rules import EMPTY, acceptable, without_response_id
from support.providers import openai_responses, refusals

QUESTION, NEXT = HumanMessage("q", id="h"), HumanMessage("next", id="n")


def reasoning(name: str) -> dict[str, Any]:
    """Make a reasoning item of OpenAI."""
    return {"type": "reasoning", "id": f"rs_{name}", "summary": []}


def function_call(name: str) -> dict[str, Any]:
    """Make a call as OpenAI's responses have it."""
    return {"type": "function_call", "id": f"fc_{name}", "call_id": name, "name": "f", "arguments": "{}"}


def tool_use(name: str) -> dict[str, Any]:
    """Make a call as Anthropic has it."""
    return {"type": "tool_use", "id": name, "name": "f", "input": {}}


TEXT = {"type": "text", "text": "Let me look."}
THINKING = {"type": "thinking", "thinking": "hm", "signature": "s"}
BLOCKS = [
    TEXT, THINKING, {"type": "text", "text": " "}, reasoning("1"), reasoning("2"), function_call("a"),
    function_call("b"), tool_use("a"), tool_use("c"),
]  # fmt: skip


@given(st.lists(st.sampled_from(BLOCKS), max_size=6), st.sets(st.sampled_from("abc")), st.sets(st.sampled_from("abc")))
def test_any_answer_follows_the_rules(blocks: list[Any], named: set[str], answered: set[str]) -> None:
    """Calls in the content or not, with a result or not, with thoughts anywhere: nothing dangles."""
    calls = [{"name": "f", "args": {}, "id": id_} for id_ in sorted(named)]
    results = [ToolMessage("r", tool_call_id=id_, id=f"t{id_}") for id_ in sorted(answered)]
    messages: list[BaseMessage] = [QUESTION, AIMessage(blocks, tool_calls=calls, id="a"), *results, NEXT]
    ours = any(block.get("type") in ("reasoning", "function_call") for block in blocks)
    shown = acceptable(messages)
    # A package refuses the blocks of others, so that only the rules that concern all are checked on a mixture.
    found = refusals(shown) if not ours else openai_responses(shown) if THINKING not in blocks else []
    assert found == []
    assert shown[0] is QUESTION
    assert shown[-1] is NEXT


def test_an_item_that_loses_its_reasoning_loses_its_id() -> None:
    """OpenAI takes an item with an id only with the reasoning that belongs to it."""
    said = AIMessage([reasoning("1"), function_call("a"), function_call("b")], id="m")
    (_, answer, _) = acceptable([QUESTION, said, ToolMessage("r", tool_call_id="b")])
    assert answer.content == [{key: value for key, value in function_call("b").items() if key != "id"}]


@pytest.mark.parametrize("content", ["", " \n", [], [{"type": "text", "text": ""}]])
def test_nothing_blank_is_shown(content: Any) -> None:
    """A blank question is named as such, and a blank answer is left out."""
    shown = acceptable([HumanMessage(content), AIMessage(content), NEXT])
    assert [message.content for message in shown] == [EMPTY, "next"]


def test_a_call_that_could_not_be_parsed_keeps_its_result() -> None:
    """It is shown as a call without arguments, so that the result that says what was wrong can be shown."""
    invalid = {"name": "f", "args": "{", "id": "a", "error": None, "type": "invalid_tool_call"}
    said = AIMessage("", invalid_tool_calls=[invalid])
    shown = acceptable([QUESTION, said, ToolMessage("not JSON", tool_call_id="a"), NEXT])
    assert len(shown) == 4
    assert refusals(shown) == []


def test_the_id_of_a_response_is_taken_off() -> None:
    """OpenAI's alone, since the model would send only what comes after it."""
    answer = AIMessage("a", response_metadata={"id": "resp_1", "model": "m"})
    assert without_response_id(answer).response_metadata == {"model": "m"}
    other = AIMessage("a", response_metadata={"id": "chatcmpl-1"})
    assert without_response_id(other) is other
