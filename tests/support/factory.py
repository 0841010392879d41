"""Builds `Motorhead` objects for a test, and keeps them, to be closed after it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from langchain_motorhead import Motorhead
from langchain_motorhead.concurrency.deferred import Deferred

MakeMotorhead = Callable[..., Motorhead]


def maker(url: str, namespace: str, made: list[Motorhead]) -> MakeMotorhead:
    """Return a function that opens a `Motorhead` on the server and the namespace, and appends it to a list."""

    def make(**options: Any) -> Motorhead:
        motorhead = Motorhead.from_url(url, **{"namespace": namespace, **options})
        made.append(motorhead)
        return motorhead

    return make


def built(model: Deferred[object] | None) -> Any:
    """Build a model that the settings of a server choose."""
    assert model is not None
    return model.get()
