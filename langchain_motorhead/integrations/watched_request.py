"""A request to a model that notices when another middleware replaces the system message that memory was added to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any

from langchain.agents.middleware.types import ModelRequest


@dataclass(init=False)
class WatchedRequest(ModelRequest[Any]):
    """A `ModelRequest` whose system message has a text that should reach the model."""

    def override(self, **overrides: Any) -> ModelRequest[Any]:
        """Return a changed request. If its system message lacks the text, that is reported."""
        changed = super().override(**overrides)
        text, on_lost = getattr(self, "_watched", ("", None))
        system = changed.system_message
        if on_lost is not None and (system is None or text not in str(system.text)):
            on_lost()
            return changed
        object.__setattr__(changed, "_watched", (text, on_lost))
        return changed


def watched(request: ModelRequest[Any], text: str, on_lost: Callable[[], None]) -> ModelRequest[Any]:
    """Return the request as one that calls `on_lost` when its system message is replaced by one without `text`."""
    copy = WatchedRequest.__new__(WatchedRequest)
    for field in fields(request):
        object.__setattr__(copy, field.name, getattr(request, field.name))
    object.__setattr__(copy, "_watched", (text, on_lost))
    return copy
