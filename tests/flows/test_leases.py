"""A flow that takes a lease releases it, however the flow ends."""

from __future__ import annotations

from typing import Any

import pytest

from langchain_motorhead import StoreUnavailableError
from langchain_motorhead.flows.leases import with_lease
from langchain_motorhead.flows.protocol import Flow, Pause
from langchain_motorhead.storage.operation import Command, Operation, ignore_replies

RELEASE = Operation((Command("DEL", ("lease",)),), ignore_replies)
WAIT = Pause(1)


class Cancelled(BaseException):
    """A cancellation."""


def waiting() -> Flow[str]:
    """Wait once, and return."""
    yield WAIT
    return "done"


def started() -> Flow[Any]:
    """Start a leased flow, up to its first request."""
    flow = with_lease(waiting(), RELEASE)
    assert next(flow) is WAIT
    return flow


def test_a_flow_that_returns_releases_its_lease_itself() -> None:
    """Nothing is yielded beside what the flow yields, and its result is returned."""
    with pytest.raises(StopIteration) as end:
        started().send(None)
    assert end.value.value == "done"


@pytest.mark.parametrize("error", [StoreUnavailableError("down"), RuntimeError("bug"), Cancelled()])
def test_a_flow_that_fails_releases_its_lease(error: BaseException) -> None:
    """After any error, a cancellation among them, the release is yielded once, and then the error is raised."""
    flow = started()
    assert flow.throw(error) is RELEASE
    with pytest.raises(type(error)) as raised:
        flow.send(None)
    assert raised.value is error


def test_a_release_that_fails_hides_no_error() -> None:
    """The error of the flow is raised, and not that of the release."""
    flow, error = started(), RuntimeError("bug")
    assert flow.throw(error) is RELEASE
    with pytest.raises(RuntimeError) as raised:
        flow.throw(StoreUnavailableError("down"))
    assert raised.value is error


def test_a_cancellation_during_the_release_ends_it() -> None:
    """A flow that is cancelled again while it releases its lease yields nothing more."""
    flow = started()
    assert flow.throw(Cancelled("first")) is RELEASE
    with pytest.raises(Cancelled, match="second"):
        flow.throw(Cancelled("second"))


def test_a_flow_that_is_closed_yields_nothing() -> None:
    """A flow that is dropped half-way can ask for nothing, and is closed without an error."""
    started().close()
