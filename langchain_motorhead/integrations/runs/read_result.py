"""The tool `read_result`: returns a result of a tool that the prompt does not show whole, byte for byte."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from langchain.tools import ToolRuntime
from langchain_core.messages import BaseMessage, ToolMessage, convert_to_messages
from langchain_core.tools import BaseTool

from langchain_motorhead.exceptions import MotorheadError
from langchain_motorhead.integrations.named_tool import NamedTool
from langchain_motorhead.integrations.runs.agent_run import session_of
from langchain_motorhead.prompts.results import READ_RESULT, part_of, result_key

if TYPE_CHECKING:
    from langchain_motorhead.handles.handle import Handle

MAX_SEARCHED_MESSAGES = 2_000
"""How many of the newest messages of a session are searched for a result that the agent's state does not have."""
_DESCRIPTION = (
    "Read a result of a tool that is not shown whole. Takes the id that is shown in its place. Returns all of it, or "
    "the characters from start to before stop."
)


def read_result_tool(motorhead: Handle) -> BaseTool:
    """Return the tool. It looks in the agent's state first, then in the session.

    Args:
        motorhead: Where the sessions are.
    """

    def read(runtime: ToolRuntime, id: str, start: int = 0, stop: int | None = None) -> Any:  # noqa: A002
        found = _in_state(runtime, id)
        if found is None:
            session = session_of(motorhead, runtime.context, runtime.config)
            try:
                found = _newest(_texts(session.transcript(_first(session.load().total))), id)
            except MotorheadError as error:
                return f"The result could not be read: {error}"
        return _answer(found, id, start, stop)

    async def aread(runtime: ToolRuntime, id: str, start: int = 0, stop: int | None = None) -> Any:  # noqa: A002
        found = _in_state(runtime, id)
        if found is None:
            session = session_of(motorhead, runtime.context, runtime.config)
            try:
                found = _newest(_texts(await session.atranscript(_first((await session.aload()).total))), id)
            except MotorheadError as error:
                return f"The result could not be read: {error}"
        return _answer(found, id, start, stop)

    return NamedTool.from_function(read, aread, name=READ_RESULT, description=_DESCRIPTION)


def _first(total: int) -> int:
    return max(0, total - MAX_SEARCHED_MESSAGES)


def _texts(transcript: Any) -> list[BaseMessage]:
    return [each.message for each in transcript]


def _in_state(runtime: ToolRuntime, key: str) -> ToolMessage | None:
    state: Any = runtime.state
    messages = state.get("messages") if isinstance(state, dict) else getattr(state, "messages", None)
    return _newest(convert_to_messages(messages or []), key)


def _newest(messages: Sequence[BaseMessage], key: str) -> ToolMessage | None:
    results = (message for message in reversed(messages) if isinstance(message, ToolMessage))
    return next((message for message in results if result_key(message) == key.strip()), None)


def _answer(found: ToolMessage | None, key: str, start: int, stop: int | None) -> Any:
    if found is None:
        return f"There is no result with the id {key[:64]!r}. Use an id that is shown in place of a result"
    return part_of(found, max(0, start), None if stop is None else max(0, stop))
