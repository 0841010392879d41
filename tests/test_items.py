"""The pure parts of the store of items: paths, filters, values, and flows side by side."""

from __future__ import annotations

import json
from collections.abc import Generator
from enum import IntEnum, StrEnum
from typing import Any, NamedTuple

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from langgraph.store.memory import InMemoryStore

from langchain_motorhead import InvalidInputError, StoreError
from langchain_motorhead.flows.gather import gather
from langchain_motorhead.item_store.filters import Condition, check_filter, is_listed, known_prefix, matches
from langchain_motorhead.item_store.paths import Place, below, from_path, tags, to_name, to_path
from langchain_motorhead.item_store.requests import check_page, decode_value, encode_value, to_milliseconds, to_time
from langchain_motorhead.storage.operation import Command, Operation

ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=6)
HOSTILE = st.sampled_from(
    ["*", "{", "}", "|", "!", "~", "%", "/", "a/b", "a%2Fb", "a!b", "", "\x00", "\x7f", "ä", "\ud800"]
)
LABELS = st.lists(ANY_TEXT | HOSTILE | st.sampled_from("ab"), max_size=4).map(tuple)


# Paths ----------------------------------------------------------------------------------------------------------------


@given(LABELS, ANY_TEXT | HOSTILE)
def test_a_path_says_where_an_item_is(labels: tuple[str, ...], key: str) -> None:
    """Any labels and any key, of any characters, are read back from the path, which is printable."""
    path = to_path(labels) + to_name(key)
    assert from_path(path) == Place(labels, key)
    assert from_path(to_path(labels)) == Place(labels, "")
    assert path.isascii()
    assert path.isprintable()
    assert not set(path) & set(" {}:*?[]\"'\\")


@given(LABELS, LABELS)
@example(("a",), ("ab",))
@example(("a",), ("a", ""))
@example(("\ud800",), ("\ue000",))
@example(("\U00010000",), ("\uffff",))
def test_paths_sort_as_namespaces_do(one: tuple[str, ...], other: tuple[str, ...]) -> None:
    """The order of paths is that of the tuples, whatever their characters."""
    assert (to_path(one) < to_path(other)) == (one < other)
    assert (to_path(one) == to_path(other)) == (one == other)


@given(LABELS, LABELS)
def test_a_range_is_what_is_below_a_prefix(prefix: tuple[str, ...], labels: tuple[str, ...]) -> None:
    """What the bounds of a prefix hold is what begins with its labels, and nothing else."""
    low, high = below(to_path(prefix))
    path = to_path(labels)
    assert (low[1:] <= path < high[1:]) == (labels[: len(prefix)] == prefix)


@given(LABELS, LABELS)
def test_a_tag_stands_for_a_prefix(prefix: tuple[str, ...], labels: tuple[str, ...]) -> None:
    """The last tag of a prefix is among the tags of exactly the namespaces below it."""
    assume(prefix)
    assert (list(tags(prefix))[-1] in tags(labels)) == (labels[: len(prefix)] == prefix)


def test_labels_are_strings() -> None:
    """What is no string is refused, and not turned into one."""
    wrong: Any = 1
    with pytest.raises(InvalidInputError, match="label"):
        to_path(("a", wrong))
    with pytest.raises(InvalidInputError, match="key"):
        to_name(wrong)


# Filters --------------------------------------------------------------------------------------------------------------

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


# Values ---------------------------------------------------------------------------------------------------------------

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
            check_page(wrong, 0)
        with pytest.raises(InvalidInputError, match="offset"):
            check_page(0, wrong)
    assert to_time(1_700_000_000_123_457).isoformat() == "2023-11-14T22:13:20.123457+00:00"


# Side by side ---------------------------------------------------------------------------------------------------------


def ask(*names: str) -> Operation[list[Any]]:
    """Make an operation of commands."""
    return Operation(tuple(Command(name, ()) for name in names), lambda replies: replies)


def asking(*rounds: tuple[str, ...]) -> Generator[Any, Any, list[Any]]:
    """Ask for rounds of commands, and note what fails."""
    seen: list[Any] = []
    for each in rounds:
        try:
            seen.append((yield ask(*each)))
        except StoreError as error:
            seen.append(str(error))
    return seen


def run(flow: Any, sent: list[list[str]]) -> Any:
    """Answer operations with their commands in small letters; `BAD` fails."""
    answer, error = None, None
    try:
        while True:
            request = flow.send(answer) if error is None else flow.throw(error)
            names = [str(command.name) for command in request.commands]
            sent.append(names)
            error = StoreError("bad") if "BAD" in names else None
            answer = None if error else request.read([name.lower() for name in names])
    except StopIteration as end:
        return end.value


def test_side_by_side() -> None:
    """What flows ask for at a time is asked together, and each gets its own answers."""
    sent: list[list[str]] = []
    flows = [asking(("A", "B"), ("C",)), asking(), asking(("D",), ("E",), ("F",))]
    assert run(gather(flows), sent) == [[["a", "b"], ["c"]], [], [["d"], ["e"], ["f"]]]
    assert sent == [["A", "B", "D"], ["C", "E"], ["F"]]


def test_side_by_side_errors_reach_the_flow_whose_they_are() -> None:
    """What one flow asked for and failed is told to that flow, and the others go on."""
    sent: list[list[str]] = []
    flows = [asking(("A",), ("B",)), asking(("BAD",), ("C",))]
    assert run(gather(flows), sent) == [[["a"], ["b"]], ["bad", ["c"]]]
    assert sent == [["A", "BAD"], ["A"], ["BAD"], ["B", "C"]]
