"""`CompactionReport`: what a compaction did."""

from __future__ import annotations

from dataclasses import dataclass, field

from langchain_motorhead.exceptions import SummarizationError
from langchain_motorhead.sessions.compaction.writing import Account


@dataclass(slots=True)
class CompactionReport:
    """The result of a compaction.

    Attributes:
        summarized: Number of messages that were moved into the summary.
        covered: Number of messages of the archive that were summarized again, because the summary did not cover them.
        batches: Number of commits.
        tokens: Tokens that the summarizer used.
        error: Error of the summarizer that ended the compaction, or None.
        extracts: How many times an extract was used, because the model's answer was rejected or its input refused.
        rejected: How many answers of the model were rejected, by reason, and how many of its inputs were refused.
        archived: Bytes by which the archive grew.
        is_paused: Whether nothing was tried, because a summarization of the session failed a short time ago.
    """

    summarized: int = 0
    batches: int = 0
    tokens: int = 0
    error: SummarizationError | None = None
    extracts: int = 0
    rejected: dict[str, int] = field(default_factory=dict)
    covered: int = 0
    archived: int = field(default=0, compare=False)
    is_paused: bool = field(default=False, compare=False)
    account: Account = field(default_factory=Account, repr=False, compare=False)
