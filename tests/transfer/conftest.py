"""Two handles, to move sessions from one to the other."""

from __future__ import annotations

import pytest

from langchain_motorhead import Motorhead
from support.factory import MakeMotorhead
from support.summarizers import Ledger


@pytest.fixture
def pair(make: MakeMotorhead, namespace: str) -> tuple[Motorhead, Motorhead]:
    """Two namespaces on one server."""
    made = [make(namespace=f"{namespace} {name}", compaction="manual", llm=Ledger()) for name in ("from", "to")]
    return made[0], made[1]
