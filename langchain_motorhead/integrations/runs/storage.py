"""Storing what a run did, at its end and wherever it ends before that."""

from __future__ import annotations

import asyncio
import logging
import threading
import uuid
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from langchain_core.messages import BaseMessage, ToolMessage
from langgraph.types import Command

from langchain_motorhead.exceptions import InvalidInputError, MotorheadError, UnknownMessageError, UnsupportedError
from langchain_motorhead.integrations.runs.cache import RunMemory
from langchain_motorhead.integrations.runs.storable import StorableMessages
from langchain_motorhead.messages.matching import before_stored, changed, fingerprint
from langchain_motorhead.messages.tool_calls import call_ids
from langchain_motorhead.sessions.load import Memory

if TYPE_CHECKING:
    from langchain_motorhead.handles.handle import Handle
    from langchain_motorhead.handles.session import Session
    from langchain_motorhead.sessions.changes.forgetting import Receipt

logger = logging.getLogger(__name__)

_MOST_REFUSED = 1_000  # edits that are remembered as impossible
_NOT_STORED = "session %r: the run failed, and its last part was not stored; what came before was"
_NOT_EDITED = "session %r: message %r was changed and cannot be edited, so the session keeps what it has: %s"
_CHANGED = (
    "session %r: a message was changed after it was stored, and the session keeps what it has: %s. If another "
    "middleware changes answers after the agent, put MotorheadMiddleware before it in the list. If the user changes "
    "messages, give edits=True"
)


