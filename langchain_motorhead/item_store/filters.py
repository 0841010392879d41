"""Item filters: which items and namespaces match the conditions of a request. Pure.

The rules are those of LangGraph's `InMemoryStore`, except that an invalid filter is refused before anything is read,
whatever is stored. A stored value that is missing, or is not a number, is in no range.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from operator import ge, gt, le, lt
from typing import Any, NamedTuple

from langchain_motorhead.exceptions import InvalidInputError

_RANGES: Mapping[str, Callable[[Any, Any], bool]] = {"$gt": gt, "$gte": ge, "$lt": lt, "$lte": le}
_OPERATORS = ("$eq", "$ne", *_RANGES)
_ANY_LABEL = "*"


class Condition(NamedTuple):
    """The labels that a namespace must begin or end with. `"*"` stands for any label."""

    at_end: bool
    path: tuple[str, ...]


def check_filter(filter_: Any) -> None:
    """Refuse an invalid filter.

    Raises:
        InvalidInputError: It is not a dict, or has an unknown operator or one without a field, or a bound that is not a
            number.
    """
    if not isinstance(filter_, Mapping):
        raise InvalidInputError(f"filter must be a dict, such as {{'kind': 'note'}}, not {type(filter_).__name__}")
    if _has_operators(filter_):
        name = next(name for name in filter_ if isinstance(name, str) and name.startswith("$"))
        raise InvalidInputError(
            f"filter: the operator {name!r} needs a field, as in {{'score': {{'$gt': 3}}}}. All fields must match; "
            "there are no $and, $or and $not"
        )
    for wanted in filter_.values():
        _check(wanted)


def matches(value: Mapping[str, Any], filter_: Mapping[str, Any] | None) -> bool:
    """Return whether the value of an item matches a filter."""
    return all(_fits(value.get(field), wanted) for field, wanted in (filter_ or {}).items())


def is_listed(namespace: tuple[str, ...], conditions: Sequence[Condition]) -> bool:
    """Return whether a namespace meets all conditions."""
    return all(_meets(namespace, condition) for condition in conditions)


def known_prefix(conditions: Sequence[Condition]) -> tuple[str, ...]:
    """Return the labels with which every namespace that meets the conditions begins."""
    longest: tuple[str, ...] = ()
    for condition in conditions:
        if not condition.at_end:
            fixed = (
                condition.path[: condition.path.index(_ANY_LABEL)] if _ANY_LABEL in condition.path else condition.path
            )
            longest = max(longest, fixed, key=len)
    return longest


def _meets(namespace: tuple[str, ...], condition: Condition) -> bool:
    size = len(condition.path)
    if len(namespace) < size:
        return False
    part = namespace[len(namespace) - size :] if condition.at_end else namespace[:size]
    return all(wanted in (_ANY_LABEL, label) for label, wanted in zip(part, condition.path, strict=True))


def _has_operators(wanted: Mapping[Any, Any]) -> bool:
    return any(isinstance(name, str) and name.startswith("$") for name in wanted)


def _check(wanted: Any) -> None:
    if isinstance(wanted, list | tuple):
        for each in wanted:
            _check(each)
    if not isinstance(wanted, Mapping):
        return
    if not _has_operators(wanted):
        for each in wanted.values():
            _check(each)
        return
    for name, bound in wanted.items():
        if name not in _OPERATORS:
            raise InvalidInputError(f"filter: unknown operator {name!r}. Use one of {', '.join(_OPERATORS)}")
        if name in _RANGES and _number(bound) is None:
            raise InvalidInputError(f"filter: {name} compares numbers, and {bound!r} is not a number")


def _fits(value: Any, wanted: Any) -> bool:
    if isinstance(wanted, Mapping):
        if _has_operators(wanted):
            return all(_apply(value, name, bound) for name, bound in wanted.items())
        return isinstance(value, dict) and all(_fits(value.get(field), each) for field, each in wanted.items())
    if isinstance(wanted, list | tuple):
        same_size = isinstance(value, list) and len(value) == len(wanted)
        return same_size and all(_fits(one, each) for one, each in zip(value, wanted, strict=True))
    return bool(value == wanted)


def _apply(value: Any, name: str, bound: Any) -> bool:
    if name in _RANGES:
        number = _number(value)
        return number is not None and _RANGES[name](number, _number(bound))
    return bool(value == _as_stored(bound)) == (name == "$eq")


def _number(value: Any) -> int | float | None:
    if isinstance(value, int | float):
        return value
    if not isinstance(value, str):
        return None
    try:
        return float(value)
    except ValueError:
        return None


def _as_stored(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return [_as_stored(each) for each in value]
    if isinstance(value, dict):
        return {field: _as_stored(each) for field, each in value.items()}
    return value
