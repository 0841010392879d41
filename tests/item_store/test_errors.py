"""Values, operations and options that a store refuses."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
import redis
from langgraph.store.base import GetOp, ListNamespacesOp, MatchCondition, PutOp, SearchOp

from langchain_motorhead import ClosedError, InvalidInputError
from langchain_motorhead.integrations.store import MotorheadStore
from support.embeddings import Scripted
from support.factory import MakeMotorhead
from support.item_stores import left_of


def test_values_that_cannot_be_stored(client: redis.Redis, namespace: str, store: MotorheadStore) -> None:
    """One such value, and nothing of the batch is stored."""
    with pytest.raises(InvalidInputError, match="JSON"):
        store.batch([PutOp(("a",), "k", {"x": 1}), PutOp(("a",), "l", {"x": datetime.now(UTC)})])
    assert left_of(client, namespace) == []


@pytest.mark.parametrize(
    "op",
    [
        SearchOp(("a",), limit=-1), SearchOp(("a",), offset=-1), SearchOp(("a",), filter={"x": {"$no": 1}}),
        SearchOp(("a",), query=5), ListNamespacesOp(limit=-1), ListNamespacesOp(max_depth=-1),  # type: ignore[arg-type]
        PutOp(("a",), "k", {}, ttl=0), PutOp(("a",), "k", {}, ttl=-1),
        GetOp((1,), "k"), GetOp(("a",), 1), GetOp("a", "k"), SearchOp("a"),  # type: ignore[arg-type]
        ListNamespacesOp((MatchCondition("infix", ("a",)),)),  # type: ignore[arg-type]
    ],
)  # fmt: skip
def test_operations_that_cannot_be_executed(store: MotorheadStore, op: Any) -> None:
    """What cannot be executed is refused, and says what to give."""
    with pytest.raises(InvalidInputError):
        store.batch([op])


def test_an_error_names_the_argument(store: MotorheadStore) -> None:
    """A depth that cannot be used is called by its own name."""
    with pytest.raises(InvalidInputError, match="max_depth must be"):
        store.list_namespaces(max_depth=-1)


@pytest.mark.parametrize(
    "options",
    [
        {"index": {}}, {"index": {"embed": 7}}, {"index": "openai:x"}, {"index": {"embed": Scripted(), "dims": 0}},
        {"index": {"embed": Scripted(), "fields": "text"}}, {"index": {"embed": Scripted(), "fields": [1]}},
        {"index": {"embed": Scripted(), "model": ""}}, {"index": {"embed": "nobody:nothing"}},
        {"ttl": {"default_ttl": 0}}, {"ttl": 5},
    ],
)  # fmt: skip
def test_options_that_cannot_be_used(make: MakeMotorhead, options: dict[str, Any]) -> None:
    """A store says at once what is wrong with its options."""
    with pytest.raises(InvalidInputError):
        MotorheadStore(make(), **options)


def test_fields_of_a_put_are_a_list(searchable: MotorheadStore) -> None:
    """One path in the place of a list is not read as a list of its letters."""
    wrong: Any = "text"
    with pytest.raises(InvalidInputError, match="list of paths"):
        searchable.put(("a",), "k", {"text": "cats"}, index=wrong)


async def test_a_closed_handle(make: MakeMotorhead) -> None:
    """A store of a handle that was closed says so."""
    motorhead = make()
    store = MotorheadStore(motorhead)
    motorhead.close()
    with pytest.raises(ClosedError):
        store.get(("a",), "k")
    with pytest.raises(ClosedError):
        await store.aget(("a",), "k")
    wrong: Any = "redis://localhost"
    with pytest.raises(InvalidInputError, match="Motorhead"):
        MotorheadStore(wrong)
