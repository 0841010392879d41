"""Paths say where an item is, and sort as namespaces do."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from langchain_motorhead import InvalidInputError
from langchain_motorhead.item_store.paths import Place, below, from_path, tags, to_name, to_path
from support.item_strategies import ANY_TEXT

HOSTILE = st.sampled_from(
    ["*", "{", "}", "|", "!", "~", "%", "/", "a/b", "a%2Fb", "a!b", "", "\x00", "\x7f", "ä", "\ud800"]
)
LABELS = st.lists(ANY_TEXT | HOSTILE | st.sampled_from("ab"), max_size=4).map(tuple)


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
