"""Tracing while OpenTelemetry is being imported."""

from __future__ import annotations

import sys
from importlib.machinery import ModuleSpec
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
