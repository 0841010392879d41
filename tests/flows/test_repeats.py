"""What Redis does not answer is repeated a few times, unless it never answered or the flow is cancelled."""

from __future__ import annotations

from typing import Any

import pytest

from langchain_motorhead import StoreUnavailableError
from langchain_motorhead.exceptions import StoreError
from langchain_motorhead.flows.protocol import Flow, Pause, Request
from langchain_motorhead.flows.repeats import PAUSES, repeat_unanswered
from langchain_motorhead.storage.operation import Command, Operation, ignore_replies

FIRST, SECOND, CLEANUP = (Operation((Command(name, ("key",)),), ignore_replies) for name in ("GET", "SET", "DEL"))
LOST = StoreUnavailableError("Redis cannot be reached: Timeout reading from socket")


class Cancelled(BaseException):
    """A cancellation."""


def two() -> Flow[Any]:
    """Execute two operations, and clean up if the second fails. Return the answer to both."""
    first = yield FIRST
    try:
        return first, (yield SECOND)
    except BaseException:
        yield CLEANUP
        raise


def asked(answers: list[Any]) -> tuple[list[Request], Any]:
    """Give what the flow requests while it is given answers, of which errors are thrown in, and its result."""
    flow = repeat_unanswered(two())
    requests = [next(flow)]
    try:
        for answer in answers:
            requests.append(flow.throw(answer) if isinstance(answer, BaseException) else flow.send(answer))
    except StopIteration as end:
        return requests, end.value
    return requests, flow


def test_an_operation_is_repeated_until_it_is_answered() -> None:
    """After each error there is a longer pause, and then the same operation; the flow gets its answer alone."""
    requests, result = asked([1, LOST, None, LOST, None, 2])
    assert requests == [FIRST, SECOND, Pause(PAUSES[0]), SECOND, Pause(PAUSES[1]), SECOND]
    assert result == (1, 2)


def test_the_flow_gets_the_error_in_the_end() -> None:
    """When the last repetition is not answered either, the flow cleans up and the error is raised."""
    requests, flow = asked([1, *[LOST, None] * len(PAUSES), LOST])
    assert requests.count(SECOND) == 1 + len(PAUSES)
    assert requests[-1] is CLEANUP
    with pytest.raises(StoreUnavailableError) as caught:
        flow.send(None)
    assert caught.value is LOST


def test_what_is_not_repeated() -> None:
    """The first operation, a refusal, and whatever a cancelled flow does, even if it is cancelled during a pause."""
    with pytest.raises(StoreUnavailableError):
        asked([LOST])
    requests, flow = asked([1, StoreError("Redis refused: no")])
    assert requests == [FIRST, SECOND, CLEANUP]
    with pytest.raises(StoreError, match="no"):
        flow.send(None)
    requests, flow = asked([1, LOST, Cancelled()])
    assert requests == [FIRST, SECOND, Pause(PAUSES[0]), CLEANUP]
    with pytest.raises(StoreUnavailableError):
        flow.throw(LOST)
    flow = repeat_unanswered(two())
    next(flow)
    flow.close()
