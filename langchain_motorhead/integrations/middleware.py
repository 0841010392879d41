"""`MotorheadMiddleware`: memory for the agents of LangChain, as agent middleware."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import wait
from typing import TYPE_CHECKING, Annotated, Any, NotRequired, cast

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
from langgraph.types import Command
from typing_extensions import TypedDict  # before Python 3.12, pydantic does not accept the standard library's

from langchain_motorhead.integrations.agent_run import RecallPolicy, Scope, profile_tokens, session_of
from langchain_motorhead.integrations.langgraph_run import (
    await_at_end,
    call_at_end,
    current_config,
    has_checkpointer,
    may_be_changed,
    output_of,
    run_object,
)
from langchain_motorhead.integrations.prompt import add_to_system, prompt, without_summaries, without_system
from langchain_motorhead.integrations.run_cache import RunCache, RunMemory
from langchain_motorhead.integrations.run_storage import RunStorage, is_handoff, result_messages
from langchain_motorhead.integrations.watched_request import watched

if TYPE_CHECKING:
    from langchain_core.messages import AnyMessage, BaseMessage

    from langchain_motorhead.handle import Handle
    from langchain_motorhead.session import Session
    from langchain_motorhead.sessions.load import Memory

logger = logging.getLogger(__name__)

STORING_TIMEOUT_S = 10.0
"""How long a run waits at most for an earlier run of its session that nobody read to the end to be stored."""


class MotorheadMiddleware(AgentMiddleware[AgentState[Any], Any, Any]):
    """Memory for an agent: shows the model the session, and stores the messages of each run.

    The model sees the system prompt with the summary and with what recall found, then the window, then the messages of
    the run. So the prompt stays short, however long the thread in the agent's state grows. The state is not changed,
    except that it gets the id of the newest stored message. The user's message is stored before the model is called,
    the other messages at the end of the run, whatever ends it: also an error, a cancellation or the recursion limit.
    A run takes two round trips, plus those of the search if `recall` is above 0. A checkpointer is not needed, but may
    be used.

    Each message is stored once, which its id ensures. If a client sends the conversation again with other ids, its
    messages are matched by content and position, which takes one more round trip. A system message in the input is an
    instruction for the turn: it comes first in the prompt, and is not stored.

    Put this middleware after those that set the system prompt, and before those that change answers in `after_agent`.

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
        return f"{type(self).__name__}({self._motorhead!r}, recall={self._recall.k})"

    def __init__(
        self,
        motorhead: Handle,
        *,
        recall: int = 0,
        recall_scope: Scope | None = None,
        facts: bool | int = False,
        tools: bool | Sequence[str] = False,
    ) -> None:
        super().__init__()
        self._recall = RecallPolicy(recall, recall_scope)
        self._recall.check(motorhead)
        self._motorhead = motorhead
        self._storage = RunStorage(motorhead, profile_tokens(facts))
        # Not in the state, because streams and tools would see it there.
        self._runs = RunCache(self._storage.store_abandoned)
        self._warned = False
        self.tools = []
        if tools:
            from langchain_motorhead.integrations.tools import memory_tools

            self.tools = memory_tools(motorhead, tools)
        # An agent may have two of these middlewares, as subclasses with different names.
        self._key = "motorhead_stored" + self.name.removeprefix("MotorheadMiddleware")
        field: Any = NotRequired[Annotated[str | None, PrivateStateAttr]]
        self.state_schema = TypedDict("MotorheadState", {self._key: field})  # type: ignore[misc]

    # Not in `before_agent`: other middleware may mask parts of the state that must not be stored, and does so later.

    def wrap_model_call(
        self, request: ModelRequest[Any], handler: Callable[[ModelRequest[Any]], ModelResponse[Any]]
    ) -> ExtendedModelResponse[Any]:
        """Call the model with the session in its prompt. If the call fails, store the messages of the run so far."""
        run = _Run(self, request.state, request.runtime)
        if (loaded := run.loaded) is None:
            if (work := self._runs.storing(run.session)) is not None:
                wait([work], STORING_TIMEOUT_S)
            memory = self._storage.catch_up(run.session, run.messages, run.stored)
            found = self._recall.find(self._motorhead, run.session, memory, run.messages)
            loaded = run.start(memory, found)
            run.call_at_end(self._storage)
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
        run = _Run(self, request.state, request.runtime)
        if (loaded := run.loaded) is None:
            if (work := self._runs.storing(run.session)) is not None:
                await asyncio.wait([asyncio.wrap_future(work)], timeout=STORING_TIMEOUT_S)
            memory = await self._storage.acatch_up(run.session, run.messages, run.stored)
            found = await self._recall.afind(self._motorhead, run.session, memory, run.messages)
            loaded = run.start(memory, found)
            run.await_at_end(self._storage)
        run.note(loaded)
        try:
            return run.wrap_response(await handler(self._with_memory(request, loaded)))
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
                _note_failure(request, loaded)
                self._storage.flush(session, loaded)
            raise
        for session, loaded in runs:
            if _note_result(request, loaded, result):
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
                _note_failure(request, loaded)
                await self._storage.aflush(session, loaded)
            raise
        for session, loaded in runs:
            if _note_result(request, loaded, result):
                await self._storage.aflush(session, loaded)
        return result

    def after_agent(self, state: AgentState[Any], runtime: Runtime[Any]) -> dict[str, Any] | None:
        """Store the new messages of the run, in one round trip."""
        run = _Run(self, state, runtime)
        self._storage.append_new(run.session, run.messages, run.finish())
        return {self._key: run.newest}

    async def aafter_agent(self, state: AgentState[Any], runtime: Runtime[Any]) -> dict[str, Any] | None:
        """Store the new messages of the run. See `after_agent`."""
        run = _Run(self, state, runtime)
        await self._storage.aappend_new(run.session, run.messages, run.finish())
        return {self._key: run.newest}

    def _with_memory(self, request: ModelRequest[Any], loaded: RunMemory) -> ModelRequest[Any]:
        given = convert_to_messages(request.messages)  # other middleware may have added dicts
        state = convert_to_messages(request.state["messages"])
        old = "" if request.system_message is None else str(request.system_message.text)
        text, messages = prompt(loaded.memory, given, loaded.recalled, state, system=old)
        system = add_to_system(request.system_message, text, loaded.memory.epoch)
        shown = request.override(system_message=system, messages=cast("list[AnyMessage]", messages))
        return watched(shown, text, self._warn_of_replaced_system) if text else shown

    def _warn_of_replaced_system(self) -> None:
        if not self._warned:
            self._warned = True
            logger.warning(
                "a middleware replaced the system message, which had the summary of the session, so that the model "
                "does not see it. Put MotorheadMiddleware after that middleware in the list"
            )


