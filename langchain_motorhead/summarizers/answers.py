"""What a model's answer to a request for a summary means: a text, nothing new, or a failure. Pure.

Providers and models wrap the same three answers in many ways; here they become one. Whether a text is good enough to
replace what it summarizes is `check_summary`'s to say.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from enum import Enum
from typing import Any, Final, Literal, TypeAlias

from langchain_core.messages import AIMessage, BaseMessage

from langchain_motorhead.exceptions import UnusableAnswerError
from langchain_motorhead.sessions.checks.endings import Ending, ending_of
from langchain_motorhead.sessions.checks.reasons import Reason
from langchain_motorhead.sessions.checks.refusals import is_refusal
from langchain_motorhead.summarizers.labels import is_broken_data, text_of_data, unwrapped
from langchain_motorhead.summarizers.nothing_new import hedges, says_nothing_new
from langchain_motorhead.summarizers.reasoning import UnclosedReasoningError, without_reasoning

# Where providers say how an answer ended, in `response_metadata`.
_ENDS = ("finish_reason", "stop_reason", "done_reason", "stopReason", "finishReason", "completion_reason", "stop_type")
_BLOCKED = ("prompt_feedback", "promptFeedback")
# Characters. What is far longer than was asked for is no summary.
_LONGEST = 32_000
_GAP = re.compile(r"\s{40,}")
_REASONING_BLOCKS = frozenset(
    "reasoning thinking redacted_thinking reasoning_content thought thoughts summary_text encrypted_reasoning".split()
)


class NothingNew(Enum):
    """What `read_answer` returns where the model says that there is nothing to add."""

    NOTHING_NEW = "NONE"


NOTHING_NEW: Final = NothingNew.NOTHING_NEW
ParsedAnswer: TypeAlias = str | Literal[NothingNew.NOTHING_NEW]


def read_answer(answer: Any) -> ParsedAnswer:
    """Return the summary that an answer holds, or `NOTHING_NEW`.

    Reasoning, labels, code fences, quotes and JSON around the summary are removed.

    Args:
        answer: A message, a string, or structured output: a mapping or a model of pydantic.

    Raises:
        UnusableAnswerError: The model refused, was cut off, reasoned without an end, or said nothing.
    """
    if isinstance(answer, BaseMessage):
        check_ending(answer)
        text = message_text(answer)
    else:
        data = answer.model_dump() if hasattr(answer, "model_dump") else answer
        if isinstance(data, Mapping | list):
            return _read_data(data)
        text = "" if data is None else str(data)
    return _read_text(text)


def finish_reason(answer: Any) -> str | None:
    """Return how an answer ended in its provider's own word; None where it does not say.

    Args:
        answer: As `read_answer` takes it.
    """
    found = [reason for reason in _finish_reasons(answer) if reason not in (None, "")]
    found.sort(key=lambda reason: ending_of(reason) is Ending.COMPLETE)
    return (found[0].name if isinstance(found[0], Enum) else str(found[0])) if found else None


def summary_of(answer: Any) -> str | None:
    """Return the summary that an answer holds, or None if it says that there is nothing new. See `read_answer`."""
    text = read_answer(answer)
    return None if text is NOTHING_NEW else text


def ended_in_thought(answer: Any) -> bool:
    """Return whether a model's answer was cut off by its limit before the model had ended its reasoning."""
    if not isinstance(answer, AIMessage) or ending_of(finish_reason(answer)) is not Ending.CUT_OFF:
        return False
    try:
        visible = without_reasoning(message_text(answer).strip())
    except UnclosedReasoningError:
        return True
    usage = answer.usage_metadata
    thought = usage.get("output_token_details", {}).get("reasoning", 0) if usage else 0
    return not visible.strip() or (usage is not None and 2 * thought > usage["output_tokens"])


