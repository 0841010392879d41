"""Isolation from the caller's context: what a call of a model, or a job, may know of the run that caused it."""

from __future__ import annotations

import sys
from contextvars import Context


def isolated() -> Context:
    """Return an empty context, in which nothing of the present one is set but its span of OpenTelemetry, if any.

    So no callback and no stream of the user's run reaches what runs in it, and yet its spans have the right parent.
    """
    context = Context()
    tracing = sys.modules.get("opentelemetry.context")
    if tracing is not None:
        context.run(tracing.attach, tracing.get_current())
    return context
