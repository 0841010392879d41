"""`SessionReading`: the methods of a session that read its messages by sequence number, from the first one on."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator

from langchain_motorhead.backends.base import Backend, BackendFlow
from langchain_motorhead.sessions.archive.transcript import (
    Gap,
    Transcript,
    TranscriptMessage,
    check_range,
    join_pages,
)
from langchain_motorhead.storage.keys import SessionKeys

# Messages read at a time. Pages of large messages are shorter.
_PAGE_MESSAGES = 500


class SessionReading:
    """Reads all messages of a session: those in its window, and those that were summarized, which its archive keeps.

    A message has its sequence number, counted from 0, for good.
    """

    _backend: Backend
    _keys: SessionKeys

    def transcript(self, start: int = 0, stop: int | None = None) -> Transcript:
        """Return the messages of the session word for word, from sequence number `start` to before `stop`.

        A compaction that goes on meanwhile changes nothing in the result.

        Args:
            start: Sequence number of the first message.
            stop: Sequence number to stop before. None for all messages that there are.

        Returns:
            The messages with their sequence numbers and times. Its `gaps` say which are missing, and why. It is empty
            if there is no session.

        Raises:
            InvalidInputError: The session belongs to another user, or a number is negative.
            SessionReplacedError: The session was deleted meanwhile.
            StoreError: Redis refused, or could not be reached.

        Example:
            ```python
            for each in session.transcript(0, 10):
                print(each.seq, each.time, each.message.text)
            ```
        """
        check_range(start, stop)
        return self._backend.run(join_pages(self._page, start, stop))

    async def atranscript(self, start: int = 0, stop: int | None = None) -> Transcript:
        """Return the messages of the session word for word. See `transcript`."""
        check_range(start, stop)
        return await self._backend.arun(join_pages(self._page, start, stop))

    def iter_transcript(
        self, start: int = 0, stop: int | None = None, *, on_gap: Callable[[Gap], object] | None = None
    ) -> Iterator[TranscriptMessage]:
        """Return an iterator over the messages of the session, which reads them a page at a time.

        The memory that it needs does not depend on the length of the session. It ends with the newest message that
        there was when it began.

        Args:
            start: Sequence number of the first message.
            stop: Sequence number to stop before. None for all messages.
            on_gap: Called with each range of messages that is missing, before the page that it precedes.

        Raises:
            InvalidInputError: As `transcript`.
            SessionReplacedError: As `transcript`. The messages so far belong to the session that was deleted.
            StoreError: As `transcript`.
        """
        check_range(start, stop)
        pages = _Pages(start, stop, on_gap)
        while pages.at is not None:
            yield from pages.after(self._backend.run(self._page(pages.at, pages.stop, pages.epoch)))

    async def aiter_transcript(
        self, start: int = 0, stop: int | None = None, *, on_gap: Callable[[Gap], object] | None = None
    ) -> AsyncIterator[TranscriptMessage]:
        """Return an async iterator over the messages of the session. See `iter_transcript`."""
        check_range(start, stop)
        pages = _Pages(start, stop, on_gap)
        while pages.at is not None:
            for message in pages.after(await self._backend.arun(self._page(pages.at, pages.stop, pages.epoch))):
                yield message

    def _page(self, start: int, stop: int | None, epoch: str | None) -> BackendFlow[Transcript]:
        return self._backend.transcript(self._keys, start, stop, _PAGE_MESSAGES, epoch)


class _Pages:
    """Where an iteration over pages is."""

    def __init__(self, start: int, stop: int | None, on_gap: Callable[[Gap], object] | None) -> None:
        self.at: int | None = start
        self.stop = stop
        self.epoch: str | None = None
        self._on_gap = on_gap

    def after(self, page: Transcript) -> list[TranscriptMessage]:
        """Take note of a page, and return its messages."""
        self.at, self.epoch = page.next, page.epoch
        self.stop = page.total if self.stop is None else self.stop
        if self.at is not None and self.at >= self.stop:
            self.at = None
        if self._on_gap is not None:
            for gap in page.gaps:
                self._on_gap(gap)
        return page.messages
