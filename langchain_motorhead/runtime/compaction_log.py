"""The log of compactions."""

from __future__ import annotations

import logging
import time

from langchain_motorhead.sessions.compaction.report import CompactionReport
from langchain_motorhead.storage.keys import SessionKeys

logger = logging.getLogger(__name__)


def logged(keys: SessionKeys, started: float, report: CompactionReport) -> CompactionReport:
    """Log what a compaction did that began at `started` of the monotonic clock. Returns its report."""
    if report.summarized:
        logger.info(
            "session %r: moved %d messages into the summary, in %d batches, for %d tokens, in %.2f s",
            keys.session_id, report.summarized, report.batches, report.tokens, time.monotonic() - started,
        )  # fmt: skip
    return report
