"""Memory for LangGraph graphs: the nodes `load_memory` and `save_memory`, and a state for them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, NotRequired

from langchain_core.messages import AnyMessage, BaseMessage, convert_to_messages
from langchain_core.runnables import Runnable, RunnableConfig, RunnableLambda
from langgraph.channels.ephemeral_value import EphemeralValue
from langgraph.graph import MessagesState
from langgraph.runtime import get_runtime
from langgraph.types import Command

from langchain_motorhead.exceptions import InvalidInputError
from langchain_motorhead.integrations.runs.agent_run import (
    aread_gap,
    azone_of,
    counter_of,
    profile_tokens,
    read_gap,
    session_of,
    zone_of,
)
from langchain_motorhead.integrations.runs.recall import Recalled, RecallPolicy, Scope
from langchain_motorhead.integrations.runs.storage import RunStorage
from langchain_motorhead.prompts.budget import Limits
from langchain_motorhead.prompts.conversation import without_summaries, without_system
from langchain_motorhead.prompts.layout import Prompt, PromptBuilder, add_to_system
from langchain_motorhead.sessions.load import Memory

if TYPE_CHECKING:
    from langchain_motorhead.handles.handle import Handle
    from langchain_motorhead.handles.session import Session

STORED_KEY = "motorhead_stored"
RECALLED_KEY = "motorhead_recalled"


class MemoryState(MessagesState):
    """The state of a graph with memory: LangGraph's `MessagesState`, and three keys that `load_memory` writes.

    The input of a graph needs none of the three.

    Attributes:
        llm_input_messages: The prompt for the model. It exists in the next step only, and in the checkpoint before that
            step, so that an interrupted run can be resumed at the model.
        motorhead_stored: Id of the newest message that is stored in the session.
        motorhead_recalled: Ids of what recall found for the questions in the window, so that they are shown with the
            same lines again.
    """

    llm_input_messages: NotRequired[Annotated[list[AnyMessage], EphemeralValue]]
    motorhead_stored: NotRequired[str]
    motorhead_recalled: NotRequired[dict[str, Any]]


class _Node(RunnableLambda[Any, Any]):
    """A node that says what it does, and for which memory."""

    def __init__(self, call: Any, acall: Any, name: str, motorhead: Handle) -> None:
        super().__init__(call, acall, name=name)
        self._shown = f"{name}({motorhead!r})"

    def __repr__(self) -> str:
        return self._shown


def load_memory(
    motorhead: Handle,
    *,
    messages_key: str = "messages",
    prompt_key: str = "llm_input_messages",
    recall: int = 0,
    recall_scope: Scope | None = None,
    facts: bool | int = False,
    edits: bool = False,
    max_prompt_tokens: int | None = None,
    max_run_tokens: int | None = None,
) -> Runnable[Any, Command[Any]]:
    """Return a node that stores the new messages of a graph's state, and writes the prompt for the model.

    The prompt is the system messages of the turn, then a message with the summary, then the window, then the messages
    of the run. What recall found stands before the question, quoted. The node takes one round trip, plus those of the
    search if `recall` is above 0. It may come before each call of the model. The session is the
    `session_id` of the run's context, otherwise the `thread_id` of its config.

    Args:
        motorhead: Where the memory is.
        messages_key: The key of the state that has the messages of the conversation. Each message needs an id, which
            the reducer `add_messages` gives it.
        prompt_key: The key of the state that gets the prompt.
        recall: How many older messages to search for, by the text of the user's newest message. 0 for none.
        recall_scope: Where to search. See `MotorheadMiddleware`.
        facts: Whether the prompt has a profile of the user. A number is the tokens that it may have.
        edits: Whether to edit a message of the session that the state has with another content. See
            `MotorheadMiddleware`.
        max_prompt_tokens: Most tokens of the whole prompt. The window, what was recalled, facts and the run are
            shortened to fit. None for no limit.
        max_run_tokens: Most tokens of the messages of a run. Beyond that, results of tools are shown in part, and the
            oldest as stubs. `Motorhead.tools(["read_result"])` reads them. None to show all.

    Raises:
        InvalidInputError: An argument cannot be used. In a run: it has no session, or that belongs to another user.
        RecallNotConfiguredError: `recall` is above 0, and the `Motorhead` has no embedding model.
        StoreError: In a run: Redis refused, or could not be reached.

    Example:
        ```python
        graph = StateGraph(MemoryState)
        graph.add_sequence([("load", load_memory(motorhead)), ("model", call_model), ("save", save_memory(motorhead))])
        graph.set_entry_point("load")
        ```
    """
    policy, storage = RecallPolicy(recall, recall_scope), RunStorage(motorhead, profile_tokens(facts), edits=edits)
    policy.check(motorhead)
    count, limits = counter_of(motorhead), Limits(max_prompt_tokens, max_run_tokens)
    limit = limits.tokens(None)  # a node does not know the model, of which a fraction could be taken

    def load(state: Any, config: RunnableConfig) -> Command[Any]:
        session, given = _session(motorhead, config), _messages(state, messages_key)
        zone = zone_of(_context(), config)
        messages = without_system(given)
        memory = storage.catch_up(session, messages, _get(state, STORED_KEY))
        found = policy.find(motorhead, session, memory, messages, _get(state, RECALLED_KEY), zone)
        builder = prompts(memory, found, read_gap(session, memory, messages))
        return update(state, memory, given, found, builder.build(given))

    async def aload(state: Any, config: RunnableConfig) -> Command[Any]:
        session, given = _session(motorhead, config), _messages(state, messages_key)
        zone = await azone_of(_context(), config)
        messages = without_system(given)
        memory = await storage.acatch_up(session, messages, _get(state, STORED_KEY))
        found = await policy.afind(motorhead, session, memory, messages, _get(state, RECALLED_KEY), zone)
        builder = prompts(memory, found, await aread_gap(session, memory, messages))
        prompt = await asyncio.to_thread(builder.build, given) if builder.counts else builder.build(given)
        return update(state, memory, given, found, prompt)

    def prompts(memory: Memory, found: Recalled, gap: Sequence[BaseMessage]) -> PromptBuilder:
        return PromptBuilder(memory, found.lines, gap, limit, limits.run, count)

    def update(
        state: Any, memory: Memory, messages: Sequence[BaseMessage], found: Recalled, prompt: Prompt
    ) -> Command[Any]:
        system = add_to_system(None, prompt.instructions, memory.epoch)
        prompted = prompt.messages if system is None else [system, *prompt.messages]
        pins = [(RECALLED_KEY, found.pins)] if found.pins and found.pins != _get(state, RECALLED_KEY) else []
        # A list of pairs: in a dict, LangGraph would look for messages and stream them to the user.
        return Command(update=[(prompt_key, prompted), *_newest(without_system(messages)).items(), *pins])

    return _Node(load, aload, "load_memory", motorhead)


def save_memory(motorhead: Handle, *, messages_key: str = "messages") -> Runnable[Any, dict[str, Any]]:
    """Return a node that stores the new messages of a graph's state, each once, which its id ensures. One round trip.

    Args:
        motorhead: Where the memory is.
        messages_key: The key of the state that has the messages of the conversation.

    Raises:
        InvalidInputError: An argument cannot be used. In a run: it has no session, or that belongs to another user.
        StoreError: In a run: Redis refused, or could not be reached.
    """
    RecallPolicy().check(motorhead)
    storage = RunStorage(motorhead)

    def save(state: Any, config: RunnableConfig) -> dict[str, Any]:
        messages = without_system(_messages(state, messages_key))
        storage.append_new(_session(motorhead, config), messages, _get(state, STORED_KEY))
        return _newest(messages)

    async def asave(state: Any, config: RunnableConfig) -> dict[str, Any]:
        messages = without_system(_messages(state, messages_key))
        await storage.aappend_new(_session(motorhead, config), messages, _get(state, STORED_KEY))
        return _newest(messages)

    return _Node(save, asave, "save_memory", motorhead)


def pre_model_hook(
    motorhead: Handle,
    *,
    recall: int = 0,
    recall_scope: Scope | None = None,
    max_prompt_tokens: int | None = None,
    max_run_tokens: int | None = None,
) -> Runnable[Any, Command[Any]]:
    """Return the `pre_model_hook` for `create_react_agent`: `load_memory` with the keys of that agent's state.

    The last answer of a run is stored when the thread goes on. Give `post_model_hook=save_memory(motorhead)` too to
    store it at once.

    Args:
        motorhead: Where the memory is.
        recall: How many older messages to search for. See `load_memory`.
        recall_scope: Where to search. See `MotorheadMiddleware`.
        max_prompt_tokens: Most tokens of the whole prompt. See `load_memory`.
        max_run_tokens: Most tokens of the messages of a run. See `load_memory`.

    Raises:
        InvalidInputError: See `load_memory`.
        RecallNotConfiguredError: See `load_memory`.
    """
    return load_memory(
        motorhead,
        recall=recall,
        recall_scope=recall_scope,
        max_prompt_tokens=max_prompt_tokens,
        max_run_tokens=max_run_tokens,
    )


def _session(motorhead: Handle, config: RunnableConfig) -> Session:
    return session_of(motorhead, _context(), config)


def _context() -> Any:
    """Return the context of the run, or None outside of a graph."""
    try:
        return getattr(get_runtime(), "context", None)
    except RuntimeError:
        return None


def _messages(state: Any, key: str) -> Sequence[BaseMessage]:
    given = _get(state, key)
    if given is None:
        raise InvalidInputError(f"the state has no key {key!r}. Name the key that has the messages: messages_key=...")
    messages = convert_to_messages(given)
    if any(message.id is None for message in messages):
        raise InvalidInputError(
            f"a message in {key!r} has no id, which is needed to store it only once. Annotate the key with "
            "add_messages, as MessagesState does"
        )
    return without_summaries(messages)


def _get(state: Any, key: str) -> Any:
    return state.get(key) if isinstance(state, dict) else getattr(state, key, None)


def _newest(messages: Sequence[BaseMessage]) -> dict[str, Any]:
    return {STORED_KEY: messages[-1].id} if messages else {}
