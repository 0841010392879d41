"""The versions of a session's summary, for its user. Flows and plain data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from langchain_motorhead.flows.protocol import Flow
from langchain_motorhead.messages.wording import counted
from langchain_motorhead.sessions.archive.transcript import to_datetime
from langchain_motorhead.sessions.checks.keeping import Kept
from langchain_motorhead.sessions.summaries.operations import StoredSummaries, read_summaries
from langchain_motorhead.sessions.summaries.origin import Author
from langchain_motorhead.sessions.summaries.records import StoredVersion, versions_of
from langchain_motorhead.storage.keys import SessionKeys, check_user


@dataclass(frozen=True, slots=True)
class SummaryVersion:
    """A version of a session's summary. It covers every message before sequence number `stop`.

    A version either continues the one before it, and adds what `start` to `stop` say, or is written anew.

    Attributes:
        text: The whole text.
        added: The text that it adds to the version before it; all of it if it was written anew.
        start: Sequence number of the first message that `added` covers; 0 if it was written anew.
        stop: Sequence number after the last message that it covers.
        tokens: Tokens that the summarizer used for `added`.
        model: Name of the model that wrote it, or None.
        author: Who wrote it: `"model"`, `"extract"` or `"client"`, as `Memory.written_by`. None if that is not known.
        time: When it was stored. None if that is not known, as of a summary by an earlier version of this package.
        failed: Answers that were rejected before it, and inputs that were refused, by reason.
        kept: How many numbers, dates and names it keeps. None if that was not measured.
    """

    text: str
    added: str
    start: int
    stop: int
    tokens: int = 0
    model: str | None = None
    author: Author | None = None
    time: datetime | None = None
    failed: Mapping[str, int] = field(default_factory=dict)
    kept: Kept | None = None

    def __repr__(self) -> str:
        author = self.author and self.author.value
        characters = counted(len(self.text), "character")
        return f"{type(self).__name__}(start={self.start}, stop={self.stop}, author={author!r}, {characters})"


def read_versions(keys: SessionKeys) -> Flow[list[SummaryVersion]]:
    """Return the versions of a session's summary that are kept, oldest first. The last one is the summary.

    Raises:
        InvalidInputError: The session belongs to another user.
    """
    stored: StoredSummaries | None = yield read_summaries(keys)
    if stored is None:
        return []
    check_user(keys, stored.user)
    return [_to_version(each) for each in versions_of(stored.records)]


def _to_version(stored: StoredVersion) -> SummaryVersion:
    last = stored.last
    return SummaryVersion(
        text=stored.text,
        added=last.text.strip(),
        start=last.start,
        stop=last.stop,
        tokens=last.tokens,
        model=last.model or None,
        author=last.author,
        time=to_datetime(last.time or None),
        failed=last.rejected,
        kept=last.kept,
    )
