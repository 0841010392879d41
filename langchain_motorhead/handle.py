"""What the faces have in common: finding the configuration to work with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from langchain_motorhead.exceptions import InvalidInputError

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from langchain_motorhead.client import Motorhead
    from langchain_motorhead.options import UrlOptions


def motorhead_of(motorhead: Motorhead | None, url: str | None, client: Any, **options: Unpack[UrlOptions]) -> Motorhead:
    """Give the configuration that a face was made with, or make one that shares the process's connection.

    Raises:
        InvalidInputError: Not exactly one of the three was given, or options beside a configuration that has its own.
    """
    from langchain_motorhead.client import Motorhead
    from langchain_motorhead.options import redis_options

    if sum(given is not None for given in (motorhead, url, client)) != 1:
        raise InvalidInputError("give one of motorhead=, url= and client=")
    if motorhead is not None:
        if not isinstance(motorhead, Motorhead):
            raise InvalidInputError(f"motorhead must be a Motorhead, not {type(motorhead).__name__}")
        if options:
            raise InvalidInputError(
                f"{', '.join(options)}: configured on the Motorhead that was given; leave them out here"
            )
        return motorhead
    return Motorhead.from_url(url, **options) if url is not None else Motorhead(client, **redis_options(options))
