"""What models really answer becomes a summary, "nothing new" or a failure with its reason."""

from __future__ import annotations

from enum import Enum, IntEnum
from typing import Any

import pytest
from langchain_core.messages import AIMessage, AIMessageChunk
from pydantic import BaseModel

from langchain_motorhead.exceptions import SummarizationError, UnusableAnswerError
from langchain_motorhead.sessions.checks.reasons import Reason, reason_code
from langchain_motorhead.summarizers.answers import NOTHING_NEW, finish_reason, read_answer

SUMMARY = "Bob lives in Oslo and flies to Bergen on 14 May at 9:30."


@pytest.mark.parametrize(
    "data", [{"summary": SUMMARY}, {"summary": SUMMARY, "nothing_new": False}, [{"text": SUMMARY}]]
)
def test_structured_output_is_read(data: Any) -> None:
    """Structured output gives its summary."""
    assert read_answer(data) == SUMMARY


class _Output(BaseModel):
    summary: str | None


def test_models_of_pydantic_and_calls_are_read() -> None:
    """A model of pydantic and a call made for structured output give their summary, or nothing new."""
    assert read_answer(_Output(summary=SUMMARY)) == SUMMARY
    assert read_answer(_Output(summary=None)) is NOTHING_NEW
    call = {"name": "Output", "args": {"summary": SUMMARY}, "id": "1", "type": "tool_call"}
    assert read_answer(AIMessage("", tool_calls=[call])) == SUMMARY


BLOCKS: list[list[Any]] = [
    [{"type": "reasoning", "summary": [{"type": "summary_text", "text": "Hm."}]}, {"type": "text", "text": SUMMARY}],
    [{"type": "thinking", "thinking": "Hm.", "signature": "x"}, {"type": "text", "text": SUMMARY}],
    [{"type": "redacted_thinking", "data": "x"}, {"type": "text", "text": SUMMARY}],
    [{"type": "reasoning_content", "reasoning_content": {"text": "Hm."}}, {"type": "text", "text": SUMMARY}],
    [{"type": "thinking", "thinking": [{"type": "text", "text": "Hm."}]}, {"type": "text", "text": SUMMARY}],
    [{"type": "reasoning", "text": "Hm."}, {"type": "output_text", "text": SUMMARY, "annotations": []}],
    [{"text": "Hm.", "thought": True}, {"text": SUMMARY}],
    [{"type": "text", "text": SUMMARY[:9]}, SUMMARY[9:]],
]


@pytest.mark.parametrize("content", BLOCKS)
def test_reasoning_blocks_are_left_out(content: list[Any]) -> None:
    """Of content blocks, only those that are text are the answer."""
    assert read_answer(AIMessage(content)) == SUMMARY
    assert read_answer(AIMessageChunk(content=content)) == SUMMARY


class _Finish(Enum):
    MAX_TOKENS = 2
    SAFETY = 3


class _Number(IntEnum):
    STOP = 1
    MAX_TOKENS = 2


