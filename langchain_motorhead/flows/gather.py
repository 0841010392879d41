"""Running flows side by side: the operations that several ask for at a time are sent in one round trip. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from langchain_motorhead.exceptions import MotorheadError, StoreError
from langchain_motorhead.flows.protocol import Flow
from langchain_motorhead.storage.operation import Operation, together


def gather(flows: Sequence[Flow[Any]]) -> Flow[list[Any]]:
    """Run flows to their ends. What they ask for must do no harm if it is done twice.

    Returns:
        What each came to.

    Raises:
        MotorheadError: What one of them raised, or let pass.
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
        asked = dict(waiting)
        waiting.clear()
        answers = yield from _answers(list(asked.values()))
        for at, (answer, error) in zip(asked, answers, strict=True):
            advance(at, answer, error)
    return results


def _answers(requests: Sequence[Any]) -> Flow[list[tuple[Any, MotorheadError | None]]]:
    if len(requests) > 1 and all(isinstance(request, Operation) for request in requests):
        try:
            answers = yield together(*requests)
            return [(answer, None) for answer in answers]
        except StoreError:
            pass  # one of them failed: which, shows when each is sent alone
    each: list[tuple[Any, MotorheadError | None]] = []
    for request in requests:
        try:
            answer = yield request
        except MotorheadError as error:
            each.append((None, error))
        else:
            each.append((answer, None))
    return each