class _Run:
    """One run, in one call of a hook of the middleware."""

    def __init__(self, middleware: MotorheadMiddleware, state: AgentState[Any], runtime: Runtime[Any]) -> None:
        self._config = current_config()
        self._key, self._runs, self._name = middleware._key, middleware._runs, middleware.name
        self._object = run_object(self._config)
        context = getattr(runtime, "context", None)
        self.session: Session = session_of(middleware._motorhead, context, self._config)
        self.messages: Sequence[BaseMessage] = without_system(without_summaries(state["messages"]))
        self.newest = self.messages[-1].id if self.messages else None
        self.stored: str | None = cast("dict[str, Any]", state).get(self._key)
        self.loaded = self._runs.get(self._object, self.session)

    def start(self, memory: Memory, recalled: str) -> RunMemory:
        """Put what was loaded into the cache. All messages so far are stored."""
        self.loaded = RunMemory(memory, recalled, self.newest, kept=has_checkpointer(self._config))
        self._runs.put(self._object, self.session, self.loaded)
        return self.loaded

    def note(self, loaded: RunMemory) -> None:
        """Note what the run has done when the model is called."""
        loaded.note_state(self.messages)
        # Not the response itself: a middleware around this one may replace it.
        if not may_be_changed(self._config, f"{self._name}.after_agent"):
            loaded.output = output_of(self._config)

    def call_at_end(self, storage: RunStorage) -> None:
        """Have the run stored when it ends, if it ends without its last hook."""
        if (run := self._object) is not None:
            runs, run_id = self._runs, id(run)
            call_at_end(run, lambda: storage.store_ended(runs.take(run_id)))

    def await_at_end(self, storage: RunStorage) -> None:
        """Have the run stored when it ends. See `call_at_end`."""
        if (run := self._object) is not None:
            runs, run_id = self._runs, id(run)
            await_at_end(run, lambda: storage.astore_ended(runs.take(run_id)))

    def wrap_response(self, response: ModelResponse[Any]) -> ExtendedModelResponse[Any]:
        """Return the response, with the id of the newest stored message for the state."""
        stored = self.stored if self.loaded is None else self.loaded.stored
        return ExtendedModelResponse(response, Command(update={self._key: stored}))

    def finish(self) -> str | None:
        """Remove the run from the cache. Return the id of the newest message that is stored."""
        loaded = self._runs.pop(self._object, self.session)
        return self.stored if loaded is None else loaded.stored


def _note_failure(request: ToolCallRequest, loaded: RunMemory) -> None:
    _note_result(request, loaded, None)
    loaded.failed = True


def _note_result(request: ToolCallRequest, loaded: RunMemory, result: Any) -> bool:
    """Note the result of a tool. Return whether it is to be stored at once, as no later hook may come."""
    given = request.state.get("messages", []) if isinstance(request.state, dict) else request.state
    if isinstance(given, list) and given:
        loaded.note_state(without_system(without_summaries(convert_to_messages(given))))
    loaded.results += result_messages(result)
    loaded.handed_off = loaded.handed_off or is_handoff(result)
    return loaded.failed
