"""`MotorheadMiddleware`: memory for the agents of LangChain, as agent middleware."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Annotated, Any, NotRequired, cast

from langchain.agents.middleware.types import (
    AgentMiddleware,
    AgentState,
    ExtendedModelResponse,
    ModelRequest,
    ModelResponse,
    PrivateStateAttr,
)
from langchain_core.messages import convert_to_messages
from langgraph.config import get_config
from langgraph.runtime import Runtime
from langgraph.types import Command
from typing_extensions import TypedDict  # before Python 3.12, pydantic does not accept the standard library's

from langchain_motorhead.exceptions import MotorheadError
from langchain_motorhead.integrations.agent_run import RecallPolicy, RunCache, RunMemory, Scope, session_of
from langchain_motorhead.integrations.prompt import add_to_system, prompt, without_summaries

if TYPE_CHECKING:
    from langchain_core.messages import AnyMessage, BaseMessage

    from langchain_motorhead.handle import Handle
    from langchain_motorhead.session import Session
    from langchain_motorhead.sessions.load import Memory

logger = logging.getLogger(__name__)

_NOT_STORED = "session %r: the model failed, and the last part of the run was not stored; the first part was"


class MotorheadMiddleware(AgentMiddleware[AgentState[Any], Any, Any]):
    """Memory for an agent: shows the model the session, and stores the messages of each run.

    The model sees the system prompt with the summary and with what recall found, then the window, then the messages of
    the run. So the prompt stays short, however long the thread in the agent's state grows. The state is not changed,
    except that it gets the id of the newest stored message. The user's message is stored before the model is called,
    the other messages at the end of the run. Each message is stored once, which its id ensures. A run takes two round
    trips, plus those of the search if `recall` is above 0. A checkpointer is not needed, but may be used.

    The session is the `session_id` of the run's context, otherwise the `thread_id` of its config. The user is the
    `user_id` of the context, otherwise of the config, if there is one. An agent that another agent calls as a tool has
    the same thread: give it a context with another `session_id`.

    Args:
        motorhead: Where the memory is.
        recall: How many older messages to search for in each run, by the text of the user's message. 0 for none.
        recall_scope: Where to search: in the `"session"`, in all sessions of the `"user"`, or in the whole
            `"namespace"`. None for the user's sessions if the run has a user, otherwise the session.

    Raises:
        InvalidInputError: An argument cannot be used. In a run: it has no session, or that belongs to another user.
        RecallNotConfiguredError: `recall` is above 0, and the `Motorhead` has no embedding model.
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

    def __init__(self, motorhead: Handle, *, recall: int = 0, recall_scope: Scope | None = None) -> None:
        super().__init__()
        self._recall = RecallPolicy(recall, recall_scope)
        self._recall.check(motorhead)
        self._motorhead = motorhead
        # Not in the state, because streams and tools would see it there.
        self._runs = RunCache()
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
            memory = run.session.catch_up(run.messages, after=run.stored)
            found = self._recall.find(self._motorhead, run.session, memory, run.messages)
            loaded = run.start(memory, found)
        try:
            return run.wrap_response(handler(_with_memory(request, loaded)))
        except Exception:
            try:
                run.session.append_new(run.messages, after=loaded.stored)
                loaded.stored = run.newest
            except MotorheadError:
                logger.warning(_NOT_STORED, run.session.session_id, exc_info=True)
            raise

    async def awrap_model_call(
        self, request: ModelRequest[Any], handler: Callable[[ModelRequest[Any]], Awaitable[ModelResponse[Any]]]
    ) -> ExtendedModelResponse[Any]:
        """Call the model with the session in its prompt. See `wrap_model_call`."""
        run = _Run(self, request.state, request.runtime)
        if (loaded := run.loaded) is None:
            memory = await run.session.acatch_up(run.messages, after=run.stored)
            found = await self._recall.afind(self._motorhead, run.session, memory, run.messages)
            loaded = run.start(memory, found)
        try:
            return run.wrap_response(await handler(_with_memory(request, loaded)))
        except Exception:
            try:
                await run.session.aappend_new(run.messages, after=loaded.stored)
                loaded.stored = run.newest
            except MotorheadError:
                logger.warning(_NOT_STORED, run.session.session_id, exc_info=True)
            raise

    def after_agent(self, state: AgentState[Any], runtime: Runtime[Any]) -> dict[str, Any] | None:
        """Store the new messages of the run, in one round trip."""
        run = _Run(self, state, runtime)
        run.session.append_new(run.messages, after=run.finish())
        return {self._key: run.newest}

    async def aafter_agent(self, state: AgentState[Any], runtime: Runtime[Any]) -> dict[str, Any] | None:
        """Store the new messages of the run. See `after_agent`."""
        run = _Run(self, state, runtime)
        await run.session.aappend_new(run.messages, after=run.finish())
        return {self._key: run.newest}


class _Run:
    """One run, in one call of a hook of the middleware."""

    def __init__(self, middleware: MotorheadMiddleware, state: AgentState[Any], runtime: Runtime[Any]) -> None:
        try:
            config = get_config()
        except RuntimeError:  # called outside of a graph
            config = {}
        self._key, self._runs = middleware._key, middleware._runs
        self._control = getattr(runtime, "control", None)
        self.session: Session = session_of(middleware._motorhead, getattr(runtime, "context", None), config)
        self.messages: Sequence[BaseMessage] = without_summaries(state["messages"])
        self.newest = self.messages[-1].id if self.messages else None
        self.stored: str | None = cast("dict[str, Any]", state).get(self._key)
        self.loaded = self._runs.get(self._control, self.session)

    def start(self, memory: Memory, recalled: str) -> RunMemory:
        """Put what was loaded into the cache. All messages so far are stored."""
        self.loaded = RunMemory(memory, recalled, self.newest)
        self._runs.put(self._control, self.session, self.loaded)
        return self.loaded

    def wrap_response(self, response: ModelResponse[Any]) -> ExtendedModelResponse[Any]:
        """Return the response, with the id of the newest stored message for the state."""
        stored = self.stored if self.loaded is None else self.loaded.stored
        return ExtendedModelResponse(response, Command(update={self._key: stored}))

    def finish(self) -> str | None:
        """Remove the run from the cache. Return the id of the newest message that is stored."""
        loaded = self._runs.pop(self._control, self.session)
        return self.stored if loaded is None else loaded.stored


def _with_memory(request: ModelRequest[Any], loaded: RunMemory) -> ModelRequest[Any]:
    given = convert_to_messages(request.messages)  # other middleware may have added dicts
    text, messages = prompt(loaded.memory, given, loaded.recalled, request.state["messages"])
    system = add_to_system(request.system_message, text, loaded.memory.epoch)
    return request.override(system_message=system, messages=cast("list[AnyMessage]", messages))
