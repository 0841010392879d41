"""What spans cost an append and a load: without tracing, with runs that are not sampled, and with runs that are.

    python benchmarks/tracing.py [--rounds 2000] [--json FILE]

The four take turns in one process and on one server, so that only the ratio of their medians counts:

- `absent`: OpenTelemetry is not imported.
- `off`: it is imported, as other packages do it, and no tracing is set up.
- `not sampled`: tracing is set up, and the run is one of those that its sampler leaves out.
- `sampled`: each operation makes a span, which is queued for an exporter that throws it away.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from contextvars import Context, copy_context
from pathlib import Path
from typing import Any

from measuring import TURN, Work, ratios, server, take_turns, tell, write
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.trace import NonRecordingSpan, SpanContext

from langchain_motorhead import Motorhead, Window

VARIANTS = ("absent", "off", "not sampled", "sampled")
_API = sys.modules["opentelemetry.trace"]


class Nowhere(SpanExporter):
    """Throws spans away."""

    def export(self, spans: Any) -> SpanExportResult:
        """Say that they were exported."""
        return SpanExportResult.SUCCESS


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--url", help="an empty Redis, emptied at the end; by default one of its own")
    parser.add_argument("--rounds", type=int, default=2_000)
    parser.add_argument("--json", type=Path, metavar="FILE", help="where to write the figures to")
    options = parser.parse_args()
    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(Nowhere()))
    no_run = copy_context()
    with trace.use_span(NonRecordingSpan(SpanContext(trace_id=1, span_id=1, is_remote=False))):
        left_out = copy_context()
    figures: dict[str, dict[str, float]] = {}
    with server(options.url) as url, Motorhead.from_url(url, compaction="manual", window=Window(12)) as motorhead:
        session = motorhead.session("s")
        session.append(TURN * 6)
        for what, work in (("load", session.load), ("append", lambda: session.append(TURN))):
            works: dict[str, Work] = {
                "absent": _with(work, None, no_run, api=False),
                "off": _with(work, None, no_run),
                "not sampled": _with(work, provider, left_out),
                "sampled": _with(work, provider, no_run),
            }
            figures[what] = ratios(take_turns(works, options.rounds, 60.0), "absent")
    provider.shutdown()
    tell("Time, as a multiple of that without OpenTelemetry", VARIANTS, figures)
    write(options.json, {"tracing": figures})


def _with(work: Callable[[], object], provider: TracerProvider | None, run: Context, *, api: bool = True) -> Work:
    """Return a work as it is in a process with this tracing, and in this run."""

    def switched() -> None:
        trace._TRACER_PROVIDER = provider
        if api:
            sys.modules["opentelemetry.trace"] = _API
        else:
            sys.modules.pop("opentelemetry.trace", None)
        run.run(work)

    return switched


if __name__ == "__main__":
    main()
