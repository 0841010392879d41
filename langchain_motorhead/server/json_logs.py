"""Logging as JSON lines, without message contents and without credentials."""

from __future__ import annotations

import logging
import re
import traceback
from datetime import UTC, datetime

import orjson

from langchain_motorhead.exceptions import MotorheadError, StoreUnavailableError
from langchain_motorhead.server.monitoring.tracing import current_trace_id

_PACKAGE = "langchain_motorhead"
# An error, its cause, the cause of that, and so on.
_MAX_CHAIN_ERRORS = 4
# Innermost frames of a traceback that are logged.
_MAX_FRAMES = 8

# The word with which Redis begins an error.
_REDIS_CODE = re.compile(r"[A-Z]{2,20}\b")

AUDIT = "langchain_motorhead.server.audit"
"""Name of the logger of the audit log."""

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
        if "trace_id" not in line and (trace_id := current_trace_id()) is not None:
            line["trace_id"] = trace_id
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
    return describe_error(argument) if isinstance(argument, BaseException) else "…"


def describe_error(error: BaseException) -> str:
    """Return what may be logged of an error: its text if this package wrote it, else the classes of its causes.

    The text of a provider's or of Redis' error may repeat what was sent. Its class, its HTTP status and the code with
    which Redis begins an error, such as MISCONF, cannot.
    """
    cause = error.__cause__
    ours = isinstance(error, MotorheadError) and (cause is None or type(cause).__module__.startswith(_PACKAGE))
    # It says which address did not answer, and why.
    if ours or isinstance(error, StoreUnavailableError):
        return str(error)
    chain: list[str] = []
    each: BaseException | None = error
    while each is not None and len(chain) < _MAX_CHAIN_ERRORS:
        status = getattr(each, "status_code", None)
        code = _REDIS_CODE.match(str(each)) if type(each).__module__.startswith("redis.") else None
        detail = status if isinstance(status, int) else code[0] if code else ""
        chain.append(f"{type(each).__name__} {detail}".strip())
        each = each.__cause__
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
    logging.getLogger(AUDIT).setLevel(logging.INFO)  # at any level
