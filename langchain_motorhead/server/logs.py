"""The log as lines of JSON, without what was said and without credentials."""

from __future__ import annotations

import logging
import traceback
from datetime import UTC, datetime

import orjson

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
            "message": record.getMessage(),
            **getattr(record, FIELDS, {}),
        }
        if record.exc_info and record.exc_info[0] is not None:
            line["exception"] = record.exc_info[0].__name__
            line["at"] = [
                f"{frame.name} {frame.filename}:{frame.lineno}"
                for frame in traceback.extract_tb(record.exc_info[2])[-8:]
            ]
        return orjson.dumps(line, default=str).decode()


def set_up(level: str) -> None:
    """Write what the package and the server log to the standard error stream."""
    handler = logging.StreamHandler()
    handler.setFormatter(JSONLines())
    for name in ("langchain_motorhead", "uvicorn"):
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = [handler], False
        logger.setLevel(level.upper())
