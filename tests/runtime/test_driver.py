"""The driver throws what ends a task into its flow, and lets the flow clean up."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest

from langchain_motorhead.flows.leases import with_lease
from langchain_motorhead.flows.protocol import Flow
from langchain_motorhead.runtime import driver as driver_module
from langchain_motorhead.runtime.driver import Driver
from langchain_motorhead.storage.operation import Command, Operation, ignore_replies


def operation(name: str) -> Operation[None]:
    """Make an operation of one command."""
    return Operation((Command(name, ("key",)),), ignore_replies)


WORK, RELEASE = operation("WORK"), operation("RELEASE")


class Hanging:
    """An executor on which some commands never end, or are interrupted."""

    def __init__(self, *hanging: str) -> None:
        self.hanging = hanging
        self.sent: list[str] = []
        self.begun = asyncio.Event()

    def run(self, request: Operation[Any]) -> None:
        """Execute an operation."""
        name = str(request.commands[0].name)
        self.sent.append(name)
        if name in self.hanging:
            raise KeyboardInterrupt

    async def arun(self, request: Operation[Any]) -> None:
        """Execute an operation."""
        name = str(request.commands[0].name)
        self.sent.append(name)
        self.begun.set()
        if name in self.hanging:
            await asyncio.Event().wait()


def leased() -> Flow[None]:
    """Work under a lease."""

    def work() -> Flow[None]:
        yield WORK

    return with_lease(work(), RELEASE)


def driver_on(executor: Hanging) -> Driver:
    """Make a driver that has no models."""
    return Driver(cast("Any", executor), cast("Any", None))


def test_an_interrupt_releases_the_lease() -> None:
    """A KeyboardInterrupt in an operation is raised after the flow has released its lease."""
    executor = Hanging("WORK")
    with pytest.raises(KeyboardInterrupt):
        driver_on(executor).run(leased())
    assert executor.sent == ["WORK", "RELEASE"]


async def test_a_cancelled_task_releases_its_lease() -> None:
    """A task that is cancelled in an operation ends as cancelled, after the flow has released its lease."""
    executor = Hanging("WORK")
    task = asyncio.ensure_future(driver_on(executor).arun(leased()))
    await executor.begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert executor.sent == ["WORK", "RELEASE"]


async def test_a_cancelled_task_does_not_wait_for_its_release_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where Redis does not answer, the release is given up, and the task still ends as cancelled."""
    monkeypatch.setattr(driver_module, "_CLEANUP_SECONDS", 0.01)
    executor = Hanging("WORK", "RELEASE")
    task = asyncio.ensure_future(driver_on(executor).arun(leased()))
    await executor.begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert executor.sent == ["WORK", "RELEASE"]


async def test_a_dropped_task_sends_nothing() -> None:
    """A coroutine that is closed, as with its loop, closes its flow without a further command."""
    executor = Hanging("WORK")
    coroutine = driver_on(executor).arun(leased())
    coroutine.send(None)
    coroutine.close()
    assert executor.sent == ["WORK"]
