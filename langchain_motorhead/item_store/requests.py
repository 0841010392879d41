"""What a store of items is asked for and gives, and the JSON that their values are kept as. Pure.

Knows neither Redis nor LangGraph, whose operations the face turns into these requests.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple, TypeAlias

import orjson

from langchain_motorhead.exceptions import InvalidInputError
from langchain_motorhead.item_store.filters import Condition
from langchain_motorhead.item_store.paths import Place, from_path
from langchain_motorhead.messages.json_values import is_json

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LONGEST = 100 * 366 * 1_440
_DEEPEST = 100
# Before what orjson does not read as it was: integers beyond 64 bits, and lone surrogates.
_BY_JSON = b" "


class Get(NamedTuple):
    """A request for one item; and whether that is to begin its time to live anew."""

    place: Place
    refresh: bool


class Search(NamedTuple):
    """A request for the items below a prefix: those nearest to a query, if there is one, else all in their order."""

    prefix: tuple[str, ...]
    filter: Mapping[str, Any] | None
    limit: int
    offset: int
    query: str | None
    refresh: bool


class Listing(NamedTuple):
    """A request for the namespaces that have items, cut off at a depth."""

    conditions: tuple[Condition, ...]
    depth: int | None
    limit: int
    offset: int


class Put(NamedTuple):
    """A request to keep an item, or to delete it.

    Attributes:
        place: Where.
        value: What, as JSON; None to delete it.
        texts: By which it is found.
        ttl: Milliseconds that it lives, or 0.
    """

    place: Place
    value: bytes | None
    texts: tuple[str, ...] = ()
    ttl: int = 0


Request: TypeAlias = Get | Search | Listing | Put


class Found(NamedTuple):
    """An item as it is stored.

    Attributes:
        path: Where, encoded.
        value: What, as JSON.
        created: Microseconds since 1970 at which it was put first.
        updated: The same, for when it was put last.
        ttl: Milliseconds that it lives unless read or put again, or 0.
        score: How similar to the query, at most 1; None where it was not compared.
    """

    path: str
    value: bytes
    created: int
    updated: int
    ttl: int
    score: float | None = None

    @property
    def place(self) -> Place:
        """Where it is."""
        return from_path(self.path)


def encode_value(value: Any) -> bytes:
    """Give the value of an item as JSON.

    What is read back equals it, but that a tuple is read back as a list.

    Raises:
        InvalidInputError: It is not a mapping, or holds what JSON cannot.
    """
    if not isinstance(value, Mapping):
        raise InvalidInputError(f"the value of an item must be a dict, not {type(value).__name__}")
    if type(value) is dict and is_json(value):
        plain: Any = value
    else:
        plain = _plain(dict(value), "value", 0)
    try:
        return orjson.dumps(plain)
    except TypeError:
        return _BY_JSON + json.dumps(plain, separators=(",", ":"), allow_nan=False).encode()


def decode_value(data: bytes) -> dict[str, Any]:
    """Undo `encode_value`."""
    value: dict[str, Any] = json.loads(data) if data.startswith(_BY_JSON) else orjson.loads(data)
    return value


def to_milliseconds(minutes: float | None) -> int:
    """Turn a time to live in minutes into milliseconds; 0 for none.

    Raises:
        InvalidInputError: It is not a number above 0, or longer than a century.
    """
    if minutes is None:
        return 0
    is_number = isinstance(minutes, int | float) and not isinstance(minutes, bool)
    if not is_number or not 0 < minutes <= _LONGEST:
        raise InvalidInputError(f"ttl must be minutes above 0, a century at most, or None for no end: not {minutes!r}")
    return max(1, round(minutes * 60_000))


def to_time(microseconds: int) -> datetime:
    """Turn microseconds since 1970 into a time in UTC."""
    return _EPOCH + timedelta(microseconds=microseconds)


def check_page(limit: int, offset: int) -> None:
    """Refuse a limit or an offset that is no count.

    Raises:
        InvalidInputError: It is not a whole number of at least 0.
    """
    for name, count in (("limit", limit), ("offset", offset)):
        if isinstance(count, bool) or not isinstance(count, int) or count < 0:
            raise InvalidInputError(f"{name} must be a whole number of at least 0, not {count!r}")


def _plain(value: Any, where: str, depth: int) -> Any:
    if depth > _DEEPEST:
        raise InvalidInputError(f"the value of an item is nested deeper than {_DEEPEST} levels. Flatten it")
    if value is None or isinstance(value, bool):
        return value
    # Members of a StrEnum or an IntEnum are the value that they equal.
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float) and math.isfinite(value):
        return float(value)
    if isinstance(value, list | tuple):
        return [_plain(each, f"{where}[{at}]", depth + 1) for at, each in enumerate(value)]
    if isinstance(value, dict):
        return {_name(name, where): _plain(each, f"{where}[{name!r}]", depth + 1) for name, each in value.items()}
    what = repr(value) if isinstance(value, float) else f"a {type(value).__name__}"
    raise InvalidInputError(
        f"{where:.200} of an item is {what}, which JSON cannot hold. Put text, numbers, lists and dicts in it"
    )


def _name(name: object, where: str) -> str:
    if isinstance(name, str):
        return str.__str__(name)
    raise InvalidInputError(f"{where:.200} of an item has the key {name!r:.80}, and JSON has no keys but strings")
