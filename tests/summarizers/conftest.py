"""Calls a summarizer, sync or async."""

from collections.abc import Sequence
from typing import Any

import pytest
from langchain_core.messages import BaseMessage
from langchain_core.runnables import Runnable

from langchain_motorhead.flows.protocol import SummaryInput
from support.scripted_models import Fold


@pytest.fixture(params=["sync", "async"])
def fold(request: pytest.FixtureRequest) -> Fold:
    """Calls a summarizer, one way or the other."""

    async def fold(
        summarizer: Runnable[SummaryInput, Any],
        messages: Sequence[BaseMessage],
        summary: str | None = None,
        config: Any = None,
        **kwargs: Any,
    ) -> Any:
        given = SummaryInput(summary=summary, messages=messages)
        if request.param == "sync":
            return summarizer.invoke(given, config, **kwargs)
        return await summarizer.ainvoke(given, config, **kwargs)

    return fold
