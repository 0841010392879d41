"""Concurrent flows: several flows run at once, and the operations that they yield share one round trip. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from langchain_motorhead.exceptions import MotorheadError, StoreError
from langchain_motorhead.flows.protocol import Flow
from langchain_motorhead.storage.operation import Operation, together


def gather(flows: Sequence[Flow[Any]]) -> Flow[list[Any]]:
    """Run flows concurrently until all have returned.

    If a round trip fails, each of its operations is sent again alone. So an operation must have the same effect when it
    is executed twice.

    Returns:
        The results of the flows, in their order.

    Raises:
        MotorheadError: The first error that a flow raised.
    """
    results: list[Any] = [None] * len(flows)
    waiting: dict[int, Any] = {}

    def advance(at: int, answer: Any, error: MotorheadError | None) -> None:
        try:
            waiting[at] = flows[at].send(answer) if error is None else flows[at].throw(error)
        except StopIteration as end:
            results[at] = end.value

    for at in range(len(flows)):
        advance(at, None, None)
    while waiting:
        requests = dict(waiting)
        waiting.clear()
        answers = yield from _answers(list(requests.values()))
        for at, (answer, error) in zip(requests, answers, strict=True):
            advance(at, answer, error)
    return results


def _answers(requests: Sequence[Any]) -> Flow[list[tuple[Any, MotorheadError | None]]]:
    """Return the result or the error of each request. If all are operations, they are sent in one round trip."""
    if len(requests) > 1 and all(isinstance(request, Operation) for request in requests):
        try:
            answers = yield together(*requests)
            return [(answer, None) for answer in answers]
        except StoreError:
            pass  # one of them failed; sending each alone shows which
    each: list[tuple[Any, MotorheadError | None]] = []
    for request in requests:
        try:
            answer = yield request
        except MotorheadError as error:
            each.append((None, error))
        else:
            each.append((answer, None))
    return each
