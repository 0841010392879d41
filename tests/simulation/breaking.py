"""How the package is broken on purpose: text in a script or in a function is replaced, until the end of a test."""

from __future__ import annotations

import inspect
import sys
import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from langchain_motorhead.server import groups as posting
from langchain_motorhead.storage.scripts import SCRIPTS, Script, to_script


@dataclass(frozen=True)
class Broken:
    """One thing that is broken.

    Attributes:
        scenario: Where it shows.
        changes: What is put in the place of what: in a script, by its name, or in a function.
    """

    scenario: str
    changes: tuple[tuple[str | Callable[..., Any], str, str], ...]

    def apply(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Break it, until the end of the test."""
        for what, old, new in self.changes:
            if not isinstance(what, str):
                _change_function(monkeypatch, what, old, new)
            elif what == "post":
                monkeypatch.setattr(posting, "_POST", _changed(posting._POST, old, new))
            else:
                monkeypatch.setitem(SCRIPTS, what, _changed(SCRIPTS[what], old, new))


def _changed(script: Script, old: str, new: str) -> Script:
    assert script.source.count(old) == 1, f"{script.source.count(old)} times: {old}"
    return to_script(script.source.replace(old, new))


def _change_function(monkeypatch: pytest.MonkeyPatch, function: Callable[..., Any], old: str, new: str) -> None:
    source = textwrap.dedent(inspect.getsource(function))
    assert source.count(old) == 1, f"{source.count(old)} times: {old}"
    module = sys.modules[function.__module__]
    made: dict[str, Any] = {}
    exec(
        compile("from __future__ import annotations\n" + source.replace(old, new), "broken", "exec"), vars(module), made
    )
    owner, _, _ = function.__qualname__.rpartition(".")
    if owner:
        monkeypatch.setattr(getattr(module, owner), function.__name__, made[function.__name__])
        return
    for each in [found for name, found in sys.modules.items() if name.startswith("langchain_motorhead.")]:
        if getattr(each, function.__name__, None) is function:  # where it is defined, and where it is imported
            monkeypatch.setattr(each, function.__name__, made[function.__name__])


def in_script(scenario: str, name: str, old: str, new: str) -> Broken:
    """Break a script where a scenario shows it."""
    return Broken(scenario, ((name, old, new),))


def left_behind(scenario: str, name: str) -> Broken:
    """Let a script leave a lease with the attempt before at the same job."""
    return in_script(scenario, name, "return job ~= nil and job == own", "return false")


NEVER = "if false then"
"""A condition of a script that never holds."""
