"""`MotorheadMiddleware`: memory for the agents of LangChain, as agent middleware."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import wait
from typing import TYPE_CHECKING, Annotated, Any, NotRequired

from langchain.agents.middleware.types import (
    AgentMiddleware,
    AgentState,
    ExtendedModelResponse,
    ModelRequest,
    ModelResponse,
    PrivateStateAttr,
    ToolCallRequest,
)
from langchain_core.messages import convert_to_messages
from langgraph.errors import GraphBubbleUp
from langgraph.runtime import Runtime
from typing_extensions import TypedDict  # before Python 3.12, pydantic does not accept the standard library's

from langchain_motorhead.integrations.runs.agent_run import aread_gap, counter_of, profile_tokens, read_gap
from langchain_motorhead.integrations.runs.cache import PinCache, RunCache, RunMemory
from langchain_motorhead.integrations.runs.hooks import HookedRun, note_failure, note_result, state_keys
from langchain_motorhead.integrations.runs.langgraph_run import current_config, run_object
from langchain_motorhead.integrations.runs.read_result import read_result_tool
from langchain_motorhead.integrations.runs.recall import Recalled, RecallPolicy, Scope
from langchain_motorhead.integrations.runs.shown_request import shown_request
from langchain_motorhead.integrations.runs.storage import RunStorage
from langchain_motorhead.integrations.runs.tools import check_model
from langchain_motorhead.messages.wording import counted
from langchain_motorhead.prompts.budget import Limits
from langchain_motorhead.prompts.layout import PromptBuilder

if TYPE_CHECKING:
    from langchain_core.messages import BaseMessage

    from langchain_motorhead.handles.handle import Handle
    from langchain_motorhead.sessions.load import Memory

logger = logging.getLogger(__name__)

STORING_TIMEOUT_S = 10.0
"""How long a run waits at most for an earlier run of its session that nobody read to the end to be stored."""


class MotorheadMiddleware(AgentMiddleware[AgentState[Any], Any, Any]):
    """Memory for an agent: shows the model the session, and stores the messages of each run.

    The model sees the agent's system prompt, then a message with the summary, then the window, then the messages of the
    run. What recall found stands before the question, quoted. So the prompt stays short, however long the thread in the
    agent's state grows, and it grows at its end, so that providers find its beginning in their caches. The state is not
    changed, except that it gets ids: of the newest stored message, and of what recall found. The user's message is
    stored before the model is called, the other messages at the end of the run, whatever ends it: also an error, a
    cancellation or the recursion limit. A run takes two round trips, plus those of the search if `recall` is above 0. A
    checkpointer is not needed, but may be used.

    Each message is stored once, which its id ensures. If a client sends the conversation again with other ids, its
    messages are matched by content and position, which takes one more round trip. A system message in the input is an
    instruction for the turn: it comes first in the prompt, and is not stored.

    Put this middleware after those that change messages for one call of the model, and before those that change answers
    in `after_agent`. The documentation has a table of orders.

    The session is the `session_id` of the run's context, otherwise the `thread_id` of its config. The user is the
    `user_id` of the context, otherwise of the config, if there is one. An agent that another agent calls as a tool has
    the same thread: give it a context with another `session_id`.

    Args:
        motorhead: Where the memory is.
        recall: How many older messages to search for in each run, by the text of the user's message. 0 for none.
        recall_scope: Where to search: in the `"session"`, in all sessions of the `"user"`, or in the whole
            `"namespace"`. None for the user's sessions if the run has a user, otherwise the session.
        facts: Whether the prompt has a profile of the user, which is loaded with the session. A number is the tokens
            that it may have; the default is 300.
        max_run_tokens: Most tokens of the messages of a run. Beyond that, results of tools are shown in part, and the
            oldest as stubs. The agent gets a tool, `read_result`, that returns any of them. The state and the session
            keep everything. None to show all.
        max_prompt_tokens: Most tokens of the whole prompt: a number, or a fraction of what the model takes by its
            profile, such as `0.5`. The window and the run are shortened to fit. None for no limit.
        edits: Whether a message that the agent's state has with another content, at its place and under
            its id, is edited in the session, as `Session.edit` does. If not, the session keeps what it has, and a
            warning is logged once for a message of the window. Of those that left it, the newest 500 are compared.
        tools: Whether the agent gets tools with which it searches, reads and changes memory: those of
            `Motorhead.tools`, with the ids of the run. A list of names for some of them.

    Raises:
        InvalidInputError: An argument cannot be used. In a run: it has no session, or that belongs to another user.
        RecallNotConfiguredError: `recall` is above 0 or `search_memory` was named, and the `Motorhead` has no embedding
            model.
        StoreError: In a run: Redis refused, or could not be reached.

    Example:
        ```python
        agent = create_agent("openai:gpt-4o-mini", tools, middleware=[MotorheadMiddleware(motorhead, recall=3)])
        agent.invoke(
            {"messages": [{"role": "user", "content": "Hi, I'm Bob."}]},
            config={"configurable": {"thread_id": "1", "user_id": "bob"}},
        )
        ```
    """

    def __repr__(self) -> str:
        tools = f", {counted(len(self.tools), 'tool')}" if self.tools else ""
        return f"{type(self).__name__}({self._motorhead!r}, recall={self._recall.k}{tools})"

    def __init__(
        self,
        motorhead: Handle,
        *,
        recall: int = 0,
        recall_scope: Scope | None = None,
        max_run_tokens: int | None = None,
        max_prompt_tokens: float | None = None,
        facts: bool | int = False,
        edits: bool = False,
        tools: bool | Sequence[str] = False,
    ) -> None:
        super().__init__()
        self._recall = RecallPolicy(recall, recall_scope)
        self._recall.check(motorhead)
        self._motorhead = motorhead
        self._limits = Limits(max_prompt_tokens, max_run_tokens)
        self._storage = RunStorage(motorhead, profile_tokens(facts), edits=edits)
        # Not in the state, because streams and tools would see it there.
        self._runs = RunCache(self._storage.store_abandoned)
        self._pins = PinCache()
        self._warned = False
        self.tools = [read_result_tool(motorhead)] if self._limits.any else []
        if tools:
            from langchain_motorhead.integrations.tools import memory_tools

            added = {each.name for each in self.tools}
            self.tools += [each for each in memory_tools(motorhead, tools) if each.name not in added]
        stored, recalled = state_keys(self.name)
        fields: Any = {stored: NotRequired[Annotated[str | None, PrivateStateAttr]]}
        if recall:
            fields[recalled] = NotRequired[Annotated[dict[str, Any], PrivateStateAttr]]
        self.state_schema = TypedDict("MotorheadState", fields)  # type: ignore[misc]

    # Not in `before_agent`: other middleware may mask parts of the state that must not be stored, and does so later.

    def wrap_model_call(
        self, request: ModelRequest[Any], handler: Callable[[ModelRequest[Any]], ModelResponse[Any]]
    ) -> ExtendedModelResponse[Any]:
        """Call the model with the session in its prompt. If the call fails, store the messages of the run so far."""
        run = self._run(request.state, request.runtime)
        if (loaded := run.loaded) is None:
            if (work := self._runs.storing(run.session)) is not None:
                wait([work], STORING_TIMEOUT_S)
            memory = self._storage.catch_up(run.session, run.messages, run.stored)
            kept = self._pins.of(run)
            found = self._recall.find(self._motorhead, run.session, memory, run.messages, kept, run.zone())
            loaded = self._start(run, request, memory, found, read_gap(run.session, memory, run.messages))
            run.call_at_end(self._storage)
        elif loaded.loses(run.messages):
            self._storage.flush(run.session, loaded)
        run.note(loaded)
        try:
            return run.wrap_response(handler(self._with_memory(request, loaded)))
        except BaseException:
            self._storage.flush(run.session, loaded)
            raise

    async def awrap_model_call(
        self, request: ModelRequest[Any], handler: Callable[[ModelRequest[Any]], Awaitable[ModelResponse[Any]]]
    ) -> ExtendedModelResponse[Any]:
        """Call the model with the session in its prompt. See `wrap_model_call`."""
        run = self._run(request.state, request.runtime)
        if (loaded := run.loaded) is None:
            if (work := self._runs.storing(run.session)) is not None:
                await asyncio.wait([asyncio.wrap_future(work)], timeout=STORING_TIMEOUT_S)
            memory = await self._storage.acatch_up(run.session, run.messages, run.stored)
            kept = self._pins.of(run)
            zone = await run.azone()
            found = await self._recall.afind(self._motorhead, run.session, memory, run.messages, kept, zone)
            loaded = self._start(run, request, memory, found, await aread_gap(run.session, memory, run.messages))
            run.await_at_end(self._storage)
        elif loaded.loses(run.messages):
            await self._storage.aflush(run.session, loaded)
        run.note(loaded)
        try:
            if loaded.prompts.counts:
                shown = await asyncio.to_thread(self._with_memory, request, loaded)
            else:
                shown = self._with_memory(request, loaded)
            return run.wrap_response(await handler(shown))
        except BaseException:  # a cancellation too
            await self._storage.aflush(run.session, loaded)
            raise

    def wrap_tool_call(self, request: ToolCallRequest, handler: Callable[[ToolCallRequest], Any]) -> Any:
        """Call a tool. If a tool fails, store the messages of the run so far, with the results of the other tools."""
        runs = self._runs.of_run(run_object(current_config()))
        try:
            result = handler(request)
        except GraphBubbleUp:  # an interrupt, which is no end
            raise
        except BaseException:
            for session, loaded in runs:
                note_failure(request, loaded)
                self._storage.flush(session, loaded)
            raise
        for session, loaded in runs:
            if note_result(request, loaded, result):
                self._storage.flush(session, loaded)
        return result

    async def awrap_tool_call(
        self, request: ToolCallRequest, handler: Callable[[ToolCallRequest], Awaitable[Any]]
    ) -> Any:
        """Call a tool. See `wrap_tool_call`."""
        runs = self._runs.of_run(run_object(current_config()))
        try:
            result = await handler(request)
        except GraphBubbleUp:
            raise
        except BaseException:
            for session, loaded in runs:
                note_failure(request, loaded)
                await self._storage.aflush(session, loaded)
            raise
        for session, loaded in runs:
            if note_result(request, loaded, result):
                await self._storage.aflush(session, loaded)
        return result

    def after_agent(self, state: AgentState[Any], runtime: Runtime[Any]) -> dict[str, Any] | None:
        """Store the new messages of the run, in one round trip."""
        run = self._run(state, runtime)
        self._storage.append_new(run.session, run.messages, run.finish())
        return run.ended()

    async def aafter_agent(self, state: AgentState[Any], runtime: Runtime[Any]) -> dict[str, Any] | None:
        """Store the new messages of the run. See `after_agent`."""
        run = self._run(state, runtime)
        await self._storage.aappend_new(run.session, run.messages, run.finish())
        return run.ended()

    def _run(self, state: Any, runtime: Any) -> HookedRun:
        return HookedRun(self._motorhead, self._runs, self.name, state, runtime)

    def _start(
        self,
        run: HookedRun,
        request: ModelRequest[Any],
        memory: Memory,
        recalled: Recalled,
        gap: Sequence[BaseMessage],
    ) -> RunMemory:
        check_model(request.model, self.tools)
        profile = getattr(request.model, "profile", None) or {}
        limit = self._limits.tokens(profile.get("max_input_tokens"))
        count = counter_of(self._motorhead)
        prompts = PromptBuilder(memory, recalled.lines, gap, limit, self._limits.run, count)
        self._pins.keep(run, recalled)
        return run.start(memory, recalled, prompts)

    def _with_memory(self, request: ModelRequest[Any], loaded: RunMemory) -> ModelRequest[Any]:
        given = convert_to_messages(request.messages)  # other middleware may have added dicts
        prompt = loaded.prompts.build(given, convert_to_messages(request.state["messages"]), request.system_message)
        return shown_request(request, prompt, loaded.memory, self._warn_of_lost)

    def _warn_of_lost(self) -> None:
        if not self._warned:
            self._warned = True
            logger.warning(
                "a middleware replaced messages or instructions of the prompt that MotorheadMiddleware made, so that "
                "the model does not see all of the memory. Put MotorheadMiddleware after that middleware in the list"
            )
