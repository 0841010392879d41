"""`MotorheadChatMessageHistory`: a session as a `BaseChatMessageHistory` of LangChain."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from types import FrameType
from typing import TYPE_CHECKING, Any

from langchain_core.chat_history import BaseChatMessageHistory
from langchain_core.messages import BaseMessage, HumanMessage, SystemMessage

from langchain_motorhead.handles.handle import Handle
from langchain_motorhead.integrations.runnable_history import (
    HistoryForRun,
    Hook,
    calling_hook,
    stands_in_prompt,
    without_given,
)
from langchain_motorhead.prompts.conversation import without_system
from langchain_motorhead.prompts.layout import conversation
from langchain_motorhead.prompts.records import SummaryRole, check_role
from langchain_motorhead.sessions.load import Memory

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from langchain_motorhead.handles.session import Session
    from langchain_motorhead.options import UrlOptions

MAX_REMEMBERED_RUNS_COUNT = 256


class MotorheadChatMessageHistory(BaseChatMessageHistory):
    """A session as a chat message history. Making one does no I/O.

    Its `messages` are the summary, and then every message that the summary does not cover, in a form that every
    provider takes before a person's message. The summary is quoted data in a message of a person's role, so that what
    was said in the conversation never gets the authority of the system message. Calls without a result are left out.
    `session.load()` has all of them.

    Under `RunnableWithMessageHistory`, a system message in a run's input is an instruction for that run: it comes
    first, and is not stored.

    Args:
        session_id: Any string that is not empty.
        user_id: Id of the user whose session it is.
        motorhead: A `Motorhead`. Or give `url` or `client` instead.
        url: URL of Redis or of a server, as `Motorhead.from_url` takes it.
        client: A client of redis-py.
        summary_role: Role of the message with the summary: `"human"`, or `"system"` for chains that take it there. With
            `"system"`, text that the summary repeats from the conversation stands in a system message, quoted. With a
            `history_messages_key`, the role is `"human"` in any case, since other messages may precede it.
        **options: With `url` or `client`: see `Options`, or `RemoteOptions` for a server.

    Raises:
        InvalidInputError: An argument cannot be used.

    Example:
        ```python
        history = MotorheadChatMessageHistory("session-1", url="redis://localhost:6379")
        history.add_messages([HumanMessage("hi, I'm Bob"), AIMessage("Hello Bob!")])
        history.messages
        ```
    """

    def __init__(
        self,
        session_id: str,
        *,
        user_id: str | None = None,
        motorhead: Handle | None = None,
        url: str | None = None,
        client: Any = None,
        summary_role: SummaryRole = "human",
        **options: Unpack[UrlOptions],
    ) -> None:
        super().__init__()
        check_role(summary_role)
        self.summary_role: SummaryRole = summary_role
        self.motorhead = Handle.resolve(motorhead, url, client, **options)
        self.session: Session = self.motorhead.session(session_id, user_id)
        self._given_to_runs: list[tuple[str | None, ...]] = []
        self._ending: set[int] = set()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.session!r})"

    @property
    def messages(self) -> list[BaseMessage]:  # type: ignore[override]
        """The summary, and the messages after it. Each access loads them, in one round trip.

        Raises:
            InvalidInputError: The session belongs to another user.
            StoreError: Redis refused, or could not be reached.
        """
        caller = sys._getframe(1)
        return [] if self._is_end(caller) else self._shown(caller, self.session.load())

    async def aget_messages(self) -> list[BaseMessage]:
        """Load the summary and the messages after it, in one round trip. See `messages`."""
        caller = sys._getframe(1)
        return [] if self._is_end(caller) else self._shown(caller, await self.session.aload())

    def add_messages(self, messages: Sequence[BaseMessage]) -> None:
        """Store messages in one round trip: all of them, or none if an error is raised.

        Raises:
            InvalidMessageError: One of them is not a message, or cannot be stored.
            StoreError: Redis refused, or could not be reached.
        """
        new, is_run = self._new(sys._getframe(1), messages)
        self.session.append(new, unless_known=not is_run)

    async def aadd_messages(self, messages: Sequence[BaseMessage]) -> None:
        """Store messages in one round trip. See `add_messages`."""
        new, is_run = self._new(sys._getframe(1), messages)
        await self.session.aappend(new, unless_known=not is_run)

    def clear(self) -> None:
        """Delete the session: its messages, its summary, and its documents in the search index."""
        self.session.delete()

    async def aclear(self) -> None:
        """Delete the session. See `clear`."""
        await self.session.adelete()

    # Without `history_messages_key`, RunnableWithMessageHistory loads the history again when the run ends, and takes
    # that many messages off the front of the run's messages: it assumes that they begin with the history. If the
    # history became shorter during the run (by a compaction), it would store old messages again. If it became longer
    # (by another writer), it would drop messages of the user. Therefore the hook at the end gets an empty history, so
    # that it takes nothing off. From the messages that it then adds, this class takes off those that the hook at the
    # start was given, if they begin with them. No other caller is treated like this.

    def _shown(self, caller: FrameType, memory: Memory) -> list[BaseMessage]:
        """Return the messages, and remember their ids if the hook at the start of a run calls."""
        hook, frame = calling_hook(caller)
        if hook is not Hook.ENTER or frame is None:
            return conversation(memory, self.summary_role)
        messages = conversation(memory, "human" if stands_in_prompt(frame) else self.summary_role)
        if messages and isinstance(messages[0], SystemMessage) and stands_in_prompt(frame):
            # A system message in the middle of a prompt is refused.
            messages[0] = HumanMessage(messages[0].content, id=messages[0].id)
        if messages:
            self._given_to_runs.append(tuple(message.id for message in messages))
            del self._given_to_runs[:-MAX_REMEMBERED_RUNS_COUNT]
        return HistoryForRun(messages)

    def _is_end(self, caller: FrameType) -> bool:
        """Return whether the hook at the end of a run calls, and note that its messages are yet to come."""
        hook, frame = calling_hook(caller)
        if hook is not Hook.EXIT:
            return False
        self._ending.add(id(frame))
        return True

    def _new(self, caller: FrameType, messages: Sequence[BaseMessage]) -> tuple[Sequence[BaseMessage], bool]:
        """Return the messages to store, and whether they are those of a run, which are stored even if an id is known.

        Some models give each of their messages the same id. System messages of a run are instructions for it.
        """
        hook, frame = calling_hook(caller)
        if hook is not Hook.EXIT:
            return messages, False
        new = without_system(messages)
        if id(frame) in self._ending:
            self._ending.discard(id(frame))
            given = min(self._given_to_runs, key=lambda each: len(without_given(new, each)), default=())
            if len(rest := without_given(new, given)) < len(new):
                self._given_to_runs.remove(given)
                new = rest
        return new, True
