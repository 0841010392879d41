"""The log of compactions, and what their answers were worth."""

from __future__ import annotations

import logging
import time

from langchain_motorhead.flows.protocol import Flow
from langchain_motorhead.runtime.summary_statistics import SummaryStatistics
from langchain_motorhead.runtime.telemetry import Telemetry
from langchain_motorhead.sessions.compaction.report import CompactionReport
from langchain_motorhead.storage.keys import SessionKeys

logger = logging.getLogger(__name__)


def noted(
    keys: SessionKeys, flow: Flow[CompactionReport], statistics: SummaryStatistics, telemetry: Telemetry
) -> Flow[CompactionReport]:
    """Run a compaction, log what it did, and add its answers to the statistics."""
    started = time.monotonic()
    report = yield from flow
    statistics.record(report)
    if report.error is None and not report.is_paused:
        telemetry.settled("summaries", keys.state, started)
    if report.summarized:
        logger.info(
            "session %r: moved %d messages into the summary, in %d batches, for %d tokens, in %.2f s",
            keys.session_id, report.summarized, report.batches, report.tokens, time.monotonic() - started,
        )  # fmt: skip
    return report
