"""Logging as JSON lines, without message contents and without credentials."""

from __future__ import annotations

import logging
import traceback
from datetime import UTC, datetime

import orjson

from langchain_motorhead.exceptions import MotorheadError

_PACKAGE = "langchain_motorhead"
# An error, its cause, the cause of that, and so on.
_MAX_CHAIN_ERRORS = 4
# Innermost frames of a traceback that are logged.
_MAX_FRAMES = 8

FIELDS = "motorhead_fields"
"""Attribute of a log record that holds further fields of the line."""


class JSONLines(logging.Formatter):
    """Formats a record as one line of JSON. An exception is logged by its class and place; its message is left out."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line of a record."""
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": _safe_message(record),
            **getattr(record, FIELDS, {}),
        }
        if record.exc_info and record.exc_info[0] is not None:
            line["exception"] = record.exc_info[0].__name__
            line["at"] = [
                f"{frame.name} {frame.filename}:{frame.lineno}"
                for frame in traceback.extract_tb(record.exc_info[2])[-_MAX_FRAMES:]
            ]
        return orjson.dumps(line, default=str).decode()


def _safe_message(record: logging.LogRecord) -> str:
    """Return the message of a record. Arguments of this package's messages may hold ids and contents: hide those."""
    name, args = record.name, record.args
    ours = name.startswith(f"{_PACKAGE}.") and not name.startswith(f"{_PACKAGE}.server.")
    if not ours or not args or not isinstance(args, tuple):
        return record.getMessage()
    return str(record.msg) % tuple(map(_safe_argument, args))


def _safe_argument(argument: object) -> object:
    """Return what may be logged of an argument: a number, an error text of this package, or error classes; else `…`."""
    if isinstance(argument, int | float):
        return argument
    if not isinstance(argument, BaseException):
        return "…"
    cause = argument.__cause__
    if isinstance(argument, MotorheadError) and (cause is None or type(cause).__module__.startswith(_PACKAGE)):
        return str(argument)
    chain: list[str] = []
    error: BaseException | None = argument
    while error is not None and len(chain) < _MAX_CHAIN_ERRORS:
        status = getattr(error, "status_code", None)
        chain.append(f"{type(error).__name__} {status}" if isinstance(status, int) else type(error).__name__)
        error = error.__cause__
    return " from ".join(chain)


def set_up(level: str) -> None:
    """Send the logs of this package and of uvicorn to the standard error stream, as JSON lines.

    Args:
        level: Lowest level to log, such as `info`.
    """
    handler = logging.StreamHandler()
    handler.setFormatter(JSONLines())
    for name in ("langchain_motorhead", "uvicorn"):
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = [handler], False
        logger.setLevel(level.upper())
