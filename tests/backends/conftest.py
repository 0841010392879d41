"""Retries without pauses."""

from __future__ import annotations

import pytest

from langchain_motorhead.backends.http import transport


@pytest.fixture
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Retries that follow each other at once."""
    monkeypatch.setattr(transport, "_backoff", lambda _: 0.0)
