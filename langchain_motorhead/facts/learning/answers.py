"""Reading a learner's answer: the list of operations in it, or why there is none. Pure.

`verification.py` checks these operations.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage

from langchain_motorhead.exceptions import UnusableAnswerError, UnusableOperationsError
from langchain_motorhead.sessions.checks.reasons import Reason
from langchain_motorhead.sessions.checks.refusals import is_refusal
from langchain_motorhead.summarizers.answers import check_ending, message_text
from langchain_motorhead.summarizers.nothing_new import says_nothing_new
from langchain_motorhead.summarizers.reasoning import UnclosedReasoningError, without_reasoning

MOST_OPERATIONS = 500
"""Operations of one answer. What has more of them does not end."""
_NAMES = ("operations", "facts", "ops", "memories", "result", "items")
_FENCE = re.compile(r"```[\w-]*[ \t]*\n(.*?)(?:\n```|\Z)", re.DOTALL)
_LONGEST = 400_000  # characters


def read_operations(answer: Any) -> list[Any]:
    """Return the operations that an answer holds, possibly none.

    Args:
        answer: A list of operations, an object with one such as `{"operations": […]}`, JSON with either, or a message
            with JSON or with a call of a function that takes either. What `with_structured_output` returns is
            understood too.

    Raises:
        UnusableOperationsError: It is none of these, or the model refused, was cut off, or said nothing.
    """
    if isinstance(answer, Mapping) and isinstance(answer.get("raw"), BaseMessage):
        return _read_message(answer["raw"])
    if isinstance(answer, BaseMessage):
        return _read_message(answer)
    if isinstance(answer, str):
        return _read_text(answer)
    found = _listed(answer)
    if found is None:
        raise UnusableOperationsError(f"{Reason.EMPTY}: it is no list of operations, but a {type(answer).__name__}")
    return found


def read_error(error: BaseException) -> UnusableOperationsError | None:
    """Return what an error says of the answer, or None if it says that there was none.

    OpenAI's client raises an error for structured output that was cut off or filtered, where it has no message to give.
    """
    name = type(error).__name__
    if name == "LengthFinishReasonError":
        return UnusableOperationsError(f"{Reason.CUT_OFF}: it ended before its end (length)")
    if name == "ContentFilterFinishReasonError":
        return UnusableOperationsError(f"{Reason.REFUSED}: the model or a filter refused (content_filter)")
    return None


def _read_message(message: BaseMessage) -> list[Any]:
    try:
        check_ending(message)
    except UnusableAnswerError as error:
        raise UnusableOperationsError(error.reason) from None
    for call in message.tool_calls if isinstance(message, AIMessage) else ():
        if (found := _listed(call["args"])) is not None:
            return found
    return _read_text(message_text(message))


def _read_text(text: str) -> list[Any]:
    try:
        said = without_reasoning(text[:_LONGEST].strip())
    except UnclosedReasoningError:
        raise UnusableOperationsError(f"{Reason.CUT_OFF}: it ended within its reasoning") from None
    if not said:
        raise UnusableOperationsError(f"{Reason.EMPTY}: it says nothing")
    for part in (said, *_FENCE.findall(said), *_braced(said)):
        try:
            found = _listed(json.loads(part))
        except (ValueError, RecursionError):
            continue
        if found is not None:
            return found
    if is_refusal(said):
        raise UnusableOperationsError(f"{Reason.REFUSED}: it declines instead of answering")
    if says_nothing_new(said):
        return []
    if said.lstrip("`json\n ").startswith(("{", "[")):
        raise UnusableOperationsError(f"{Reason.CUT_OFF}: it is JSON without an end, or with faults")
    raise UnusableOperationsError(f"{Reason.EMPTY}: it is no JSON")


def _braced(text: str) -> list[str]:
    """Return what stands between the first opening and the last closing bracket, of each kind."""
    spans = ((text.find(first), text.rfind(last)) for first, last in ("[]", "{}"))
    return [text[start : stop + 1] for start, stop in sorted(spans) if 0 <= start < stop]


def _listed(data: Any) -> list[Any] | None:
    """Return the list of operations that data are or have, or None."""
    if hasattr(data, "model_dump"):
        data = data.model_dump()
    if isinstance(data, Mapping):
        if "op" in data:
            data = [data]
        else:
            data = next((data[name] for name in _NAMES if isinstance(data.get(name), list)), None)
    if not isinstance(data, Sequence) or isinstance(data, str | bytes):
        return None
    listed = [each.model_dump() if hasattr(each, "model_dump") else each for each in data]
    if len(listed) > MOST_OPERATIONS:
        raise UnusableOperationsError(f"{Reason.TOO_LONG}: it has {len(listed):,} operations")
    if listed and not any(isinstance(each, Mapping) for each in listed):
        return None
    return listed
