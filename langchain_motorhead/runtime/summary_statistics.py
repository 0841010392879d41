"""Statistics of summaries: what the answers of a model were worth, and what its refusals have taught. No I/O."""

from __future__ import annotations

import logging
import threading
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace

from langchain_motorhead.sessions.compaction.flow import Compactor
from langchain_motorhead.sessions.compaction.report import CompactionReport

logger = logging.getLogger(__name__)

ACCEPTED, EXTRACTS = "accepted", "extracts"
# Rejected answers in a row after which a model is called unsuited, and asked once only for each batch.
_UNSUITED_AFTER = 5


class SummaryStatistics:
    """Counts the answers of one `Motorhead`'s summarizer since its start, and remembers what they have taught.

    That is how long its inputs may be, and whether it is worth asking again after an answer that was rejected.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: Counter[str] = Counter()
        self._in_a_row = 0
        self._budget: int | None = None
        self.tokens = 0
        """Tokens that the summarizer used."""

    @property
    def counts(self) -> Mapping[str, int]:
        """How many answers were `accepted`, how many were rejected by reason, and how many `extracts` were used."""
        with self._lock:
            return dict(self._counts)

    def record(self, report: CompactionReport) -> None:
        """Add what a compaction found out. Logs a warning when the model turns out to be unsuited."""
        account = report.account
        with self._lock:
            self.tokens += report.tokens
            self._counts.update(account.rejected)
            self._counts.update({ACCEPTED: account.accepted, EXTRACTS: account.extracts})
            before = self._in_a_row
            self._in_a_row = account.in_a_row + (0 if account.accepted else before)
            if account.budget is not None:
                self._budget = min(account.budget, self._budget or account.budget)
        if before < _UNSUITED_AFTER <= self._in_a_row:
            logger.warning(
                "the last %d answers of the summarizing model were no summaries: it is not suited to summarizing. "
                "Extracts of the messages are used instead. The model is tried once for each batch of messages",
                self._in_a_row,
            )

    def apply(self, compactor: Compactor) -> Compactor:
        """Return a compactor that makes shorter requests after refusals, and fewer after many rejected answers."""
        given = compactor.writing
        budget, corrects = min(given.budget, self._budget or given.budget), self._in_a_row < _UNSUITED_AFTER
        if (budget, corrects) == (given.budget, given.corrects):
            return compactor
        return replace(compactor, writing=replace(given, budget=budget, corrects=corrects))
