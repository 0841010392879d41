"""The tasks of a `RedisBackend` that change what is stored: messages that are forgotten or edited, and summaries."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from langchain_core.messages import BaseMessage

from langchain_motorhead.flows.protocol import Flow
from langchain_motorhead.runtime import watched
from langchain_motorhead.runtime.watched import Watched
from langchain_motorhead.sessions.append import AppendConfig, MessageLike
from langchain_motorhead.sessions.changes import forgetting
from langchain_motorhead.sessions.changes.altered import find_altered
from langchain_motorhead.sessions.changes.edits import changed_to
from langchain_motorhead.sessions.changes.forgetting import Receipt
from langchain_motorhead.sessions.operations import AppendResult
from langchain_motorhead.sessions.summaries.setting import set_summary
from langchain_motorhead.sessions.summaries.versions import SummaryVersion, read_versions
from langchain_motorhead.storage.keys import SessionKeys

if TYPE_CHECKING:
    from langchain_motorhead.runtime.maintenance import Maintenance
    from langchain_motorhead.runtime.rebuilds import Progress, Rebuild

T = TypeVar("T")

_CHANGED = AppendResult(length=1, size=None, added=0, tokens=None, has_gap=True)
"""Makes due what an append to a session does whose summary has a gap."""


class RedisChanges:
    """Forgets and edits messages, and replaces summaries, on Redis itself."""

    maintenance: Maintenance
    append_config: AppendConfig

    def check_open(self) -> None:
        """Raise `ClosedError` if the backend was closed."""
        raise NotImplementedError

    def _watched(self, what: Watched, keys: SessionKeys | None, flow: Flow[T], given: Sequence[Any] = ()) -> Flow[T]:
        """Return a flow that is traced."""
        raise NotImplementedError

    def forget(self, keys: SessionKeys, which: Sequence[str | int]) -> Flow[Receipt]:
        """Forget messages. See `Backend.forget`."""
        from langchain_motorhead.facts.erasure import after_forgetting

        flow = after_forgetting(keys, forgetting.forget(keys, which, self.append_config))
        return self._watched(watched.FORGET, keys, flow)

    def edit(
        self, keys: SessionKeys, which: str | int, message: MessageLike, state: BaseMessage | None = None
    ) -> Flow[Receipt]:
        """Replace a message by another one. See `Backend.edit`."""
        from langchain_motorhead.facts.erasure import after_editing

        learning = self.maintenance.learning
        flow = forgetting.edit(keys, which, changed_to(message), self.append_config, state)
        flow = after_editing(keys, flow, None if learning is None else learning.note_edit)
        return self._watched(watched.EDIT, keys, flow, [message])

    altered = staticmethod(find_altered)

    def summaries(self, keys: SessionKeys) -> Flow[list[SummaryVersion]]:
        """Return the versions of a session's summary. See `sessions.summaries.versions.read_versions`."""
        return read_versions(keys)

    def set_summary(self, keys: SessionKeys, text: str, *, override: bool) -> Flow[None]:
        """Put a text in the place of a session's summary. See `sessions.summaries.setting.set_summary`."""
        return self._watched(watched.SET_SUMMARY, keys, set_summary(keys, text, override=override))

    def rebuild(
        self, keys: SessionKeys, summarizer: object, prompt: str | None, on_progress: Progress | None
    ) -> Rebuild:
        """Return the task of making a session's summary again. See `Backend.rebuild`."""
        from langchain_motorhead.runtime.rebuilds import Rebuild  # it imports what calls models

        self.check_open()
        return Rebuild(self.maintenance, keys, summarizer, prompt, on_progress)

    def after_change(self, keys: SessionKeys) -> None:
        """Summarize and index what a change of stored messages made due, now or in the background."""
        self.maintenance.after_append(keys, _CHANGED)

    async def aafter_change(self, keys: SessionKeys) -> None:
        """Summarize and index what a change of stored messages made due, now or in the background."""
        await self.maintenance.aafter_append(keys, _CHANGED)
