"""Memory for LangChain's agents, as middleware."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated, Any, NotRequired, cast

from langchain.agents.middleware.types import (
    AgentMiddleware,
    AgentState,
    ModelRequest,
    ModelResponse,
    PrivateStateAttr,
)
from langgraph.config import get_config
from langgraph.runtime import Runtime

from langchain_motorhead.exceptions import MotorheadError
from langchain_motorhead.prompting import add_to_system, prompt
from langchain_motorhead.running import Loaded, Recalling, Runs, Scope, query_of, session_of

if TYPE_CHECKING:
    from langchain_core.messages import AnyMessage

    from langchain_motorhead.client import Motorhead
    from langchain_motorhead.session import Session

logger = logging.getLogger(__name__)

_FAILED = "session %r: what a failed run had come to was not stored; its beginning was"


class MotorheadState(AgentState[Any]):
    """What the middleware keeps in an agent's state, out of its input and output.

    Attributes:
        motorhead_stored: Id of the newest message that is stored in the session.
    """

    motorhead_stored: NotRequired[Annotated[str | None, PrivateStateAttr]]


class MotorheadMiddleware(AgentMiddleware[MotorheadState, Any, Any]):
    """Shows an agent's model the session, and stores what is said, with or without a checkpointer.

    The model sees the system prompt with the summary and what was recalled, then the window and the messages of the
    run, however long the thread in the agent's state has grown; the state itself is left as it is. What the user says
    is stored before the model is asked, what the run comes to at its end, each message once, by its id. That costs two
    round trips a run, and those of a search where it recalls.

    The session is the `session_id` of the run's context, else the `thread_id` of its config; the user is the `user_id`
    of either, if there is one.

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

    state_schema = MotorheadState

    def __init__(self, motorhead: Motorhead, *, recall: int = 0, recall_scope: Scope | None = None) -> None:
        super().__init__()
        self._recalling = Recalling(recall, recall_scope)
        self._recalling.check(motorhead)
        self._motorhead = motorhead
        # Not in the state, from where streams and tools would have it.
        self._runs = Runs()

    def before_agent(self, state: MotorheadState, runtime: Runtime[Any]) -> dict[str, Any] | None:
        """Store what the user said, and read the session, in one round trip."""
        session, messages = self._session(runtime), state["messages"]
        memory = session.catch_up(messages, after=state.get("motorhead_stored"))
        found = self._recalling.find(self._motorhead, session, memory, query_of(messages))
        return self._begun(session, state, Loaded(memory, found))

    async def abefore_agent(self, state: MotorheadState, runtime: Runtime[Any]) -> dict[str, Any] | None:
        """Store what the user said, and read the session. See `before_agent`."""
        session, messages = self._session(runtime), state["messages"]
        memory = await session.acatch_up(messages, after=state.get("motorhead_stored"))
        found = await self._recalling.afind(self._motorhead, session, memory, query_of(messages))
        return self._begun(session, state, Loaded(memory, found))

    def wrap_model_call(
        self, request: ModelRequest[Any], handler: Callable[[ModelRequest[Any]], ModelResponse[Any]]
    ) -> ModelResponse[Any]:
        """Show the model the session and the run. Where it fails, store what the run has come to."""
        session, state = self._session(request.runtime), cast("MotorheadState", request.state)
        loaded = self._runs.get(session.session_id, state.get("motorhead_stored"))
        if loaded is None:  # resumed, maybe in another process
            memory = session.load()
            loaded = Loaded(memory, self._recalling.find(self._motorhead, session, memory, query_of(request.messages)))
            self._runs.put(session.session_id, state.get("motorhead_stored"), loaded)
        try:
            return handler(_with_memory(request, loaded))
        except Exception:
            try:
                session.append_new(state["messages"], after=state.get("motorhead_stored"))
            except MotorheadError:
                logger.warning(_FAILED, session.session_id, exc_info=True)
            raise

    async def awrap_model_call(
        self, request: ModelRequest[Any], handler: Callable[[ModelRequest[Any]], Awaitable[ModelResponse[Any]]]
    ) -> ModelResponse[Any]:
        """Show the model the session and the run. See `wrap_model_call`."""
        session, state = self._session(request.runtime), cast("MotorheadState", request.state)
        loaded = self._runs.get(session.session_id, state.get("motorhead_stored"))
        if loaded is None:
            memory = await session.aload()
            loaded = Loaded(
                memory, await self._recalling.afind(self._motorhead, session, memory, query_of(request.messages))
            )
            self._runs.put(session.session_id, state.get("motorhead_stored"), loaded)
        try:
            return await handler(_with_memory(request, loaded))
        except Exception:
            try:
                await session.aappend_new(state["messages"], after=state.get("motorhead_stored"))
            except MotorheadError:
                logger.warning(_FAILED, session.session_id, exc_info=True)
            raise

    def after_agent(self, state: MotorheadState, runtime: Runtime[Any]) -> dict[str, Any] | None:
        """Store what the run came to, in one round trip."""
        session = self._session(runtime)
        session.append_new(state["messages"], after=state.get("motorhead_stored"))
        return self._ended(session, state)

    async def aafter_agent(self, state: MotorheadState, runtime: Runtime[Any]) -> dict[str, Any] | None:
        """Store what the run came to. See `after_agent`."""
        session = self._session(runtime)
        await session.aappend_new(state["messages"], after=state.get("motorhead_stored"))
        return self._ended(session, state)

    def _session(self, runtime: Runtime[Any]) -> Session:
        try:
            config = get_config()
        except RuntimeError:  # called outside of a graph
            config = {}
        return session_of(self._motorhead, runtime.context, config)

    def _begun(self, session: Session, state: MotorheadState, loaded: Loaded) -> dict[str, Any]:
        stored = _newest(state)
        self._runs.put(session.session_id, stored, loaded)
        return {"motorhead_stored": stored}

    def _ended(self, session: Session, state: MotorheadState) -> dict[str, Any]:
        self._runs.drop(session.session_id, state.get("motorhead_stored"))
        return {"motorhead_stored": _newest(state)}


def _newest(state: MotorheadState) -> str | None:
    return state["messages"][-1].id if state["messages"] else None


def _with_memory(request: ModelRequest[Any], loaded: Loaded) -> ModelRequest[Any]:
    text, messages = prompt(loaded.memory, request.messages, loaded.recalled)
    system = add_to_system(request.system_message, text, loaded.memory.epoch)
    return request.override(system_message=system, messages=cast("list[AnyMessage]", messages))
