"""Item store requests, stored items, and the JSON encoding of their values, as data. Pure.

This module knows neither Redis nor LangGraph. `integrations/store.py` turns LangGraph's operations into these requests.
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
_MAX_TTL_MINUTES = 100 * 366 * 1_440
_MAX_DEPTH = 100
# First byte of a value that orjson would not read back unchanged: integers beyond 64 bits, and lone surrogates.
_JSON_MARKER = b" "


class Get(NamedTuple):
    """A request for one item. `refresh` restarts its time to live."""

    place: Place
    refresh: bool


class Search(NamedTuple):
    """A request for items below a namespace prefix: the nearest to a query, or without one all in their order."""

    prefix: tuple[str, ...]
    filter: Mapping[str, Any] | None
    limit: int
    offset: int
    query: str | None
    refresh: bool


class Listing(NamedTuple):
    """A request for the namespaces that have items, shortened to a depth."""

    conditions: tuple[Condition, ...]
    depth: int | None
    limit: int
    offset: int


class Put(NamedTuple):
    """A request to store or delete an item.

    Attributes:
        place: Its place.
        value: Its value as JSON, or None to delete it.
        texts: The texts to embed.
        ttl: Its time to live in milliseconds, or 0.
    """

    place: Place
    value: bytes | None
    texts: tuple[str, ...] = ()
    ttl: int = 0


StoreRequest: TypeAlias = Get | Search | Listing | Put


class StoredItem(NamedTuple):
    """An item as it is stored.

    Attributes:
        path: Its encoded place.
        value: Its value as JSON.
        created: Time of its first put, in microseconds since 1970.
        updated: Time of its last put, in microseconds since 1970.
        ttl: Its time to live in milliseconds, which a read or put restarts, or 0.
        score: Similarity to the query, at most 1, or None if it was not compared.
    """

    path: str
    value: bytes
    created: int
    updated: int
    ttl: int
    score: float | None = None

    @property
    def place(self) -> Place:
        """The place of the item."""
        return from_path(self.path)


def encode_value(value: Any) -> bytes:
    """Return the value of an item as JSON. Tuples are read back as lists.

    Raises:
        InvalidInputError: The value is not a mapping, or holds something that JSON cannot hold.
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
        return _JSON_MARKER + json.dumps(plain, separators=(",", ":"), allow_nan=False).encode()


def decode_value(data: bytes) -> dict[str, Any]:
    """Return the value that `encode_value` was given."""
    value: dict[str, Any] = json.loads(data) if data.startswith(_JSON_MARKER) else orjson.loads(data)
    return value


def to_milliseconds(minutes: float | None) -> int:
    """Return a time to live, given in minutes, in milliseconds; 0 for None.

    Raises:
        InvalidInputError: It is not a number above 0, or is longer than a century.
    """
    if minutes is None:
        return 0
    is_number = isinstance(minutes, int | float) and not isinstance(minutes, bool)
    if not is_number or not 0 < minutes <= _MAX_TTL_MINUTES:
        raise InvalidInputError(
            f"ttl must be a number of minutes above 0 and at most a century, or None, not {minutes!r}"
        )
    return max(1, round(minutes * 60_000))


def to_time(microseconds: int) -> datetime:
    """Return a time in UTC, given in microseconds since 1970."""
    return _EPOCH + timedelta(microseconds=microseconds)


def check_counts(**counts: int) -> None:
    """Refuse an invalid limit, offset or depth, each given by its name.

    Raises:
        InvalidInputError: It is not a whole number of at least 0.
    """
    for name, count in counts.items():
        if isinstance(count, bool) or not isinstance(count, int) or count < 0:
            raise InvalidInputError(f"{name} must be a whole number of at least 0, not {count!r}")


def _plain(value: Any, where: str, depth: int) -> Any:
    if depth > _MAX_DEPTH:
        raise InvalidInputError(f"the value of an item is nested deeper than {_MAX_DEPTH} levels. Flatten it")
    if value is None or isinstance(value, bool):
        return value
    # Members of a StrEnum or an IntEnum are stored as their value.
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
    raise InvalidInputError(f"{where:.200} of an item has the key {name!r:.80}, but keys in JSON are strings")
