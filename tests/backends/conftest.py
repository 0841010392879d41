"""Retries without pauses."""

from __future__ import annotations

import pytest

from langchain_motorhead.backends.http import transport


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "_backoff", lambda _: 0.0)