def _read_text(text: str) -> ParsedAnswer:
    if not text.strip():
        raise UnusableAnswerError(f"{Reason.EMPTY}: it says nothing")
    try:
        answer = _GAP.sub("\n\n", without_reasoning(_GAP.sub("\n\n", text.strip())))
        if len(answer) > _LONGEST:
            raise UnusableAnswerError(f"{Reason.TOO_LONG}: it has {len(answer):,} characters")
        inside = unwrapped(answer) if answer else ""
        if inside:
            inside = unwrapped(without_reasoning(inside))
    except UnclosedReasoningError:
        raise UnusableAnswerError(f"{Reason.CUT_OFF}: it ended within its reasoning") from None
    if inside is None:
        return NOTHING_NEW
    if not inside:
        raise UnusableAnswerError(f"{Reason.EMPTY}: it reasons and says nothing")
    _check_inside(inside)
    if says_nothing_new(inside) or says_nothing_new(answer):
        return NOTHING_NEW
    if hedges(inside):
        raise UnusableAnswerError(f"{Reason.EMPTY}: it says NONE and then goes on")
    return inside


def _check_inside(text: str) -> None:
    if is_broken_data(text):
        raise UnusableAnswerError(f"{Reason.CUT_OFF}: it is JSON without an end, or with faults")
    if is_refusal(text):
        raise UnusableAnswerError(f"{Reason.REFUSED}: it declines instead of summarizing")


def _read_data(data: Any) -> ParsedAnswer:
    if isinstance(data, Mapping) and any(
        value is True and "nothing" in str(key).lower() for key, value in data.items()
    ):
        return NOTHING_NEW
    text = text_of_data(data)
    return NOTHING_NEW if text is None else _read_text(text)


def check_ending(message: BaseMessage) -> None:
    """Raise an error if a message says that its model refused, or that it was cut off.

    Raises:
        UnusableAnswerError: It says so.
    """
    refusal = message.additional_kwargs.get("refusal") or next(
        (block for block in _blocks(message) if block.get("type") == "refusal"), None
    )
    if refusal:
        raise UnusableAnswerError(f"{Reason.REFUSED}: the model refused")
    reason = finish_reason(message)
    match ending_of(reason):
        case Ending.CUT_OFF:
            raise UnusableAnswerError(f"{Reason.CUT_OFF}: it ended before its end ({reason})")
        case Ending.REFUSED:
            raise UnusableAnswerError(f"{Reason.REFUSED}: the model or a filter refused ({reason})")


def _finish_reasons(answer: Any) -> Iterator[Any]:
    if not isinstance(answer, BaseMessage):
        return
    for said in (answer.response_metadata, answer.additional_kwargs):
        yield from (said.get(name) for name in _ENDS)
        details = said.get("incomplete_details")
        if isinstance(details, Mapping):
            yield details.get("reason")
        if isinstance(status := said.get("status"), str):
            yield status
        for name in _BLOCKED:
            feedback = said.get(name)
            if isinstance(feedback, Mapping) and (feedback.get("block_reason") or feedback.get("blockReason")):
                yield "blocked"
        if isinstance(choices := said.get("choices"), list) and choices and isinstance(choices[0], Mapping):
            yield choices[0].get("finish_reason")


def message_text(message: BaseMessage) -> str:
    """Return the text of an answer without its reasoning, or the text in its structured output."""
    if isinstance(message.content, str):
        text = message.content
    else:
        text = "".join(block if isinstance(block, str) else _block_text(block) for block in message.content)
    if text.strip() or not isinstance(message, AIMessage):
        return text
    # Structured output is a call of a function of that form.
    found = next((text_of_data(call["args"]) for call in message.tool_calls if call["args"]), None)
    return found or ""


def _block_text(block: Mapping[str, Any]) -> str:
    text = block.get("text")
    return (
        text
        if isinstance(text, str) and block.get("type") not in _REASONING_BLOCKS and not block.get("thought")
        else ""
    )


def _blocks(message: BaseMessage) -> Iterator[Mapping[str, Any]]:
    content = [] if isinstance(message.content, str) else message.content
    return (block for block in content if isinstance(block, Mapping))
