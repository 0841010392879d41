"""Where the middleware stands, and a checkpointer."""

from __future__ import annotations

from typing import Any

import pytest
from langgraph.checkpoint.memory import InMemorySaver


@pytest.fixture(params=[None, InMemorySaver], ids=["no checkpointer", "checkpointer"])
def checkpointer(request: pytest.FixtureRequest) -> Any:
    """None, or a checkpointer in memory."""
    return request.param() if request.param else None
