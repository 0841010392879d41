"""Makes handles for a test, and keeps them in a list."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from langchain_motorhead import Motorhead

MakeMotorhead = Callable[..., Motorhead]


def maker(url: str, namespace: str, made: list[Motorhead]) -> MakeMotorhead:
    """Give what makes handles on the server and the namespace, and keeps them in a list."""

    def make(**options: Any) -> Motorhead:
        motorhead = Motorhead.from_url(url, **{"namespace": namespace, **options})
        made.append(motorhead)
        return motorhead

    return make
