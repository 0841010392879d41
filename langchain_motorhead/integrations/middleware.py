"""Memory for LangChain's agents, as middleware."""

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
from typing_extensions import TypedDict  # pydantic makes a schema of no other before Python 3.12

from langchain_motorhead.exceptions import MotorheadError
from langchain_motorhead.integrations.agent_run import RecallPolicy, RunCache, RunMemory, Scope, session_of
from langchain_motorhead.integrations.prompt import add_to_system, prompt, said

if TYPE_CHECKING:
    from langchain_core.messages import AnyMessage, BaseMessage

    from langchain_motorhead.client import Motorhead
    from langchain_motorhead.session import Session
    from langchain_motorhead.sessions.load import Memory

logger = logging.getLogger(__name__)

_FAILED = "session %r: what a failed run had come to was not stored; its beginning was"


class MotorheadMiddleware(AgentMiddleware[AgentState[Any], Any, Any]):
    """Shows an agent's model the session, and stores what is said, with or without a checkpointer.

    The model sees the system prompt with the summary and what was recalled, then the window and the messages of the
    run, however long the thread in the agent's state has grown; the state itself is left as it is, but for the id of
    the newest message that is stored. What the user says is stored before the model is asked, what the run comes to at
    its end, each message once, by its id. That costs two round trips a run, and those of a search where it recalls.

    The session is the `session_id` of the run's context, else the `thread_id` of its config; the user is the `user_id`
    of either, if there is one. An agent that another calls as a tool is in the thread of that: give it a context with a
    `session_id` of its own.

    Args:
        motorhead: Where the memory is.
        recall: Messages to find for each run in the long-term index, by what the user says. 0 for none.
        recall_scope: Where to find them: in the `"session"`, in all sessions of the `"user"`, or in the whole
            `"namespace"`. None for the user's where there is a user, else the session.

    Raises:
        InvalidInputError: An argument cannot be used; at a run, no session can be told, or it is another user's.
        RecallNotConfiguredError: `recall` is asked for, and the Motorhead has no embedding model.
        StoreError: At a run: Redis refused, or could not be reached.

    Example:
        ```python
        agent = create_agent("openai:gpt-4o-mini", tools, middleware=[MotorheadMiddleware(motorhead, recall=3)])
        agent.invoke(
            {"messages": [{"role": "user", "content": "Hi, I'm Bob."}]},
            config={"configurable": {"thread_id": "1", "user_id": "bob"}},
        )
        ```
    """

    def __init__(self, motorhead: Motorhead, *, recall: int = 0, recall_scope: Scope | None = None) -> None:
        super().__init__()
        self._recalling = RecallPolicy(recall, recall_scope)
        self._recalling.check(motorhead)
        self._motorhead = motorhead
        # Not in the state, from where streams and tools would have it.
        self._runs = RunCache()
        # An agent may have two, of different names.
        self._key = "motorhead_stored" + self.name.removeprefix("MotorheadMiddleware")
        field: Any = NotRequired[Annotated[str | None, PrivateStateAttr]]
        self.state_schema = TypedDict("MotorheadState", {self._key: field})  # type: ignore[misc]

    # Not `before_agent`, which comes before other middleware has masked in the state what is not to be stored.

    def wrap_model_call(
        self, request: ModelRequest[Any], handler: Callable[[ModelRequest[Any]], ModelResponse[Any]]
    ) -> ExtendedModelResponse[Any]:
        """Show the model the session and the run. Where it fails, store what the run has come to."""
        run = _Run(self, request.state, request.runtime)
        if (loaded := run.loaded) is None:
            memory = run.session.catch_up(run.messages, after=run.stored)
            found = self._recalling.find(self._motorhead, run.session, memory, run.messages)
            loaded = run.begun(memory, found)
        try:
            return run.answered(handler(_with_memory(request, loaded)))
        except Exception:
            try:
                run.session.append_new(run.messages, after=loaded.stored)
                loaded.stored = run.newest
            except MotorheadError:
                logger.warning(_FAILED, run.session.session_id, exc_info=True)
            raise

    async def awrap_model_call(
        self, request: ModelRequest[Any], handler: Callable[[ModelRequest[Any]], Awaitable[ModelResponse[Any]]]
    ) -> ExtendedModelResponse[Any]:
        """Show the model the session and the run. See `wrap_model_call`."""
        run = _Run(self, request.state, request.runtime)
        if (loaded := run.loaded) is None:
            memory = await run.session.acatch_up(run.messages, after=run.stored)
            found = await self._recalling.afind(self._motorhead, run.session, memory, run.messages)
            loaded = run.begun(memory, found)
        try:
            return run.answered(await handler(_with_memory(request, loaded)))
        except Exception:
            try:
                await run.session.aappend_new(run.messages, after=loaded.stored)
                loaded.stored = run.newest
            except MotorheadError:
                logger.warning(_FAILED, run.session.session_id, exc_info=True)
            raise

    def after_agent(self, state: AgentState[Any], runtime: Runtime[Any]) -> dict[str, Any] | None:
        """Store what the run came to, in one round trip."""
        run = _Run(self, state, runtime)
        run.session.append_new(run.messages, after=run.ended())
        return {self._key: run.newest}

    async def aafter_agent(self, state: AgentState[Any], runtime: Runtime[Any]) -> dict[str, Any] | None:
        """Store what the run came to. See `after_agent`."""
        run = _Run(self, state, runtime)
        await run.session.aappend_new(run.messages, after=run.ended())
        return {self._key: run.newest}


class _Run:
    """A run under way, as a hook finds it."""

    def __init__(self, middleware: MotorheadMiddleware, state: AgentState[Any], runtime: Runtime[Any]) -> None:
        try:
            config = get_config()
        except RuntimeError:  # called outside of a graph
            config = {}
        self._key, self._runs = middleware._key, middleware._runs
        self._control = getattr(runtime, "control", None)
        self.session: Session = session_of(middleware._motorhead, getattr(runtime, "context", None), config)
        self.messages: Sequence[BaseMessage] = said(state["messages"])
        self.newest = self.messages[-1].id if self.messages else None
        self.stored: str | None = cast("dict[str, Any]", state).get(self._key)
        self.loaded = self._runs.get(self._control, self.session)

    def begun(self, memory: Memory, recalled: str) -> RunMemory:
        """Note that all that was said is stored."""
        self.loaded = RunMemory(memory, recalled, self.newest)
        self._runs.put(self._control, self.session, self.loaded)
        return self.loaded

    def answered(self, response: ModelResponse[Any]) -> ExtendedModelResponse[Any]:
        """Keep with the answer how far the run is stored."""
        stored = self.stored if self.loaded is None else self.loaded.stored
        return ExtendedModelResponse(response, Command(update={self._key: stored}))

    def ended(self) -> str | None:
        """Forget the run. Returns how far it is stored."""
        loaded = self._runs.pop(self._control, self.session)
        return self.stored if loaded is None else loaded.stored


def _with_memory(request: ModelRequest[Any], loaded: RunMemory) -> ModelRequest[Any]:
    given = convert_to_messages(request.messages)  # other middleware may have added dicts
    text, messages = prompt(loaded.memory, given, loaded.recalled, request.state["messages"])
    system = add_to_system(request.system_message, text, loaded.memory.epoch)
    return request.override(system_message=system, messages=cast("list[AnyMessage]", messages))
