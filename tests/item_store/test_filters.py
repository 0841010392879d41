"""Filters of items give what LangGraph's own do."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langgraph.store.memory import InMemoryStore

from langchain_motorhead import InvalidInputError
from langchain_motorhead.item_store.filters import Condition, check_filter, is_listed, known_prefix, matches
from langchain_motorhead.item_store.requests import decode_value, encode_value

SCALARS = (
    st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from([0.5, 1.0, -2.5]) | st.sampled_from(["a", "b"])
)
VALUES = st.recursive(
    SCALARS,
    lambda each: st.lists(each, max_size=2) | st.dictionaries(st.sampled_from("xy"), each, max_size=2),
    max_leaves=4,
)
DOCUMENTS = st.dictionaries(st.sampled_from("xyz"), VALUES, max_size=3)
OPERATORS = st.dictionaries(st.sampled_from(["$eq", "$ne"]), VALUES, min_size=1, max_size=2)
RANGES = st.dictionaries(st.sampled_from(["$gt", "$gte", "$lt", "$lte"]), st.integers(-3, 3), min_size=1, max_size=2)
FILTERS = st.dictionaries(st.sampled_from("xyz"), VALUES | OPERATORS | RANGES, max_size=2)


@given(DOCUMENTS, FILTERS)
def test_filters_are_those_of_the_reference(value: dict[str, Any], filter_: dict[str, Any]) -> None:
    """A filter lets pass what LangGraph's own store lets pass, wherever that does not raise."""
    reference = InMemoryStore()
    reference.put(("a",), "k", value)
    check_filter(filter_)
    try:
        expected = bool(reference.search(("a",), filter=filter_))
    except (TypeError, ValueError):  # it compares anything as a float
        return
    assert matches(decode_value(encode_value(value)), filter_) == expected


@pytest.mark.parametrize("stored", [None, "text", [], {}, {"x": 1}])
def test_what_is_no_number_is_in_no_range(stored: Any) -> None:
    """A field that is missing, or holds something else than a number, is passed over and raises nothing."""
    for name in ("$gt", "$gte", "$lt", "$lte"):
        assert not matches({"x": stored}, {"x": {name: 1}})
        assert not matches({}, {"x": {name: 1}})
    assert matches({"x": "7.5"}, {"x": {"$gt": 7}})
    assert matches({"x": 2**60 + 1}, {"x": {"$gt": 2**60}})


@pytest.mark.parametrize(
    "filter_",
    [{"x": {"$in": [1]}}, {"x": {"$gt": "b"}}, {"x": {"y": {"$lt": None}}}, {"x": {"$eq": 1, "y": 2}}, [], "x"],
)
def test_filters_that_cannot_be_applied_are_refused(filter_: Any) -> None:
    """An operator that does not exist, or a bound that is no number, is said, whatever is stored."""
    with pytest.raises(InvalidInputError, match="filter"):
        check_filter(filter_)


def test_tuples_in_filters_are_lists() -> None:
    """A tuple finds the list that it was stored as."""
    value = decode_value(encode_value({"x": (1, (2, 3))}))
    assert matches(value, {"x": (1, [2, 3])})
    assert matches(value, {"x": {"$eq": (1, (2, 3))}})
    assert not matches(value, {"x": {"$ne": (1, (2, 3))}})


@pytest.mark.parametrize(
    ("at_end", "path", "expected"),
    [
        (False, ("a",), True), (False, ("b",), False), (False, ("*", "b"), True), (False, ("a", "*", "c"), True),
        (False, ("a", "b", "c", "d"), False), (True, ("c",), True), (True, ("b", "*"), True), (True, ("*", "c"), True),
        (True, ("b",), False), (False, (), True), (True, (), True),
    ],
)  # fmt: skip
def test_conditions(at_end: bool, path: tuple[str, ...], expected: bool) -> None:
    """Namespaces are matched from either end, and `*` is any one label."""
    assert is_listed(("a", "b", "c"), (Condition(at_end, path),)) == expected


def test_known_prefix() -> None:
    """What every listed namespace begins with is read from the conditions on beginnings, up to a wildcard."""
    assert known_prefix(()) == ()
    assert known_prefix((Condition(True, ("a",)), Condition(False, ("*", "b")))) == ()
    assert known_prefix((Condition(False, ("a",)), Condition(False, ("a", "b", "*", "c")))) == ("a", "b")
