"""Lease cleanup for flows. A lease is a key with a time to live that names the one worker of a session.

Without cleanup, the lease of a worker that failed keeps others away until it expires. Pure.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any, TypeVar

from langchain_motorhead.exceptions import MotorheadError
from langchain_motorhead.flows.protocol import Flow
from langchain_motorhead.storage.operation import Operation

T = TypeVar("T")


def with_lease(flow: Flow[T], release: Operation[Any]) -> Flow[T]:
    """Run a flow that takes a lease, and release the lease if the flow fails or is cancelled.

    A flow that returns has released its lease itself. A flow that is closed cannot yield any more: its lease expires.

    Args:
        flow: Flow that takes the lease.
        release: Operation that releases the lease if this flow still holds it, and otherwise does nothing.

    Returns:
        The result of the flow.

    Raises:
        BaseException: Whatever the flow raised. An error of `release` is ignored.
    """
    try:
        return (yield from flow)
    except GeneratorExit:
        raise
    except BaseException:
        with suppress(MotorheadError):
            yield release
        raise
