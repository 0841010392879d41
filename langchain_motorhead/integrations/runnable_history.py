"""Detection of the two hooks with which LangChain's `RunnableWithMessageHistory` reads and writes a chat history."""

from __future__ import annotations

import sys
from enum import StrEnum
from types import CodeType, FrameType


class Hook(StrEnum):
    """The hook of `RunnableWithMessageHistory` that calls, if any."""

    ENTER = "enter_history"
    EXIT = "exit_history"
    NONE = ""


_hooks: dict[CodeType, Hook] = {}


def calling_hook(caller: FrameType) -> Hook:
    """Return which hook the calling frame belongs to."""
    module = sys.modules.get("langchain_core.runnables.history")
    if module is None:
        return Hook.NONE
    if not _hooks:
        cls = module.RunnableWithMessageHistory
        for hook in (Hook.ENTER, Hook.EXIT):
            for method in (getattr(cls, f"_{hook}", None), getattr(cls, f"_a{hook}", None)):
                if (code := getattr(method, "__code__", None)) is not None:
                    _hooks[code] = hook
    return _hooks.get(caller.f_code, Hook.NONE)
