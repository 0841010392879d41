"""A session as LangChain's `BaseChatMessageHistory`, and what `RunnableWithMessageHistory` needs of it."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from types import FrameType
from typing import TYPE_CHECKING, Any

from langchain_core.chat_history import BaseChatMessageHistory
from langchain_core.messages import BaseMessage

from langchain_motorhead.handle import motorhead_of
from langchain_motorhead.integrations.runnable_history import _ENTER, _EXIT, _hook

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from langchain_motorhead.client import Motorhead
    from langchain_motorhead.options import UrlOptions
    from langchain_motorhead.session import Session

# Runs under way whose history is remembered, at most.
_MOST_RUNS = 256


class MotorheadChatMessageHistory(BaseChatMessageHistory):
    """A session as a chat message history. Making one does no I/O.

    Its `messages` are the summary, as a system message, then every message that is not in it.

    Args:
        session_id: Any string but the empty one.
        user_id: Whose session it is.
        motorhead: The configuration to work with; or give one of the next two.
        url: Of Redis or of a server, as `Motorhead.from_url` takes it.
        client: A client of redis-py.
        **options: With `url` or `client`: see `Options`, and for a server `RemoteOptions`.

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
        motorhead: Motorhead | None = None,
        url: str | None = None,
        client: Any = None,
        **options: Unpack[UrlOptions],
    ) -> None:
        super().__init__()
        self.motorhead = motorhead_of(motorhead, url, client, **options)
        self.session: Session = self.motorhead.session(session_id, user_id)
        self._handed_out: list[tuple[str | None, ...]] = []
        self._ending: set[int] = set()

    @property
    def messages(self) -> list[BaseMessage]:  # type: ignore[override]
        """The summary, as a system message, and the messages after it; read in one round trip."""
        caller = sys._getframe(1)
        return [] if self._is_end(caller) else self._noted(caller, self.session.load().as_messages())

    async def aget_messages(self) -> list[BaseMessage]:
        """Read the summary, as a system message, and the messages after it, in one round trip."""
        caller = sys._getframe(1)
        return [] if self._is_end(caller) else self._noted(caller, (await self.session.aload()).as_messages())

    def add_messages(self, messages: Sequence[BaseMessage]) -> None:
        """Store messages, in one round trip, all or none of them."""
        new, is_run = self._new(sys._getframe(1), messages)
        self.session.append(new, unless_known=not is_run)

    async def aadd_messages(self, messages: Sequence[BaseMessage]) -> None:
        """Store messages, in one round trip, all or none of them."""
        new, is_run = self._new(sys._getframe(1), messages)
        await self.session.aappend(new, unless_known=not is_run)

    def clear(self) -> None:
        """Delete the session and everything of it."""
        self.session.delete()

    async def aclear(self) -> None:
        """Delete the session and everything of it."""
        await self.session.adelete()

    # RunnableWithMessageHistory without `history_messages_key` reads the history again when the run ends, and cuts as
    # many messages off its input as the history has by then. If it got shorter meanwhile (a compaction) it would store
    # old messages again; if it got longer (another writer) it would drop the user's. So the hook that runs at the end
    # is shown an empty history, hence cuts nothing off, and what it then adds is rid of the very messages that a hook
    # at the start was handed, where it begins with them. Only these hooks are treated so, and no other caller.

    def _is_end(self, caller: FrameType) -> bool:
        if _hook(caller) != _EXIT:
            return False
        self._ending.add(id(caller))
        return True

    def _noted(self, caller: FrameType, messages: list[BaseMessage]) -> list[BaseMessage]:
        if messages and _hook(caller) == _ENTER:
            self._handed_out.append(tuple(message.id for message in messages))
            del self._handed_out[:-_MOST_RUNS]
        return messages

    # A run's messages are stored even if a model gives them the same id each time.
    def _new(self, caller: FrameType, messages: Sequence[BaseMessage]) -> tuple[Sequence[BaseMessage], bool]:
        is_run = _hook(caller) == _EXIT
        if id(caller) not in self._ending or not is_run:
            return messages, is_run
        self._ending.discard(id(caller))
        ids = tuple(message.id for message in messages)
        known = max((given for given in self._handed_out if ids[: len(given)] == given), key=len, default=())
        if known:
            self._handed_out.remove(known)
        return messages[len(known) :], True
