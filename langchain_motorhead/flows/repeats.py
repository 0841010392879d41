"""Repeats what Redis did not answer, for long flows that would otherwise have to be started again. Pure."""

from __future__ import annotations

import logging
from typing import Any, TypeVar, cast

from langchain_motorhead.exceptions import StoreUnavailableError
from langchain_motorhead.flows.protocol import Flow, Pause
from langchain_motorhead.storage.operation import Operation

T = TypeVar("T")

logger = logging.getLogger(__name__)

PAUSES = (0.5, 1.0, 2.0, 4.0, 8.0)
"""Seconds before each repetition of an operation. Together they are longer than most restarts of Redis take."""


def repeat_unanswered(flow: Flow[T]) -> Flow[T]:
    """Run a flow, and repeat each operation that Redis does not answer.

    An operation without an answer may have been executed. So this is only for flows whose operations may all be
    executed twice. The first operation is not repeated: a server that cannot be reached at all is reported at once.

    Args:
        flow: The flow.

    Returns:
        The result of the flow.

    Raises:
        BaseException: Whatever the flow raised, such as a `StoreUnavailableError` if Redis answers no repetition.
    """
    answer: Any = None
    failed: BaseException | None = None
    reached = cancelled = False
    while True:
        try:
            request = flow.send(answer) if failed is None else flow.throw(failed)
        except StopIteration as end:
            return cast("T", end.value)
        answer, failed = None, None
        try:
            if isinstance(request, Operation) and reached and not cancelled:
                answer = yield from _repeated(request)
            else:
                answer = yield request
            reached = reached or isinstance(request, Operation)
        except GeneratorExit:
            flow.close()
            raise
        except BaseException as error:  # noqa: BLE001 - the flow handles it, or cleans up and raises it
            cancelled = cancelled or not isinstance(error, Exception)  # it only cleans up, and has little time for it
            failed = error


def _repeated(operation: Operation[T]) -> Flow[T]:
    for pause in PAUSES:
        try:
            result: T = yield operation
        except StoreUnavailableError as error:
            logger.warning("the same is tried again in %s s, since Redis did not answer: %s", pause, error)
            yield Pause(pause)
        else:
            return result
    result = yield operation
    return result
