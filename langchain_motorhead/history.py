"""A session as LangChain's `BaseChatMessageHistory`, and what `RunnableWithMessageHistory` needs of it."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from types import CodeType, FrameType
from typing import TYPE_CHECKING, Any

from langchain_core.chat_history import BaseChatMessageHistory
from langchain_core.messages import BaseMessage

from langchain_motorhead.faces import motorhead_of

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from langchain_motorhead.client import Motorhead, Options
    from langchain_motorhead.session import Session

# Ids of messages that were handed to runs which have not ended yet, at most.
_MOST_REMEMBERED = 8_192


class MotorheadChatMessageHistory(BaseChatMessageHistory):
    """A session as a chat message history. Making one does no I/O.

    Its `messages` are the summary, as a system message, then every message that is not in it.

    Args:
        session_id: Any string but the empty one.
        user_id: Whose session it is.
        motorhead: The configuration to work with; or give one of the next two.
        url: A Redis URL, as `Motorhead.from_url` takes it.
        client: A client of redis-py.
        **options: With `url` or `client`: see `Options`.

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
        **options: Unpack[Options],
    ) -> None:
        super().__init__()
        self.motorhead = motorhead_of(motorhead, url, client, **options)
        self.session: Session = self.motorhead.session(session_id, user_id)
        self._handed_out: dict[str, None] = {}

    @property
    def messages(self) -> list[BaseMessage]:  # type: ignore[override]
        """The summary, as a system message, and the messages after it; read in one round trip."""
        hook = _hook(sys._getframe(1))
        if hook == _EXIT:
            return []
        return self._noted(hook, self.session.load().as_messages())

    async def aget_messages(self) -> list[BaseMessage]:
        """Read the summary, as a system message, and the messages after it, in one round trip."""
        hook = _hook(sys._getframe(1))
        if hook == _EXIT:
            return []
        return self._noted(hook, (await self.session.aload()).as_messages())

    def add_messages(self, messages: Sequence[BaseMessage]) -> None:
        """Store messages, in one round trip, all or none of them."""
        self.session.append(self._new(_hook(sys._getframe(1)), messages))

    async def aadd_messages(self, messages: Sequence[BaseMessage]) -> None:
        """Store messages, in one round trip, all or none of them."""
        await self.session.aappend(self._new(_hook(sys._getframe(1)), messages))

    def clear(self) -> None:
        """Delete the session and everything of it."""
        self.session.delete()

    async def aclear(self) -> None:
        """Delete the session and everything of it."""
        await self.session.adelete()

    # RunnableWithMessageHistory without `history_messages_key` reads the history again when the run ends, and cuts as
    # many messages off its input as the history has by then. If it got shorter meanwhile (a compaction) it would store
    # old messages again; if it got longer (another writer) it would drop the user's. So the hook that runs at the end
    # is shown an empty history, hence cuts nothing off, and what it adds is rid of the messages that the hook at the
    # start was handed, which all have ids. Only its two hooks are treated so, and no other caller.

    def _noted(self, hook: str, messages: list[BaseMessage]) -> list[BaseMessage]:
        if hook == _ENTER:
            for message in messages:
                self._handed_out.pop(message.id or "", None)
                self._handed_out[message.id or ""] = None
            for id_ in list(self._handed_out)[: max(0, len(self._handed_out) - _MOST_REMEMBERED)]:
                del self._handed_out[id_]
        return messages

    def _new(self, hook: str, messages: Sequence[BaseMessage]) -> Sequence[BaseMessage]:
        if hook != _EXIT:
            return messages
        return [message for message in messages if not message.id or message.id not in self._handed_out]


_ENTER, _EXIT, _NEITHER = "enter", "exit", ""
_hooks: dict[CodeType, str] = {}


def _hook(caller: FrameType) -> str:
    """Say which of RunnableWithMessageHistory's hooks, if any, is calling."""
    module = sys.modules.get("langchain_core.runnables.history")
    if module is None:
        return _NEITHER
    if not _hooks:
        cls = module.RunnableWithMessageHistory
        for name, role in (("enter_history", _ENTER), ("exit_history", _EXIT)):
            for hook in (getattr(cls, f"_{name}", None), getattr(cls, f"_a{name}", None)):
                if (code := getattr(hook, "__code__", None)) is not None:
                    _hooks[code] = role
    return _hooks.get(caller.f_code, _NEITHER)
