"""One run of an agent, as the hooks of `MotorheadMiddleware` see it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import tzinfo
from typing import TYPE_CHECKING, Any, cast

from langchain.agents.middleware.types import ExtendedModelResponse, ModelResponse, ToolCallRequest
from langchain_core.messages import convert_to_messages
from langgraph.types import Command

from langchain_motorhead.integrations.runs.agent_run import azone_of, session_of, zone_of
from langchain_motorhead.integrations.runs.cache import RunCache, RunMemory
from langchain_motorhead.integrations.runs.langgraph_run import (
    await_at_end,
    call_at_end,
    current_config,
    has_checkpointer,
    may_be_changed,
    output_of,
    run_object,
)
from langchain_motorhead.integrations.runs.recall import Recalled
from langchain_motorhead.integrations.runs.storage import RunStorage, is_handoff, result_messages
from langchain_motorhead.prompts.conversation import without_summaries, without_system
from langchain_motorhead.prompts.layout import PromptBuilder

if TYPE_CHECKING:
    from langchain_core.messages import BaseMessage

    from langchain_motorhead.handles.handle import Handle
    from langchain_motorhead.handles.session import Session
    from langchain_motorhead.sessions.load import Memory


class HookedRun:
    """One run, in one call of a hook of the middleware.

    Args:
        motorhead: Where the session is.
        runs: What is held of current runs.
        name: Name of the middleware, of which the keys in the agent's state are made.
        state: The state of the agent.
        runtime: The runtime of the agent.
    """

    def __init__(self, motorhead: Handle, runs: RunCache, name: str, state: Any, runtime: Any) -> None:
        self._config = current_config()
        self._runs, self._name = runs, name
        self._stored_key, self._recalled_key = state_keys(name)
        self._object = run_object(self._config)
        self._context = getattr(runtime, "context", None)
        self.session: Session = session_of(motorhead, self._context, self._config)
        self.messages: Sequence[BaseMessage] = without_system(without_summaries(state["messages"]))
        self.newest = self.messages[-1].id if self.messages else None
        values = cast("dict[str, Any]", state)
        self.stored: str | None = values.get(self._stored_key)
        self.recalled: Any = values.get(self._recalled_key)
        self.loaded = self._runs.get(self._object, self.session)

    def zone(self) -> tzinfo:
        """Return the time zone of the user. It is read from a file."""
        return zone_of(self._context, self._config)

    async def azone(self) -> tzinfo:
        """Return the time zone of the user. See `zone`."""
        return await azone_of(self._context, self._config)

    def start(self, memory: Memory, recalled: Recalled, prompts: PromptBuilder) -> RunMemory:
        """Put what was loaded into the cache. All messages so far are stored."""
        self.loaded = RunMemory(memory, recalled, prompts, self.newest, kept=has_checkpointer(self._config))
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
        """Return the response, with what the state keeps: the newest stored message, and what recall found, by ids."""
        stored, pins = self.stored, dict[str, Any]()
        if self.loaded is not None:
            stored, pins = self.loaded.stored, self.loaded.recalled.pins
        update = {self._stored_key: stored, **({self._recalled_key: pins} if pins else {})}
        return ExtendedModelResponse(response, Command(update=update))

    def ended(self) -> dict[str, Any]:
        """Return what the state keeps when all of the run is stored."""
        return {self._stored_key: self.newest}

    def finish(self) -> str | None:
        """Remove the run from the cache. Return the id of the newest message that is stored."""
        loaded = self._runs.pop(self._object, self.session)
        return self.stored if loaded is None else loaded.stored


def state_keys(name: str) -> tuple[str, str]:
    """Return the keys of the agent's state for the newest stored message, and for what recall found.

    Args:
        name: Name of the middleware. An agent may have two of them, as subclasses with different names.
    """
    suffix = name.removeprefix("MotorheadMiddleware")
    return f"motorhead_stored{suffix}", f"motorhead_recalled{suffix}"


def note_failure(request: ToolCallRequest, loaded: RunMemory) -> None:
    """Note that a tool raised an error."""
    note_result(request, loaded, None)
    loaded.failed = True


def note_result(request: ToolCallRequest, loaded: RunMemory, result: Any) -> bool:
    """Note the result of a tool. Return whether it is to be stored at once, as no later hook may come."""
    given = request.state.get("messages", []) if isinstance(request.state, dict) else request.state
    if isinstance(given, list) and given:
        loaded.note_state(without_system(without_summaries(convert_to_messages(given))))
    loaded.results += result_messages(result)
    loaded.handed_off = loaded.handed_off or is_handoff(result)
    return loaded.failed
