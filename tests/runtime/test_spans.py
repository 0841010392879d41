"""Tracing while OpenTelemetry is being imported."""

from __future__ import annotations

import importlib
import sys
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType

import pytest

from langchain_motorhead.runtime import spans


def test_a_library_that_another_thread_is_importing(monkeypatch: pytest.MonkeyPatch) -> None:
    """There is no tracing as long as another thread imports OpenTelemetry, and no error."""
    module = ModuleType("opentelemetry.trace")
    module.__spec__ = ModuleSpec("opentelemetry.trace", None)
    module.__spec__._initializing = True  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "opentelemetry.trace", module)
    assert spans.tracing() is None


def test_the_import_system_says_what_it_imports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A module's spec has the private mark of Python's import system as long as the module is being imported."""
    (tmp_path / "being_imported.py").write_text("during = __spec__._initializing\n")
    monkeypatch.syspath_prepend(tmp_path)
    module = importlib.import_module("being_imported")
    assert module.during is True
    assert module.__spec__ is not None
    assert not getattr(module.__spec__, "_initializing", False)
