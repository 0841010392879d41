"""Detect calls that come from a hook of LangChain's `RunnableWithMessageHistory`."""

from __future__ import annotations

import sys
from types import CodeType, FrameType

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
