"""What JSON lacks comes back from it as it was; what is not data is refused; reading never fails."""

import json
import math
from collections import OrderedDict
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from enum import Enum, IntEnum, StrEnum
from typing import Any
from uuid import UUID

import orjson
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from langchain_core.documents import Document
from pydantic import BaseModel

from langchain_motorhead.exceptions import InvalidMessageError
from langchain_motorhead.messages.json_values import from_plain, to_plain

TAGS = st.sampled_from(["$type", "value", "int", "float", "bytes", "map", "document"])
LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary() | TAGS
KEYS = st.text() | TAGS | st.integers() | st.none() | st.booleans() | st.binary()


def nested(leaves: st.SearchStrategy[Any], keys: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Give lists and dicts, in each other, of leaves."""
    return st.recursive(
        leaves, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=4), max_leaves=12
    )


JSON = nested(st.none() | st.booleans() | st.integers() | st.floats() | st.text() | TAGS, st.text() | TAGS)


class Old(str, Enum):  # noqa: UP042
    """As enums of strings were written before StrEnum."""

    A = "a"


class New(StrEnum):
    """An enum of strings."""

    A = "a"


class Number(IntEnum):
    """An enum of integers."""

    ONE = 1


@dataclass
class Point:
    """A dataclass."""

    x: float


class Model(BaseModel):
    """A model."""

    point: Point


@given(nested(LEAVES, KEYS))
@example({"$type": "float", "value": "nan"})
@example({"$type": {"$type": "map", "value": []}, "value": 2**64})
@example([2**63 + 1, 2**64 + 1, -(2**63) - 1, 10**400])
def test_data_round_trips(value: Any) -> None:
    """Data of any shape comes back as it was, by way of JSON that every parser reads."""
    wire = json.dumps(to_plain(value, "field"), allow_nan=False)
    assert repr(from_plain(orjson.loads(wire))) == repr(value)


def test_tuple_keys() -> None:
    """A dict whose keys are tuples comes back a dict: a list could not be a key."""
    assert from_plain(to_plain({(1, ("a",)): "here"}, "field")) == {(1, ("a",)): "here"}


def test_huge_integers() -> None:
    """An integer comes back as it was if Python can show it; a larger one is refused, or left as it was written."""
    assert from_plain(json.loads(json.dumps(to_plain(10**4_000, "field")))) == 10**4_000
    with pytest.raises(InvalidMessageError, match="4,300 digits"):
        to_plain(10**5_000, "field")
    written = {"$type": "int", "value": hex(10**5_000)}
    assert from_plain(written) == written


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf, -0.0])
def test_odd_floats(number: float) -> None:
    """A float that JSON lacks, or may lose the sign of, comes back as it was."""
    assert repr(from_plain(to_plain(number, "field"))) == repr(number)


@given(nested(LEAVES, st.text()), st.none() | st.text())
def test_documents_round_trip(value: Any, id_: str | None) -> None:
    """A document comes back a document, with its id and all of its metadata, wherever it stands."""
    document = Document(page_content="text", id=id_, metadata={"nested": value})
    (back,) = from_plain(json.loads(json.dumps(to_plain({"found": [document]}, "field"))))["found"]
    assert type(back) is Document
    assert repr(vars(back)) == repr(vars(document))


@pytest.mark.parametrize(
    ("value", "data"),
    [
        ((1, (2,)), [1, [2]]),
        ({3}, [3]),
        (Old.A, "a"),
        (New.A, "a"),
        (Number.ONE, 1),
        ({New.A: 1}, {"a": 1}),
        (bytearray(b"\xff"), b"\xff"),
        (memoryview(b"\xff"), b"\xff"),
        (UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (datetime(2024, 1, 2, tzinfo=UTC), "2024-01-02T00:00:00Z"),
        (Decimal("1.10"), "1.10"),
        (OrderedDict(a=b"\xff"), {"a": b"\xff"}),
        (Model(point=Point(1.5)), {"point": {"x": 1.5}}),
        (Point(math.inf), {"x": math.inf}),
    ],
)
def test_other_values_become_data(value: object, data: object) -> None:
    """A value of a common type that is not data becomes the data that it stands for."""
    back = from_plain(to_plain(value, "field"))
    assert back == data
    assert type(back) is type(data)


@pytest.mark.parametrize("value", [object(), [object()], {"a": {object()}}, Point(object())])  # type: ignore[arg-type]
def test_objects_are_refused(value: object) -> None:
    """An object is refused, with the name of the field that holds it."""
    with pytest.raises(InvalidMessageError, match=r"ToolMessage\.artifact"):
        to_plain(value, "ToolMessage.artifact")


@given(JSON)
@example({"$type": "map", "value": [[[], 1]]})
@example({"$type": "map", "value": {"a": 1}})
@example({"$type": "document", "value": [1]})
@example({"$type": "document", "value": {"page_content": "x", "metadata": 5}})
@example({"$type": "bytes", "value": "\u00e9"})
@example({"$type": "int", "value": 5})
@example({"$type": "float", "value": "1" * 400})
@example({"$type": "os.system", "value": "true"})
def test_reading_never_fails(value: Any) -> None:
    """Anything that somebody else wrote is read without an error, and what was no tag of ours stays as it is."""
    back = from_plain(value)
    if isinstance(value, dict) and value.get("$type") not in ("int", "float", "bytes", "map", "document"):
        assert type(back) is dict
        assert back.keys() == value.keys()
