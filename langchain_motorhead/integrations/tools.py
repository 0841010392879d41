"""The tools of memory as LangChain tools, with ids that are given or that are those of the run."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from langchain_core.tools import BaseTool, ToolException

from langchain_motorhead.exceptions import MissingExtraError, MotorheadError
from langchain_motorhead.handles.handle import Handle
from langchain_motorhead.integrations.named_tool import NamedTool
from langchain_motorhead.prompts.results import READ_RESULT
from langchain_motorhead.tools.catalog import MemoryTool, explain, select
from langchain_motorhead.tools.scope import ToolScope

if TYPE_CHECKING:
    from pydantic import ValidationError

_NO_RUN = 'tools with the ids of a run need the extra "langgraph": pip install "langchain-motorhead[langgraph]"'


def memory_tools(
    motorhead: Handle,
    names: bool | Iterable[str] = True,  # noqa: FBT001, FBT002 - the option `tools` of the middleware
    *,
    user_id: str | None = None,
    session_id: str | None = None,
    read_only: bool = False,
) -> list[BaseTool]:
    """Return tools of memory for an agent. `Motorhead.tools` describes the arguments.

    Raises:
        InvalidInputError: There is no such tool, or it needs facts that are not configured.
        RecallNotConfiguredError: A tool was named that searches, and there is no embedding model.
        MissingExtraError: No id is given, and the extra `langgraph` is not installed.
    """
    Handle.check(motorhead)
    named = names if isinstance(names, bool | str) else list(names)
    extra = list[BaseTool]()
    if isinstance(named, list) and READ_RESULT in named:
        named.remove(READ_RESULT)
        extra = [_read_result(motorhead)]
    chosen = select(motorhead.backend, named, read_only=read_only)
    if user_id is None and session_id is None:
        return [*(_of_run(motorhead, each) for each in chosen), *extra]
    scope = ToolScope(motorhead.backend, user_id, session_id)
    return [*(_of_scope(scope, each) for each in chosen), *extra]


def _of_scope(scope: ToolScope, tool: MemoryTool) -> BaseTool:
    """Return a tool that works with ids that are fixed."""

    def call(**given: Any) -> str:
        return _run(tool, scope, given)

    async def acall(**given: Any) -> str:
        return await _arun(tool, scope, given)

    return _structured(tool, call, acall)


def _of_run(motorhead: Handle, tool: MemoryTool) -> BaseTool:
    """Return a tool that works with the ids of the run that calls it."""
    try:
        from langchain_motorhead.integrations.runs.tools import of_run
    except ImportError as error:
        raise MissingExtraError(f"{_NO_RUN}. Or give the tools a user_id") from error
    call, acall = of_run(motorhead, lambda scope, given: _run(tool, scope, given), lambda s, g: _arun(tool, s, g))
    return _structured(tool, call, acall)


def _read_result(motorhead: Handle) -> BaseTool:
    try:
        from langchain_motorhead.integrations.runs.read_result import read_result_tool
    except ImportError as error:
        raise MissingExtraError(f"{READ_RESULT} reads results of a run. {_NO_RUN}") from error
    return read_result_tool(motorhead)


def _run(tool: MemoryTool, scope: ToolScope, given: dict[str, Any]) -> str:
    try:
        return scope.backend.run(tool.bind(scope, given))
    except MotorheadError as error:
        raise ToolException(str(error)) from error


async def _arun(tool: MemoryTool, scope: ToolScope, given: dict[str, Any]) -> str:
    try:
        if tool.needs:  # a query for messages or facts is embedded
            await scope.backend.prepare()
        return await scope.backend.arun(tool.bind(scope, given))
    except MotorheadError as error:
        raise ToolException(str(error)) from error


def _structured(tool: MemoryTool, call: Any, acall: Any) -> BaseTool:
    return NamedTool.from_function(
        call,
        acall,
        name=tool.name,
        description=tool.description,
        args_schema=tool.arguments,
        # An agent reads what is wrong, and goes on.
        handle_tool_error=True,
        handle_validation_error=_explained,
    )


def _explained(error: ValidationError | Any) -> str:
    return f"The arguments cannot be used: {explain(error)}"
