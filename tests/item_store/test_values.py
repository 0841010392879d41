"""Values of items come back as they were, or are refused."""

from __future__ import annotations

import json
from enum import IntEnum, StrEnum
from typing import Any, NamedTuple

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from langchain_motorhead import InvalidInputError
from langchain_motorhead.item_store.requests import check_counts, decode_value, encode_value, to_milliseconds, to_time
from support.item_strategies import ANY_TEXT

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | ANY_TEXT,
    lambda each: st.lists(each, max_size=3) | st.dictionaries(ANY_TEXT, each, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(ANY_TEXT, JSON, max_size=4))
@example({"big": 2**64, "small": -(2**63) - 1, "half": "\ud800", "\udfff": 0.1})
def test_values_come_back(value: dict[str, Any]) -> None:
    """Whatever JSON can hold is read back as it was: integers of any size, and lone surrogates, too."""
    data = encode_value(value)
    assert decode_value(data) == value
    assert json.loads(data) == value
    assert [type(each) for each in decode_value(data).values()] == [type(each) for each in value.values()]


class Colour(StrEnum):
    """An enum of strings."""

    RED = "red"


class Size(IntEnum):
    """An enum of numbers."""

    BIG = 3


class Pair(NamedTuple):
    """A tuple with names."""

    one: int
    other: str


def test_values_that_equal_plain_ones_are_kept_as_these() -> None:
    """Tuples become lists, and members of enums the values that they equal."""
    value = {"a": (1, Pair(1, "x")), "b": Colour.RED, "c": Size.BIG, Colour.RED: True}
    assert decode_value(encode_value(value)) == {"a": [1, [1, "x"]], "b": "red", "c": 3, "red": True}


@pytest.mark.parametrize(
    "value",
    [
        {"x": {1: 2}},
        {"x": float("nan")},
        {"x": [float("inf")]},
        {"x": b"bytes"},
        {"x": {1, 2}},
        {"x": object()},
        [],
        "x",
        None,
    ],
)
def test_values_that_json_cannot_hold_are_refused(value: Any) -> None:
    """Nothing is stored as something else: what JSON cannot hold is refused, with where it is."""
    with pytest.raises(InvalidInputError, match="value"):
        encode_value(value)
    deep: Any = {}
    for _ in range(200):
        deep = {"x": deep}
    with pytest.raises(InvalidInputError, match="deeper"):
        encode_value(deep)


def test_times_to_live() -> None:
    """Minutes become milliseconds, one at least; what is no time is refused."""
    assert [to_milliseconds(each) for each in (None, 1, 0.01, 1e-9)] == [0, 60_000, 600, 1]
    wrong: Any
    for wrong in (0, -1, float("nan"), float("inf"), 1e12, True, "1"):
        with pytest.raises(InvalidInputError, match="ttl"):
            to_milliseconds(wrong)


def test_pages_and_times() -> None:
    """Limits and offsets are counts, and times are exact to the microsecond."""
    wrong: Any
    for wrong in (-1, 1.5, True, None):
        with pytest.raises(InvalidInputError, match="limit"):
            check_counts(limit=wrong, offset=0)
        with pytest.raises(InvalidInputError, match="offset"):
            check_counts(limit=0, offset=wrong)
    assert to_time(1_700_000_000_123_457).isoformat() == "2023-11-14T22:13:20.123457+00:00"
