"""One run of an agent or graph: whose session it is, in which time zone its user is, and what is read of a gap.

Shared by the agent middleware and the graph nodes.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from datetime import UTC, tzinfo
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from langchain_core.messages import BaseMessage

from langchain_motorhead.concurrency.threads import run_in_thread
from langchain_motorhead.exceptions import InvalidInputError, MotorheadError, UnsupportedError
from langchain_motorhead.messages.tokens import count_tokens
from langchain_motorhead.prompts.conversation import as_stored, without_summaries, without_system
from langchain_motorhead.prompts.counting import PromptCounter
from langchain_motorhead.prompts.gap import missing
from langchain_motorhead.sessions.load import Memory

if TYPE_CHECKING:
    from langchain_motorhead.handles.handle import Handle
    from langchain_motorhead.handles.session import Session

logger = logging.getLogger(__name__)

ANY_USER = "motorhead:any-user"
"""Permission with which a caller that LangGraph's server authenticated may name any user."""

# Tokens of a profile by default, as in `facts.reading`, which is only loaded if there are facts.
PROFILE_TOKENS = 300


def profile_tokens(facts: bool | int) -> int:  # noqa: FBT001 - the value of an option
    """Return the tokens that the profile in a prompt may have, by the option `facts`; 0 for no profile.

    Raises:
        InvalidInputError: It is neither a truth value nor a number of tokens.
    """
    if isinstance(facts, bool):
        return PROFILE_TOKENS if facts else 0
    if not isinstance(facts, int) or facts < 1:
        raise InvalidInputError(f"facts must be True, False or the tokens that a profile may have, not {facts!r}")
    return facts


def session_of(motorhead: Handle, context: Any, config: Mapping[str, Any]) -> Session:
    """Return the session of a run. Its ids are taken from the run's context, otherwise from its config.

    Args:
        motorhead: Where the session is.
        context: The context of the run: an object or a mapping with `session_id` and `user_id`, or None.
        config: The config of the run. Its `configurable` has a `thread_id`, and may have a `user_id`, which LangGraph's
            server leaves empty for a caller that it does not know.

    Raises:
        InvalidInputError: There is neither a `session_id` nor a `thread_id`. Or LangGraph's server authenticated the
            caller as one user, and the run names another, without the permission `ANY_USER`.
    """
    configurable = config.get("configurable") or {}
    session_id = _field(context, "session_id")
    if session_id is None:
        session_id = configurable.get("thread_id")
    user_id = _field(context, "user_id")
    if user_id is None:
        user_id = configurable.get("user_id") or configurable.get("langgraph_auth_user_id") or None
    if session_id is None:
        raise InvalidInputError(
            "which session is it? Give the run a thread, as in "
            '.invoke(..., config={"configurable": {"thread_id": "1"}}), or a context with a session_id'
        )
    # Only the server can set these two: it overwrites what a client sends.
    caller = configurable.get("langgraph_auth_user_id")
    if caller and user_id not in (None, caller) and ANY_USER not in configurable.get("langgraph_auth_permissions", ()):
        raise InvalidInputError(
            "the run names another user than the one that LangGraph's server authenticated. Leave user_id out, or give "
            f"callers that act for others the permission {ANY_USER!r}"
        )
    return motorhead.session(str(session_id), None if user_id is None else str(user_id))


def zone_of(context: Any, config: Mapping[str, Any]) -> tzinfo:
    """Return the time zone of a run's user: the `time_zone` of the run's context or config, such as `"Europe/Oslo"`.

    It is UTC if there is none, or none of that name.

    Args:
        context: The context of the run.
        config: The config of the run.
    """
    name = _zone_name(context, config)
    if not name:
        return UTC
    try:
        return ZoneInfo(str(name))
    except (ZoneInfoNotFoundError, ValueError, OSError):
        logger.warning("there is no time zone %r, so times are shown in UTC", str(name)[:64])
        return UTC


async def azone_of(context: Any, config: Mapping[str, Any]) -> tzinfo:
    """Return the time zone of a run's user. It is read from a file, so this is done outside of the event loop."""
    return await run_in_thread(lambda: zone_of(context, config)) if _zone_name(context, config) else UTC


def _zone_name(context: Any, config: Mapping[str, Any]) -> Any:
    return _field(context, "time_zone") or (config.get("configurable") or {}).get("time_zone")


def counter_of(motorhead: Handle) -> PromptCounter:
    """Return a counter of a prompt's tokens. It counts as the `Motorhead` does, if that is known."""
    try:
        return PromptCounter(motorhead.backend.require_redis().append_config.count)
    except UnsupportedError:  # only the server knows how it counts
        return PromptCounter(count_tokens)


def read_gap(session: Session, memory: Memory, state: Sequence[BaseMessage]) -> list[BaseMessage]:
    """Read messages that neither the summary nor the window nor the agent's state has. Usually there are none.

    Args:
        session: The session.
        memory: What was loaded of it.
        state: The messages of the agent's state.
    """
    if (wanted := _missing(memory, state)) is None:
        return []
    try:
        return [each.message for each in session.transcript(*wanted)]
    except MotorheadError as error:
        return _not_read(session, error)


async def aread_gap(session: Session, memory: Memory, state: Sequence[BaseMessage]) -> list[BaseMessage]:
    """Read messages that neither the summary nor the window nor the agent's state has. See `read_gap`."""
    if (wanted := _missing(memory, state)) is None:
        return []
    try:
        return [each.message for each in await session.atranscript(*wanted)]
    except MotorheadError as error:
        return _not_read(session, error)


def _missing(memory: Memory, state: Sequence[BaseMessage]) -> tuple[int, int] | None:
    if memory.gap is None:
        return None
    return missing(memory, as_stored(without_system(without_summaries(state)), [], memory.messages)[0])


def _not_read(session: Session, error: MotorheadError) -> list[BaseMessage]:
    logger.warning("session %r: older messages could not be read for the prompt: %s", session.session_id, error)
    return []


def _field(context: Any, name: str) -> Any:
    return context.get(name) if isinstance(context, Mapping) else getattr(context, name, None)
