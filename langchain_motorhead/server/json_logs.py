"""Logging as JSON lines, without message contents and without credentials."""

from __future__ import annotations

import asyncio
import logging
import re
import sys
import time
import traceback
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import orjson

from langchain_motorhead.exceptions import MotorheadError, StoreUnavailableError
from langchain_motorhead.server.monitoring.tracing import current_trace_id

_PACKAGE = "langchain_motorhead"
# Loggers whose messages are shown as they are, since operators need what they name.
_OPERATORS = (f"{_PACKAGE}.server.", f"{_PACKAGE}.cli.serve")
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
            "time": _shown_time(record.created),
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


class LineHandler(logging.StreamHandler[Any]):
    """Writes lines to the standard error stream: those of records at once, those of requests together.

    Making a record for each request and writing its line alone took more CPU than reading a session. The lines of the
    requests that are answered in one iteration of an event loop are written at its end, or before the next record.
    """

    def __init__(self) -> None:
        super().__init__(sys.stderr)
        self._waiting: list[bytes] = []

    def write(self, line: bytes) -> None:
        """Write a line at the end of the current iteration of the running event loop."""
        self.acquire()
        self._waiting.append(line)
        is_first = len(self._waiting) == 1
        self.release()
        if is_first:
            asyncio.get_running_loop().call_soon(self.flush)

    def emit(self, record: logging.LogRecord) -> None:
        """Write the line of a record."""
        self.flush()
        super().emit(record)

    def flush(self) -> None:
        """Write what waits. If the stream cannot be written to, requests go on without their lines."""
        self.acquire()
        try:
            self._write_waiting()
            super().flush()
        except (OSError, ValueError):  # full, or closed
            pass
        finally:
            self.release()

    def _write_waiting(self) -> None:
        lines, self._waiting = self._waiting, []
        if lines:
            self.stream.write(b"".join(lines).decode())


def log_request(logger: logging.Logger, level: int, fields: Mapping[str, Any]) -> None:
    """Log the line of a request that was answered.

    Args:
        logger: Whose line it is. It logs this level.
        level: Level of the line.
        fields: Fields of the line. One is the id of the trace, if there is one.
    """
    handler = _only_handler(logger)
    if handler is None:  # whoever set up logging otherwise gets a record
        extra = {FIELDS: fields}
        # Not `logger.log`, which walks the stack to find its caller.
        logger.handle(logger.makeRecord(logger.name, level, __file__, 0, "request", (), None, extra=extra))
    else:
        handler.write(_request_line(logger.name, level, fields))


def _only_handler(logger: logging.Logger) -> LineHandler | None:
    """Return the handler that writes the lines of a logger, if it is the one of this module and sees every record."""
    each: logging.Logger | None = logger
    while each is not None and not each.handlers and not each.filters and each.propagate:
        each = each.parent
    if each is None or len(each.handlers) != 1 or each.propagate or (each is logger and each.filters):
        return None
    handler = each.handlers[0]
    return handler if type(handler) is LineHandler and not handler.filters and not handler.level else None


def _request_line(name: str, level: int, fields: Mapping[str, Any]) -> bytes:
    line = {
        "time": _shown_time(time.time()),
        "level": logging.getLevelName(level).lower(),
        "logger": name,
        "message": "request",
        **fields,
    }
    return orjson.dumps(line, default=str, option=orjson.OPT_APPEND_NEWLINE)


def _shown_time(seconds: float) -> str:
    """Return a time as ISO 8601 with milliseconds, in UTC."""
    whole = int(seconds)
    return f"{_shown_second(whole)}.{int((seconds - whole) * 1000):03}+00:00"


@lru_cache(maxsize=2)
def _shown_second(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def _safe_message(record: logging.LogRecord) -> str:
    """Return the message of a record. Arguments of this package's messages may hold ids and contents: hide those."""
    name, args = record.name, record.args
    ours = name.startswith(f"{_PACKAGE}.") and not name.startswith(_OPERATORS)
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
    handler = LineHandler()
    handler.setFormatter(JSONLines())
    for name in ("langchain_motorhead", "uvicorn"):
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = [handler], False
        logger.setLevel(level.upper())
    logging.getLogger(AUDIT).setLevel(logging.INFO)  # at any level