class RunStorage:
    """Stores the messages of runs of one middleware or node, without what cannot be stored of them.

    Args:
        motorhead: Where the memory is.
        profile_tokens: Tokens of the user's profile that is loaded with the session.
        edits: Whether a message that was changed is edited in the session. If not, a warning is logged for one of the
            window.
    """

    def __init__(self, motorhead: Handle, profile_tokens: int = 0, *, edits: bool = False) -> None:
        self._motorhead = motorhead
        self._profile = profile_tokens
        self._edits = edits
        self._storable = StorableMessages()
        self._warned = False
        self._refused: set[tuple[str, str, str]] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    def catch_up(self, session: Session, messages: Sequence[BaseMessage], after: str | None) -> Memory:
        """Store the new messages of a run, and load the session."""
        memory = self._storable.store(
            messages, lambda given: session.catch_up(given, after=after, profile_tokens=self._profile)
        )
        older = before_stored(messages, memory.messages) if self._edits else ()
        ids = session._backend.run(session._backend.altered(session._keys, older)) if older else []
        if not (altered := self._changes(session, messages, memory, ids)):
            return memory
        for message in altered:
            try:
                self._storable.store([message], partial(_edit, session, message))
            except (InvalidInputError, UnknownMessageError) as error:
                self._warn_of_edit(session, message, error)
        return replace(session.load(profile_tokens=self._profile), forgotten=memory.forgotten)

    async def acatch_up(self, session: Session, messages: Sequence[BaseMessage], after: str | None) -> Memory:
        """Store the new messages of a run, and load the session."""
        memory: Memory = await self._storable.astore(
            messages, lambda given: session.acatch_up(given, after=after, profile_tokens=self._profile)
        )
        older = before_stored(messages, memory.messages) if self._edits else ()
        ids = await session._backend.arun(session._backend.altered(session._keys, older)) if older else []
        if not (altered := self._changes(session, messages, memory, ids)):
            return memory
        for message in altered:
            try:
                await self._storable.astore([message], partial(_aedit, session, message))
            except (InvalidInputError, UnknownMessageError) as error:
                self._warn_of_edit(session, message, error)
        return replace(await session.aload(profile_tokens=self._profile), forgotten=memory.forgotten)

    def append_new(self, session: Session, messages: Sequence[BaseMessage], after: str | None) -> None:
        """Store the new messages of a run."""
        self._storable.store(messages, lambda given: session.append_new(given, after=after))

    async def aappend_new(self, session: Session, messages: Sequence[BaseMessage], after: str | None) -> None:
        """Store the new messages of a run."""
        await self._storable.astore(messages, lambda given: session.aappend_new(given, after=after))

    def flush(self, session: Session, run: RunMemory, *, with_output: bool = False) -> None:
        """Store what a run has done so far. If that fails, a warning is logged, so that the run's own error is raised.

        Args:
            session: The session of the run.
            run: What is held of the run.
            with_output: Whether the model's newest answer is stored as well.
        """
        messages = run.so_far(with_output=with_output)
        if messages and messages[-1].id != run.stored:
            try:
                self.append_new(session, messages, run.stored)
                run.stored = messages[-1].id
            except MotorheadError:
                logger.warning(_NOT_STORED, session.session_id, exc_info=True)

    async def aflush(self, session: Session, run: RunMemory, *, with_output: bool = False) -> None:
        """Store what a run has done so far, also if its task is cancelled again meanwhile. See `flush`."""

        async def store() -> None:
            messages = run.so_far(with_output=with_output)
            if messages and messages[-1].id != run.stored:
                try:
                    await self.aappend_new(session, messages, run.stored)
                    run.stored = messages[-1].id
                except MotorheadError:
                    logger.warning(_NOT_STORED, session.session_id, exc_info=True)

        task = asyncio.create_task(store())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        await asyncio.shield(task)

    def is_unstored(self, run: RunMemory) -> bool:
        """Return whether a run that ended without its last hook did something that is neither stored nor kept.

        With a checkpointer the thread's state has all steps that ended, and the next run stores them. Only an answer
        whose step did not end, since nobody read the stream, is not in the state.
        """
        messages = run.so_far(with_output=True)
        if not messages or messages[-1].id == run.stored or self._motorhead._backend.closed:
            return False
        answer = messages[len(run.so_far()) :]
        return not run.kept or run.handed_off or bool(answer and not call_ids(answer[-1]))

    def store_ended(self, runs: Sequence[tuple[Session, RunMemory]]) -> None:
        """Store what a run did that ended without its last hook."""
        for session, run in runs:
            if self.is_unstored(run):
                self.flush(session, run, with_output=True)

    async def astore_ended(self, runs: Sequence[tuple[Session, RunMemory]]) -> None:
        """Store what a run did that ended without its last hook."""
        for session, run in runs:
            if self.is_unstored(run):
                await self.aflush(session, run, with_output=True)

    def store_abandoned(self, session: Session, run: RunMemory) -> Future[None] | None:
        """Store what a run did whose end was not noticed, in a thread. Return the work, if there is any."""
        if not self.is_unstored(run):
            return None
        work: Future[None] = Future()

        def store() -> None:
            try:
                self.flush(session, run, with_output=True)
            finally:
                work.set_result(None)

        try:
            self._motorhead.backend.require_redis().maintenance.background.submit(f"run {uuid.uuid4()}", store)
        except UnsupportedError:  # the memory is on a server
            threading.Thread(target=store, name="motorhead-run", daemon=True).start()
        return work

    def _changes(
        self, session: Session, messages: Sequence[BaseMessage], memory: Memory, older: Sequence[str]
    ) -> list[BaseMessage]:
        """Return the messages that are to be edited in the session. Without `edits`, warn of them once instead.

        Args:
            session: The session.
            messages: The messages of the run.
            memory: The session as it was loaded.
            older: Ids of changed messages that left the window.
        """
        if self._warned and not self._edits:
            return []
        ids = changed(messages, memory.messages)
        if self._edits:
            found = [message for message in messages if message.id in {*ids, *older}]
            return [message for message in found if _version(session, message) not in self._refused]
        if ids:
            self._warned = True
            logger.warning(_CHANGED, session.session_id, ", ".join(ids))
        return []

    def _warn_of_edit(self, session: Session, message: BaseMessage, error: MotorheadError) -> None:
        """Warn once that a message cannot be edited, and do not try it with this content again."""
        if len(self._refused) >= _MOST_REFUSED:
            self._refused.clear()
        self._refused.add(_version(session, message))
        if not self._warned:
            self._warned = True
            logger.warning(_NOT_EDITED, session.session_id, message.id, error)


def _edit(session: Session, state: BaseMessage, given: Sequence[BaseMessage]) -> Receipt:
    return session._edit(str(state.id), given[0], state)


async def _aedit(session: Session, state: BaseMessage, given: Sequence[BaseMessage]) -> Receipt:
    return await session._aedit(str(state.id), given[0], state)


def _version(session: Session, message: BaseMessage) -> tuple[str, str, str]:
    return session.session_id, str(message.id), fingerprint(message)


def result_messages(result: Any) -> list[BaseMessage]:
    """List the messages that a tool returned. One without an id gets one, by which it is known again in the state."""
    update = result.update if isinstance(result, Command) else {"messages": result}
    found = update.get("messages") if isinstance(update, dict) else None
    messages = [each for each in (found if isinstance(found, list) else [found]) if isinstance(each, BaseMessage)]
    for message in messages:
        if message.id is None:
            message.id = str(uuid.uuid4())
    return [message for message in messages if isinstance(message, ToolMessage)]


def is_handoff(result: Any) -> bool:
    """Return whether a tool hands the conversation to another agent, which ends the run of this one."""
    return isinstance(result, Command) and result.graph == Command.PARENT
