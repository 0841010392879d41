"""What learners answer in a simulation: as they should, and badly."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from langchain_motorhead import LearningError
from langchain_motorhead.flows.protocol import Learn, Learned, RefusedLearningError, Request, Writer
from simulation.fact_invariants import GONE, HOME, LIE


def bad_operations(request: Request | None) -> Sequence[str]:
    """List what a learner may answer badly to a request."""
    return ("fails", "garbled", "lies", "refuses") if isinstance(request, Learn) and _is_model(request) else ()


def learned_of(request: Learn, fault: str) -> Any:
    """Answer a request to learn: one fact for each message, in its own words. A new home supersedes the one before.

    Args:
        request: The request.
        fault: What goes wrong; empty for nothing.
    """
    match fault:
        case "fails":
            return LearningError("no")
        case "refuses":
            return RefusedLearningError("no")
        case "garbled":
            return Learned((), 1, unusable="empty: it is no JSON")
        case "lies":
            return Learned(_lies(request), 1)
    homes = [fact["n"] for fact in request.given["facts"] if fact["attribute"] == HOME]
    found = list[dict[str, Any]]()
    for message in request.given["messages"]:
        text, attribute = message["text"], HOME if message["text"].startswith(HOME) else message["text"]
        if text.startswith(GONE):
            continue
        operation = {"op": "add", "text": text, "subject": "user", "attribute": attribute}
        if attribute == HOME:
            if homes:
                operation |= {"op": "supersede", "fact": homes[-1]}
            homes.append(len(request.given["facts"]) + len(found))
        found.append({**operation, "sources": [{"seq": message["seq"], "quote": text}]})
    return Learned(found, 1)


def _is_model(request: Learn) -> bool:
    return request.writer is Writer.MODEL and not request.given.get("rejected")


def _lies(request: Learn) -> list[dict[str, Any]]:
    seq, said = (request.given["messages"][0][name] for name in ("seq", "text"))
    lie = {"op": "add", "text": LIE, "subject": "user", "attribute": LIE}
    return [
        {**lie, "sources": [{"seq": seq, "quote": "what nobody said"}]},
        {**lie, "sources": [{"seq": 99, "quote": said}]},
        {
            **lie,
            "op": "supersede",
            "fact": 99,
            "sources": [{"seq": seq, "quote": said}],
        },
    ]
