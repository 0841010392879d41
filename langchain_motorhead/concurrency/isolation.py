"""Isolation from the caller's context: model calls and jobs only see the span of the run that caused them."""

from __future__ import annotations

import sys
from contextvars import Context


def isolated() -> Context:
    """Return an empty context. It only has the present OpenTelemetry span, if there is one.

    So callbacks and streams of the user's run do not see the code that runs in it, but its spans have the right parent.
    """
    context = Context()
    tracing = sys.modules.get("opentelemetry.context")
    if tracing is not None:
        context.run(tracing.attach, tracing.get_current())
    return context
