"""What a chat history does for LangChain's `RunnableWithMessageHistory`, whose two hooks read and write it."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from enum import StrEnum
from types import CodeType, FrameType
from typing import Self, SupportsIndex

from langchain_core.messages import BaseMessage, SystemMessage

MAX_FRAMES_COUNT = 16


class Hook(StrEnum):
    """The hook of `RunnableWithMessageHistory` that calls, if any."""

    ENTER = "enter_history"
    EXIT = "exit_history"
    NONE = ""


_hooks: dict[CodeType, Hook] = {}


def calling_hook(caller: FrameType | None) -> tuple[Hook, FrameType | None]:
    """Return which hook calls, directly or through a subclass or wrapper of the history, and its frame."""
    module = sys.modules.get("langchain_core.runnables.history")
    if module is None:
        return Hook.NONE, None
    if not _hooks:
        cls = module.RunnableWithMessageHistory
        for hook in (Hook.ENTER, Hook.EXIT):
            for method in (getattr(cls, f"_{hook}", None), getattr(cls, f"_a{hook}", None)):
                if (code := getattr(method, "__code__", None)) is not None:
                    _hooks[code] = hook
    for _ in range(MAX_FRAMES_COUNT):
        if caller is None:
            break
        if (hook := _hooks.get(caller.f_code, Hook.NONE)) is not Hook.NONE:
            return hook, caller
        caller = caller.f_back
    return Hook.NONE, None


def stands_in_prompt(hook: FrameType) -> bool:
    """Return whether the prompt has a place for the history, which other messages may precede, such as examples."""
    return bool(getattr(hook.f_locals.get("self"), "history_messages_key", None))


class HistoryForRun(list[BaseMessage]):
    """A history to which the hook at the start of a run adds the messages of the run.

    System messages among those are instructions for the turn. They become a part of the one system message at the
    beginning, as providers demand, instead of standing in the middle.
    """

    def copy(self) -> HistoryForRun:
        """Return a copy that does the same."""
        return HistoryForRun(self)

    def __iadd__(self, added: Iterable[BaseMessage]) -> Self:  # type: ignore[override]
        added = list(added)
        instructions = [message for message in added if isinstance(message, SystemMessage)]
        if instructions and self and isinstance(self[0], SystemMessage):
            self[0] = _joined([*instructions, self[0]])
        elif instructions:
            self.insert(0, _joined(instructions))
        self.extend(message for message in added if not isinstance(message, SystemMessage))
        return self

    def __add__(self, added: Iterable[BaseMessage]) -> HistoryForRun:  # type: ignore[override]
        result = self.copy()
        result += added
        return result

    def __getitem__(self, at: SupportsIndex | slice) -> BaseMessage | HistoryForRun:  # type: ignore[override]
        found = super().__getitem__(at)
        return HistoryForRun(found) if isinstance(found, list) else found


def without_given(messages: Sequence[BaseMessage], given: Sequence[str | None]) -> list[BaseMessage]:
    """Return the messages of a run without the history at their beginning, of which parts may have been left out.

    Args:
        messages: The messages of a run, perhaps with the history before them.
        given: Ids of the history's messages, in their order.
    """
    rest = iter(given)
    at = 0
    while at < len(messages) and messages[at].id is not None and messages[at].id in rest:
        at += 1
    return list(messages[at:])


def _joined(messages: Sequence[BaseMessage]) -> SystemMessage:
    texts = dict.fromkeys(str(message.text) for message in messages)
    return SystemMessage("\n\n".join(texts), id=messages[-1].id)
