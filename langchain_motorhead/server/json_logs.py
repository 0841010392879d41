"""The log as lines of JSON, without what was said and without credentials."""

from __future__ import annotations

import logging
import traceback
from datetime import UTC, datetime

import orjson

from langchain_motorhead.exceptions import MotorheadError

_PACKAGE = "langchain_motorhead"
# Of an error, and of what caused it, and so on.
_CAUSES = 4

FIELDS = "motorhead_fields"
"""Attribute of a record that holds further fields."""


class JSONLines(logging.Formatter):
    """Formats a record as one line of JSON. Of an exception, it tells the class and where it was raised: no message."""

    def format(self, record: logging.LogRecord) -> str:
        """Format a record."""
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": _told(record),
            **getattr(record, FIELDS, {}),
        }
        if record.exc_info and record.exc_info[0] is not None:
            line["exception"] = record.exc_info[0].__name__
            line["at"] = [
                f"{frame.name} {frame.filename}:{frame.lineno}"
                for frame in traceback.extract_tb(record.exc_info[2])[-8:]
            ]
        return orjson.dumps(line, default=str).decode()


def _told(record: logging.LogRecord) -> str:
    """Give the message of a record. The library's own name sessions, and repeat what a model or a record said."""
    name, args = record.name, record.args
    ours = name.startswith(f"{_PACKAGE}.") and not name.startswith(f"{_PACKAGE}.server.")
    if not ours or not args or not isinstance(args, tuple):
        return record.getMessage()
    return str(record.msg) % tuple(map(_harmless, args))


def _harmless(argument: object) -> object:
    """Give numbers as they are, of an error what we say of it ourselves or else its classes, and of texts nothing."""
    if isinstance(argument, int | float):
        return argument
    if not isinstance(argument, BaseException):
        return "…"
    cause = argument.__cause__
    if isinstance(argument, MotorheadError) and (cause is None or type(cause).__module__.startswith(_PACKAGE)):
        return str(argument)
    chain: list[str] = []
    error: BaseException | None = argument
    while error is not None and len(chain) < _CAUSES:
        status = getattr(error, "status_code", None)
        chain.append(f"{type(error).__name__} {status}" if isinstance(status, int) else type(error).__name__)
        error = error.__cause__
    return " from ".join(chain)


def set_up(level: str) -> None:
    """Write what the package and the server log to the standard error stream."""
    handler = logging.StreamHandler()
    handler.setFormatter(JSONLines())
    for name in ("langchain_motorhead", "uvicorn"):
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = [handler], False
        logger.setLevel(level.upper())
