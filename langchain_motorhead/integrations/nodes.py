"""Memory for graphs that are built by hand: nodes that load and save it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

from langchain_core.messages import AnyMessage, BaseMessage, convert_to_messages
from langchain_core.runnables import Runnable, RunnableConfig, RunnableLambda
from langgraph.channels.ephemeral_value import EphemeralValue
from langgraph.graph import MessagesState
from langgraph.runtime import get_runtime
from langgraph.types import Command

from langchain_motorhead.exceptions import InvalidInputError
from langchain_motorhead.integrations.agent_run import RecallPolicy, Scope, session_of
from langchain_motorhead.integrations.prompt import add_to_system, prompt, said
from langchain_motorhead.sessions.load import Memory

if TYPE_CHECKING:
    from langchain_motorhead.client import Motorhead
    from langchain_motorhead.session import Session

_STORED = "motorhead_stored"


class MemoryState(MessagesState):
    """A graph's state with a place for memory.

    Attributes:
        llm_input_messages: What the model is to be shown, for the next step alone: only the checkpoint between the two
            has it, from which a run can be taken up at the model.
        motorhead_stored: Id of the newest message that is stored in the session.
    """

    llm_input_messages: Annotated[list[AnyMessage], EphemeralValue]
    motorhead_stored: str


def load_memory(
    motorhead: Motorhead,
    *,
    messages_key: str = "messages",
    prompt_key: str = "llm_input_messages",
    recall: int = 0,
    recall_scope: Scope | None = None,
) -> Runnable[Any, Command[Any]]:
    """Make a node that stores what is new among a graph's messages, and writes what the model is to be shown.

    That is the summary and what was recalled, as a system message, then the window and the messages of the run. It
    costs one round trip, and may stand before each call of the model. The session is the `session_id` of the run's
    context, else its `thread_id`.

    Args:
        motorhead: Where the memory is.
        messages_key: Where the state has the messages of the conversation.
        prompt_key: Where to write what the model is to be shown.
        recall: Messages to find in the long-term index, by the newest message of a human. 0 for none.
        recall_scope: As of `MotorheadMiddleware`.

    Raises:
        InvalidInputError: An argument cannot be used; at a run, no session can be told, or it is another user's.
        RecallNotConfiguredError: `recall` is asked for, and the Motorhead has no embedding model.

    Example:
        ```python
        graph = StateGraph(MemoryState)
        graph.add_sequence([("load", load_memory(motorhead)), ("model", call_model), ("save", save_memory(motorhead))])
        graph.set_entry_point("load")
        ```
    """
    recalling = RecallPolicy(recall, recall_scope)
    recalling.check(motorhead)

    def load(state: Any, config: RunnableConfig) -> Command[Any]:
        session, messages = _session(motorhead, config), _messages(state, messages_key)
        memory = session.catch_up(messages, after=_get(state, _STORED))
        return written(memory, messages, recalling.find(motorhead, session, memory, messages))

    async def aload(state: Any, config: RunnableConfig) -> Command[Any]:
        session, messages = _session(motorhead, config), _messages(state, messages_key)
        memory = await session.acatch_up(messages, after=_get(state, _STORED))
        return written(memory, messages, await recalling.afind(motorhead, session, memory, messages))

    def written(memory: Memory, messages: Sequence[BaseMessage], recalled: str) -> Command[Any]:
        text, shown = prompt(memory, messages, recalled)
        system = add_to_system(None, text, memory.epoch)
        prompted = shown if system is None else [system, *shown]
        # As pairs, in which LangGraph looks for no messages to stream to the user.
        return Command(update=[(prompt_key, prompted), *_stored(messages).items()])

    return RunnableLambda(load, aload, name="load_memory")


def save_memory(motorhead: Motorhead, *, messages_key: str = "messages") -> Runnable[Any, dict[str, Any]]:
    """Make a node that stores what is new among a graph's messages, each message once, by its id. One round trip.

    Args:
        motorhead: Where the memory is.
        messages_key: Where the state has the messages of the conversation.

    Raises:
        InvalidInputError: It is no Motorhead; at a run, no session can be told, or it is another user's.
    """
    RecallPolicy().check(motorhead)

    def save(state: Any, config: RunnableConfig) -> dict[str, Any]:
        messages = _messages(state, messages_key)
        _session(motorhead, config).append_new(messages, after=_get(state, _STORED))
        return _stored(messages)

    async def asave(state: Any, config: RunnableConfig) -> dict[str, Any]:
        messages = _messages(state, messages_key)
        await _session(motorhead, config).aappend_new(messages, after=_get(state, _STORED))
        return _stored(messages)

    return RunnableLambda(save, asave, name="save_memory")


def pre_model_hook(
    motorhead: Motorhead, *, recall: int = 0, recall_scope: Scope | None = None
) -> Runnable[Any, Command[Any]]:
    """Make the `pre_model_hook` of `create_react_agent`: `load_memory` with the keys that it has there.

    The last answer of a run is stored when the thread goes on; with `post_model_hook=save_memory(motorhead)` at once.
    """
    return load_memory(motorhead, recall=recall, recall_scope=recall_scope)


def _session(motorhead: Motorhead, config: RunnableConfig) -> Session:
    try:
        context = getattr(get_runtime(), "context", None)
    except RuntimeError:  # called outside of a graph
        context = None
    return session_of(motorhead, context, config)


def _messages(state: Any, key: str) -> Sequence[BaseMessage]:
    given = _get(state, key)
    if given is None:
        raise InvalidInputError(f"the state has no {key!r}. Say where its messages are: messages_key=...")
    messages = convert_to_messages(given)
    if any(message.id is None for message in messages):
        raise InvalidInputError(
            f"a message in {key!r} has no id, by which it is known again. Annotate the key with add_messages, as "
            "MessagesState does"
        )
    return said(messages)


def _get(state: Any, key: str) -> Any:
    return state.get(key) if isinstance(state, dict) else getattr(state, key, None)


def _stored(messages: Sequence[BaseMessage]) -> dict[str, Any]:
    return {_STORED: messages[-1].id} if messages else {}
