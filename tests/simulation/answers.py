"""What summarizers answer in a simulation: as they should, and badly."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from langchain_motorhead import SummarizationError
from langchain_motorhead.flows.protocol import RefusedInputError, Request, Summarize, Summary, Writer
from langchain_motorhead.sessions.checks.reasons import Reason
from support.summarizers import SEPARATOR

# An answer without a summary in it (cut off, reasoning alone, a refusal in words), inputs that a provider refuses for
# one message or for their length, and a summary that forgets the one before.
_BAD = ("unusable", "refuses", "long", "shrinks")


def bad_answers(request: Request | None) -> Sequence[str]:
    """List what a model that is checked may answer badly to a request."""
    if not isinstance(request, Summarize) or request.writer is not Writer.MODEL:
        return ()
    return _BAD if request.given["summary"] else _BAD[:-1]  # without a summary there is nothing to forget


def answer_to(request: Summarize, fault: str, *, checked: bool) -> Any:
    """Answer a request for a summary, as it should be or as the fault says.

    A good answer keeps everything, so that what a summary covers can be read from it.

    Args:
        request: The request.
        fault: What goes wrong; empty for nothing.
        checked: Whether the model's answers are checked.
    """
    texts = [str(message.content) for message in request.given["messages"]]
    before = request.given["summary"]
    said = SEPARATOR.join([before, *texts] if before else texts)
    trusted = not checked or request.writer is not Writer.MODEL
    match fault:
        case "fails":
            return SummarizationError("no")
        case "refuses" | "long":
            return RefusedInputError("no", too_long=fault == "long")
        case "unusable":
            return Summary("", 1, unusable=f"{Reason.CUT_OFF}: it ended within its reasoning")
        case "shrinks":
            return Summary(texts[-1], 1)
        case "odd":
            return Summary(said, cast(int, 0.5), is_trusted=trusted, is_extract=request.writer is Writer.EXTRACT)
        case "none":
            return Summary("NONE" if trusted else None, 1, is_trusted=trusted)
        case "empty":
            return Summary(" ", 1, is_trusted=trusted)
    return Summary(said, 1, is_trusted=trusted, is_extract=request.writer is Writer.EXTRACT)
