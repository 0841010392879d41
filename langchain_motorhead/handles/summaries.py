"""`SessionSummaries`: the methods of a session that read, replace and rebuild its summary."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, overload

from langchain_motorhead.backends.base import Backend
from langchain_motorhead.sessions.summaries.rebuilding import RebuildReport
from langchain_motorhead.sessions.summaries.versions import SummaryVersion
from langchain_motorhead.storage.keys import SessionKeys


class SessionSummaries:
    """The versions of a session's summary, and what makes one that no compaction wrote."""

    _backend: Backend
    _keys: SessionKeys

    def summaries(self) -> list[SummaryVersion]:
        """Return the latest versions of the summary, oldest first. The last one is in use.

        A bounded number of them is kept. What is beyond it was merged into later ones, or removed.

        Returns:
            The versions. None if nothing was summarized yet.

        Raises:
            InvalidInputError: The session belongs to another user.
            StoreError: Redis refused, or could not be reached.

        Example:
            ```python
            for version in session.summaries():
                print(version.time, version.author, f"messages {version.start} to {version.stop - 1}:", version.added)
            ```
        """
        return self._backend.run(self._backend.summaries(self._keys))

    async def asummaries(self) -> list[SummaryVersion]:
        """Return the latest versions of the summary, oldest first. See `summaries`."""
        return await self._backend.arun(self._backend.summaries(self._keys))

    def set_summary(self, text: str, *, override: bool = False) -> None:
        """Replace the summary by a text of yours. It stands for every message that has left the window.

        Later compactions continue it. The versions before it are kept.

        Args:
            text: The text. An empty one removes the summary.
            override: Whether to store the text without the checks of `check_summary`, which compare it with the
                messages and the summary so far.

        Raises:
            InvalidInputError: There is no such session, it belongs to another user, or the checks found faults, which
                the message lists. The summary is unchanged.
            SummarizationError: The session kept changing meanwhile. The summary is unchanged.
            SessionReplacedError: The session was deleted meanwhile.
            StoreError: Redis refused, or could not be reached.
        """
        self._backend.run(self._backend.set_summary(self._keys, text, override=override))

    async def aset_summary(self, text: str, *, override: bool = False) -> None:
        """Replace the summary by a text of yours. See `set_summary`."""
        await self._backend.arun(self._backend.set_summary(self._keys, text, override=override))

    @overload
    def rebuild_summary(
        self,
        summarizer: object = None,
        *,
        prompt: str | None = None,
        wait: Literal[True] = True,
        on_progress: Callable[[int, int], object] | None = None,
    ) -> RebuildReport: ...
    @overload
    def rebuild_summary(
        self,
        summarizer: object = None,
        *,
        prompt: str | None = None,
        wait: Literal[False],
        on_progress: Callable[[int, int], object] | None = None,
    ) -> None: ...
    def rebuild_summary(
        self,
        summarizer: object = None,
        *,
        prompt: str | None = None,
        wait: bool = True,
        on_progress: Callable[[int, int], object] | None = None,
    ) -> RebuildReport | None:
        """Make the summary again from the messages, as with another model or after a bad answer.

        The old summary stays in use until the new one is complete. Compactions go on meanwhile. If it is interrupted,
        the next call with the same summarizer and prompt goes on where it stopped.

        Args:
            summarizer: A model or summarizer, as the option `llm` takes it. None for the one of the option.
            prompt: Instruction for the model, as `create_summarizer` takes it. None for the usual one.
            wait: Whether to wait for the result. If not, the work is done in the background, where an error is logged,
                and `Motorhead.flush` waits for it. To get its result or error later, call this method with `wait` in a
                thread or task of yours.
            on_progress: Called after each batch with two numbers: the messages that the new summary covers, and those
                that it has to cover.

        Returns:
            What was done, or None without `wait`.

        Raises:
            InvalidInputError: There is no such session or summarizer, or the messages are not kept word for word.
            SummarizationError: The summarizer failed, or the session kept changing. The old summary is in use.
            SessionReplacedError: The session was deleted meanwhile.
            UnsupportedError: A server does the work, and a summarizer or `on_progress` was given.
            StoreError: Messages are missing in the archive, or Redis refused or could not be reached.
        """
        return self._backend.rebuild(self._keys, summarizer, prompt, on_progress).run(wait=wait)

    @overload
    async def arebuild_summary(
        self,
        summarizer: object = None,
        *,
        prompt: str | None = None,
        wait: Literal[True] = True,
        on_progress: Callable[[int, int], object] | None = None,
    ) -> RebuildReport: ...
    @overload
    async def arebuild_summary(
        self,
        summarizer: object = None,
        *,
        prompt: str | None = None,
        wait: Literal[False],
        on_progress: Callable[[int, int], object] | None = None,
    ) -> None: ...
    async def arebuild_summary(
        self,
        summarizer: object = None,
        *,
        prompt: str | None = None,
        wait: bool = True,
        on_progress: Callable[[int, int], object] | None = None,
    ) -> RebuildReport | None:
        """Make the summary again from the messages. See `rebuild_summary`."""
        return await self._backend.rebuild(self._keys, summarizer, prompt, on_progress).arun(wait=wait)
