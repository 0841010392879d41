"""The request to a model with the prompt of a run, which notices when another middleware takes parts of it away."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from langchain.agents.middleware.types import ModelRequest

from langchain_motorhead.prompts.cache_markers import marker_for_summary
from langchain_motorhead.prompts.layout import Prompt, add_to_system
from langchain_motorhead.prompts.records import with_marker
from langchain_motorhead.sessions.load import Memory

if TYPE_CHECKING:
    from langchain_core.messages import AnyMessage


class _Watched(NamedTuple):
    """What should reach the model, and what to call if it does not."""

    instructions: str
    record_id: str | None
    on_lost: Callable[[], None]


@dataclass(init=False)
class WatchedRequest(ModelRequest[Any]):
    """A `ModelRequest` with a prompt that should reach the model."""

    def override(self, **overrides: Any) -> ModelRequest[Any]:
        """Return a changed request. If it lacks instructions, or the message with the summary, that is reported."""
        changed = super().override(**overrides)
        watched: _Watched | None = getattr(self, "_watched", None)
        if watched is None:
            return changed
        system = "" if changed.system_message is None else str(changed.system_message.text)
        ids = {getattr(message, "id", None) for message in changed.messages}
        if watched.instructions not in system or watched.record_id not in {None, *ids}:
            watched.on_lost()
        else:
            object.__setattr__(changed, "_watched", watched)
        return changed


def shown_request(
    request: ModelRequest[Any], prompt: Prompt, memory: Memory, on_lost: Callable[[], None]
) -> ModelRequest[Any]:
    """Return the request with a prompt.

    Args:
        request: The request so far.
        prompt: The prompt.
        memory: The session.
        on_lost: Called when another middleware takes parts of the prompt away.
    """
    system = add_to_system(request.system_message, prompt.instructions, memory.epoch)
    messages = list(prompt.messages)
    if prompt.record is not None and memory.summary is not None:
        marker = marker_for_summary(system, messages, request.tools, request.model_settings)
        if marker is not None:
            messages[0] = with_marker(prompt.record, memory.summary, marker)
    shown = request.override(system_message=system, messages=cast("list[AnyMessage]", messages))
    copy = WatchedRequest.__new__(WatchedRequest)
    for field in fields(shown):
        object.__setattr__(copy, field.name, getattr(shown, field.name))
    record_id = None if prompt.record is None else prompt.record.id
    object.__setattr__(copy, "_watched", _Watched(prompt.instructions, record_id, on_lost))
    return copy