CUT_OFF: list[dict[str, Any]] = [
    {"finish_reason": "length"},
    {"finish_reason": "lengthlength"},
    {"stop_reason": "max_tokens"},
    {"stop_reason": "model_context_window_exceeded"},
    {"finish_reason": "MAX_TOKENS"},
    {"finish_reason": "FinishReason.MAX_TOKENS"},
    {"finish_reason": _Finish.MAX_TOKENS},
    {"finish_reason": _Number.MAX_TOKENS},
    {"finish_reason": 2},
    {"done_reason": "length"},
    {"stopReason": "max_tokens"},
    {"finish_reason": "model_length"},
    {"finish_reason": "ERROR_LIMIT"},
    {"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}},
    {"status": "incomplete"},
    {"finish_reason": "stop", "status": "incomplete"},
    {"stop_reason": None, "finish_reason": "length"},
]
REFUSED: list[dict[str, Any]] = [
    {"finish_reason": "content_filter"},
    {"finish_reason": "SAFETY"},
    {"finish_reason": _Finish.SAFETY},
    {"finish_reason": "RECITATION"},
    {"finish_reason": "PROHIBITED_CONTENT"},
    {"finish_reason": "BLOCKLIST"},
    {"finish_reason": "SPII"},
    {"stop_reason": "refusal"},
    {"stopReason": "guardrail_intervened"},
    {"stopReason": "content_filtered"},
    {"finish_reason": "ERROR_TOXIC"},
    {"status": "incomplete", "incomplete_details": {"reason": "content_filter"}},
    {"prompt_feedback": {"block_reason": "SAFETY"}},
]


@pytest.mark.parametrize("metadata", CUT_OFF)
def test_an_answer_that_was_cut_off_fails(metadata: dict[str, Any]) -> None:
    """An answer that met a limit is no summary, however its provider says so."""
    assert _reason(AIMessage(SUMMARY, response_metadata=metadata)) is Reason.CUT_OFF


@pytest.mark.parametrize("metadata", REFUSED)
def test_an_answer_that_was_refused_fails(metadata: dict[str, Any]) -> None:
    """An answer that a model or a filter refused is no summary, however its provider says so."""
    assert _reason(AIMessage(SUMMARY, response_metadata=metadata)) is Reason.REFUSED


@pytest.mark.parametrize(
    "metadata",
    [
        {},
        {"finish_reason": "stop"},
        {"finish_reason": "STOP"},
        {"finish_reason": "COMPLETE"},
        {"finish_reason": "eos_token"},
        {"finish_reason": _Number.STOP},
        {"stop_reason": "end_turn", "stop_sequence": None},
        {"stopReason": "end_turn"},
        {"done_reason": "stop", "done": True},
        {"status": "completed", "incomplete_details": None},
        {"finish_reason": "stop", "stop_reason": 128001},
        {"finish_reason": "stop", "prompt_feedback": {"block_reason": 0, "safety_ratings": []}},
    ],
)
def test_a_complete_answer_is_taken(metadata: dict[str, Any]) -> None:
    """No finish reason of a complete answer makes it a failure."""
    assert read_answer(AIMessage(SUMMARY, response_metadata=metadata)) == SUMMARY


def test_refusals_have_fields_of_their_own() -> None:
    """A refusal in `additional_kwargs` or in a content block is one, whatever text stands beside it."""
    assert _reason(AIMessage(SUMMARY, additional_kwargs={"refusal": "I cannot."})) is Reason.REFUSED
    assert _reason(AIMessage([{"type": "refusal", "refusal": "I cannot."}])) is Reason.REFUSED


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", Reason.EMPTY),
        (" \n\t", Reason.EMPTY),
        ("<think>Hm.</think>", Reason.EMPTY),
        ("<think>Hm.</think>\n\n", Reason.EMPTY),
        ("<think>Bob lives in Oslo, so the summary", Reason.CUT_OFF),
        ("<think>\nBob lives in Oslo.\n\nSummary: Bob lives in Oslo.", Reason.CUT_OFF),
        ("[THINK]Bob lives", Reason.CUT_OFF),
        ("◁think▷Bob lives", Reason.CUT_OFF),
        ("<|channel|>analysis<|message|>Bob lives in Oslo", Reason.CUT_OFF),
        ("<|START_THINKING|>Bob lives", Reason.CUT_OFF),
        ("```\n<think>Bob lives in Oslo", Reason.CUT_OFF),
        ("Bob lives in Oslo.\n<think>\nWait, is it Bergen?", Reason.CUT_OFF),
        ('{"summary": "Bob lives in Oslo and flies to', Reason.CUT_OFF),
        ('```json\n{"summary": "Bob lives in Oslo"', Reason.CUT_OFF),
        ('{"summary": "Bob says "hi" to Ann."}', Reason.CUT_OFF),
        ("NONE, but Bob now lives in Oslo and flies on 14 May.", Reason.EMPTY),
        ("NONE\n\nUpdated summary: " + SUMMARY * 5, Reason.EMPTY),
    ],
)
def test_answers_without_a_summary_fail(text: str, reason: Reason) -> None:
    """Nothing, thoughts alone, thoughts or JSON without an end, and a NONE that goes on are failures."""
    assert _reason(text) is reason


def test_reasoning_alone_in_a_field_is_no_answer() -> None:
    """An empty answer beside reasoning in another field says nothing."""
    assert _reason(AIMessage("", additional_kwargs={"reasoning_content": "Hm."})) is Reason.EMPTY


def test_finish_reasons_are_returned_in_the_provider_s_word() -> None:
    """The reason that tells most is returned, so that `check_summary` can be given it."""
    assert finish_reason(AIMessage("", response_metadata={"stop_reason": "end_turn"})) == "end_turn"
    assert (
        finish_reason(AIMessage("", response_metadata={"finish_reason": "stop", "done_reason": "length"})) == "length"
    )
    assert finish_reason(AIMessage("", response_metadata={"finish_reason": _Finish.MAX_TOKENS})) == "MAX_TOKENS"
    assert finish_reason(AIMessage("")) is None
    assert finish_reason("a text") is None


def test_an_unusable_answer_is_a_summarization_error() -> None:
    """Callers that handle failing summarizers handle unusable answers as well."""
    assert issubclass(UnusableAnswerError, SummarizationError)


def _reason(answer: Any) -> Reason:
    with pytest.raises(UnusableAnswerError) as failed:
        read_answer(answer)
    return reason_code(failed.value.reason)
