"""Tools that work with the ids of the run that calls them. Needs LangGraph, which tells a tool its run."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import tzinfo
from typing import TYPE_CHECKING, Any

from langchain_core.language_models import BaseChatModel
from langchain_core.runnables import RunnableConfig
from langchain_core.tools import BaseTool, ToolException
from langgraph.prebuilt.tool_node import ToolRuntime

from langchain_motorhead.exceptions import InvalidInputError
from langchain_motorhead.integrations.runs.agent_run import azone_of, session_of, zone_of
from langchain_motorhead.tools.scope import ToolScope

if TYPE_CHECKING:
    from langchain_motorhead.handles.handle import Handle


def check_model(model: object, tools: Sequence[BaseTool]) -> None:
    """Check that a model can call the tools of a middleware.

    Raises:
        InvalidInputError: It has no `bind_tools`.
    """
    if tools and isinstance(model, BaseChatModel) and type(model).bind_tools is BaseChatModel.bind_tools:
        named = ", ".join(tool.name for tool in tools)
        raise InvalidInputError(
            f"the model {type(model).__name__} cannot call tools, since it has no bind_tools, and MotorheadMiddleware "
            f"adds these: {named}. Use a model that can, or leave out max_run_tokens, max_prompt_tokens and tools"
        )


def of_run(
    motorhead: Handle,
    run: Callable[[ToolScope, dict[str, Any]], str],
    arun: Callable[[ToolScope, dict[str, Any]], Awaitable[str]],
) -> tuple[Callable[..., str], Callable[..., Awaitable[str]]]:
    """Return the functions of a tool, sync and async. LangGraph gives them the run; the model gives the rest.

    Args:
        motorhead: Where the memory is.
        run: Does what the tool does, for a scope and arguments.
        arun: The same.
    """

    def call(runtime: ToolRuntime, **given: Any) -> str:
        return run(_scope(motorhead, runtime, zone_of(*_context_and_config(runtime))), given)

    async def acall(runtime: ToolRuntime, **given: Any) -> str:
        return await arun(_scope(motorhead, runtime, await azone_of(*_context_and_config(runtime))), given)

    return call, acall


def _context_and_config(runtime: ToolRuntime) -> tuple[Any, RunnableConfig]:
    """Return the context and the config of the run."""
    if not isinstance(runtime, ToolRuntime):  # a model or a caller made it up
        raise ToolException("this tool takes its ids from the run of an agent")
    return runtime.context, runtime.config


def _scope(motorhead: Handle, runtime: ToolRuntime, zone: tzinfo) -> ToolScope:
    try:
        session = session_of(motorhead, runtime.context, runtime.config)
    except InvalidInputError as error:
        raise ToolException(str(error)) from error
    return ToolScope(motorhead.backend, session.user_id, session.session_id, in_prompt=True, zone=zone)
