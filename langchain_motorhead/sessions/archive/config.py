"""`Archive`: how long, and up to which size, the messages that left a session's window are kept word for word."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from langchain_motorhead.exceptions import InvalidInputError

_MAX_AGE_SECONDS = 100 * 366 * 86_400


@dataclass(frozen=True, slots=True)
class Archive:
    """What is kept of the messages that were summarized. By default all of them, as long as their session exists.

    Messages are kept in chunks of up to 128. A limit removes the oldest chunks as a whole, with the next compaction of
    the session. The summary and the search index keep what they have.

    Attributes:
        max_age: Time after which a chunk is removed, counted from its newest message: seconds, or a timedelta. None
            for no limit.
        max_bytes: Bytes of compressed messages that are kept for each session. The newest chunk is kept at any size.
            None for no limit.

    Raises:
        InvalidInputError: A limit is not a number above 0.
    """

    max_age: float | timedelta | None = None
    max_bytes: int | None = None

    def __post_init__(self) -> None:
        age = self.max_age.total_seconds() if isinstance(self.max_age, timedelta) else self.max_age
        if age is not None and (
            isinstance(age, bool) or not isinstance(age, int | float) or not 0 < age <= _MAX_AGE_SECONDS
        ):
            raise InvalidInputError(f"max_age must be a number of seconds above 0, not {self.max_age!r}")
        size = self.max_bytes
        if size is not None and (isinstance(size, bool) or not isinstance(size, int) or size < 1):
            raise InvalidInputError(f"max_bytes must be a whole number above 0, not {size!r}")

    @property
    def max_age_us(self) -> int | None:
        """`max_age` in microseconds, or None."""
        if self.max_age is None:
            return None
        seconds = self.max_age.total_seconds() if isinstance(self.max_age, timedelta) else self.max_age
        return max(1, round(seconds * 1_000_000))
