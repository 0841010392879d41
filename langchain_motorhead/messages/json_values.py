"""Tagged JSON: Python values that JSON cannot express, stored as JSON objects that name their type.

`{"$type": "float", "value": "nan"}` is read back as a NaN. Tags come from the fixed table in this module, so reading
never imports or runs anything. This module knows nothing of messages.
"""

from __future__ import annotations

import base64
import dataclasses
import math
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from enum import Enum
from typing import Any

from langchain_core.documents import Document

from langchain_motorhead.exceptions import InvalidMessageError

_TAG = "$type"
# The range of integers that orjson writes.
_MIN_INT, _MAX_INT = -(2**63), 2**64 - 1
# Python converts no larger integers to or from decimal text: 4,300 digits.
_MAX_INT_BITS = 14_280
# Half of what the parsers and pydantic accept, which leaves room for the caller's own stack.
_MAX_DEPTH = 100


def to_plain(value: Any, where: str, depth: int = 0) -> Any:
    """Return a value as JSON can hold it, with a tag wherever JSON has no such type.

    Strings, numbers, bytes, lists, dicts with keys of any type, and LangChain documents are read back unchanged.
    Tuples, sets, dates, UUIDs, enums, dataclasses and pydantic models become plain data, as pydantic writes them.

    Args:
        value: Any value.
        where: Name of the field that holds it, for the error message.
        depth: Levels of nesting above the value.

    Raises:
        InvalidMessageError: The value holds something that is not data, or is nested too deeply to be read back.
    """
    kind = type(value)
    if kind is str or value is None or kind is bool:
        return value
    if kind is int:
        return value if _MIN_INT <= value <= _MAX_INT else _large(value, where)
    if kind is float:
        return value if math.isfinite(value) else {_TAG: "float", "value": str(value)}
    if depth > _MAX_DEPTH:
        raise InvalidMessageError(f"{where} is nested deeper than {_MAX_DEPTH} levels. Flatten it, or store it as text")
    depth += 1
    if kind is list or kind is tuple:
        return [to_plain(item, where, depth) for item in value]
    if kind is dict:
        if _TAG not in value and all(type(key) is str for key in value):
            return {key: to_plain(item, where, depth) for key, item in value.items()}
        pairs = [[to_plain(key, where, depth), to_plain(item, where, depth)] for key, item in value.items()]
        return {_TAG: "map", "value": pairs}
    if isinstance(value, bytes | bytearray | memoryview):
        return {_TAG: "bytes", "value": base64.b64encode(value).decode("ascii")}
    if isinstance(value, Document):
        fields = {"page_content": value.page_content, "metadata": value.metadata, "id": value.id}
        return {_TAG: "document", "value": to_plain(fields, where, depth)}
    return to_plain(_by_pydantic(value, where), where, depth)


def _large(value: int, where: str) -> dict[str, str]:
    if value.bit_length() > _MAX_INT_BITS:
        raise InvalidMessageError(f"{where} holds an integer of more than 4,300 digits. Store it as text")
    return {_TAG: "int", "value": hex(value)}


def is_json(value: Any, depth: int = 0) -> bool:
    """Return whether a value consists of JSON types only and is not nested too deeply to be read back."""
    kind = type(value)
    if kind is str or value is None or kind is bool:
        return True
    if kind is int:
        return bool(_MIN_INT <= value <= _MAX_INT)
    if kind is float:
        return math.isfinite(value)
    if depth > _MAX_DEPTH:
        return False
    if kind is list:
        return all(is_json(item, depth + 1) for item in value)
    return kind is dict and all(type(key) is str and is_json(item, depth + 1) for key, item in value.items())


def from_plain(value: Any) -> Any:
    """Return the value that `to_plain` was given. An object with an unknown tag is returned unchanged."""
    if type(value) is list:
        return [from_plain(item) for item in value]
    if type(value) is not dict:
        return value
    if len(value) == 2 and _TAG in value and "value" in value and isinstance(value[_TAG], str):
        read = _READERS.get(value[_TAG])
        if read is not None:
            try:
                return read(value["value"])
            except (TypeError, ValueError, AttributeError):  # not written by this package
                return value
    return {key: from_plain(item) for key, item in value.items()}


def _by_pydantic(value: Any, where: str) -> Any:
    from pydantic import BaseModel
    from pydantic_core import PydanticSerializationError, to_jsonable_python

    if isinstance(value, Mapping):  # its values may need tags
        return dict(value)
    if (simple := _as_builtin(value)) is not value:
        return simple
    error: Exception | None = None
    try:
        if isinstance(value, BaseModel):
            return value.model_dump(by_alias=True, warnings=False)
        if not isinstance(value, Iterator | AsyncIterator) and not hasattr(value, "read"):
            return to_jsonable_python(value, inf_nan_mode="constants")
    except (PydanticSerializationError, ValueError, TypeError, AttributeError, RecursionError) as raised:
        error = raised
    raise InvalidMessageError(
        f"{where} holds a {type(value).__name__}, which is not data. Put plain data in it (text, numbers, lists, "
        "dicts, bytes, documents), or keep the object elsewhere and its name here"
    ) from error


def _as_builtin(value: Any) -> Any:
    """Return a value of a class that extends or contains builtin ones as those, or the value itself.

    Containers are read here and not by pydantic, which would read the iterators and files in them.
    """
    for cls, convert in _BUILTINS:
        if isinstance(value, cls):
            return convert(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        names = [each.name for each in dataclasses.fields(value)]
        return {name: getattr(value, name) for name in names if hasattr(value, name)}
    return value


def _key(value: Any) -> Any:
    return tuple(map(_key, value)) if isinstance(value, list) else value


def _document(fields: dict[str, Any]) -> Document:
    return Document(**from_plain(fields))


# A str, int or float subclass, such as a member of a StrEnum, is the value that it carries.
_BUILTINS: tuple[tuple[Any, Callable[[Any], Any]], ...] = (
    (Mapping, dict),
    (str, str.__str__),
    (int, int),
    (float, float),
    ((list, tuple, set, frozenset, deque), list),
    (Enum, lambda member: member.value),
)


def _integer(text: str) -> int:
    if 4 * len(text) > _MAX_INT_BITS + 16:
        raise ValueError("too many digits")
    return int(text, 16)


_READERS: Mapping[str, Callable[[Any], Any]] = {
    "int": _integer,
    "float": float,
    "bytes": lambda text: base64.b64decode(text, validate=True),
    "map": lambda pairs: {_key(from_plain(key)): from_plain(item) for key, item in pairs},
    "document": _document,
}
