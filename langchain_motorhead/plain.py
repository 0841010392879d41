"""Python values that JSON lacks, as JSON that says what they were. Knows nothing of messages.

`{"$type": "float", "value": "nan"}` is read back as a NaN. Tags come from the fixed table in this module, so reading
never imports or runs anything.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Callable, Mapping
from typing import Any

from langchain_core.documents import Document

from langchain_motorhead.exceptions import InvalidMessageError

_TAG = "$type"
_SAFE_INTEGER = 2**63


def to_plain(value: Any, where: str) -> Any:
    """Turn a value into what JSON can hold, tagging what it lacks.

    Strings, numbers, bytes, lists, dicts with any keys, and LangChain documents come back as they were. Tuples, sets,
    dates, UUIDs, enums, dataclasses and pydantic models become the plain data that pydantic makes of them.

    Args:
        value: Any value.
        where: Name of the field that holds it, for the error.

    Raises:
        InvalidMessageError: A value in it is not data.
    """
    kind = type(value)
    if kind is str or value is None or kind is bool:
        return value
    if kind is int:
        return value if -_SAFE_INTEGER <= value < _SAFE_INTEGER else {_TAG: "int", "value": hex(value)}
    if kind is float:
        return value if math.isfinite(value) else {_TAG: "float", "value": str(value)}
    if kind is list or kind is tuple:
        return [to_plain(item, where) for item in value]
    if kind is dict:
        return _dict_to_plain(value, where)
    if isinstance(value, bytes | bytearray | memoryview):
        return {_TAG: "bytes", "value": base64.b64encode(value).decode("ascii")}
    if isinstance(value, Document):
        fields = {"page_content": value.page_content, "metadata": value.metadata, "id": value.id}
        return {_TAG: "document", "value": to_plain(fields, where)}
    return to_plain(_by_pydantic(value, where), where)


def from_plain(value: Any) -> Any:
    """Undo `to_plain`. A tag that it does not know stays as it is."""
    if type(value) is list:
        return [from_plain(item) for item in value]
    if type(value) is not dict:
        return value
    if len(value) == 2 and _TAG in value and "value" in value and isinstance(value[_TAG], str):
        read = _READERS.get(value[_TAG])
        if read is not None:
            try:
                return read(value["value"])
            except (TypeError, ValueError, AttributeError):  # written by somebody else
                return value
    return {key: from_plain(item) for key, item in value.items()}


def _dict_to_plain(value: dict[Any, Any], where: str) -> dict[str, Any]:
    if _TAG not in value and all(type(key) is str for key in value):
        return {key: to_plain(item, where) for key, item in value.items()}
    return {_TAG: "map", "value": [[to_plain(key, where), to_plain(item, where)] for key, item in value.items()]}


def _by_pydantic(value: Any, where: str) -> Any:
    from pydantic_core import PydanticSerializationError, to_jsonable_python

    if isinstance(value, Mapping):  # a mapping class other than dict, whose values may need tags
        return dict(value)
    # str, int and float subclasses, such as the members of a StrEnum, are the value they carry.
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return float(value)
    if isinstance(value, list):
        return list(value)
    try:
        return to_jsonable_python(value, inf_nan_mode="constants")
    except (PydanticSerializationError, ValueError, TypeError) as error:
        raise InvalidMessageError(
            f"{where} holds a {type(value).__name__}, which is not data. Put plain data in it (text, numbers, lists, "
            "dicts, bytes, documents), or keep the object elsewhere and its name here"
        ) from error


def _document(fields: dict[str, Any]) -> Document:
    return Document(**from_plain(fields))


_READERS: Mapping[str, Callable[[Any], Any]] = {
    "int": lambda text: int(text, 16),
    "float": float,
    "bytes": lambda text: base64.b64decode(text, validate=True),
    "map": lambda pairs: {from_plain(key): from_plain(item) for key, item in pairs},
    "document": _document,
}
