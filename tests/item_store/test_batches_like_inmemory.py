"""Any batches come to what `InMemoryStore` gives."""

from __future__ import annotations

import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from langgraph.store.base import GetOp, PutOp, SearchOp
from langgraph.store.memory import InMemoryStore

from langchain_motorhead import HashingEmbeddings, Motorhead
from langchain_motorhead.integrations.store import MotorheadStore
from support.item_stores import TEXTS, index_of

LABEL = st.sampled_from(["a", "b", "ab", "*"])
NAMESPACE = st.lists(LABEL, min_size=1, max_size=3).map(tuple)
VALUE = st.fixed_dictionaries({"x": st.integers(0, 3), "text": st.sampled_from(list(TEXTS.values()))})
FILTER = st.none() | st.fixed_dictionaries({"x": st.integers(0, 3) | st.fixed_dictionaries({"$gt": st.integers(0, 2)})})
STEP = st.one_of(
    st.builds(PutOp, NAMESPACE, LABEL, VALUE | st.none(), st.sampled_from([None, False, ["text"]]), st.none()),
    st.builds(GetOp, NAMESPACE, LABEL, st.booleans()),
    st.builds(SearchOp, NAMESPACE, FILTER, st.just(50), st.integers(0, 2), st.none()),
    st.builds(SearchOp, NAMESPACE, FILTER, st.just(50), st.just(0), st.sampled_from(["sun", "ball", "sea and honey"])),
)


@settings(max_examples=40, deadline=None)
@given(batches=st.lists(st.lists(STEP, min_size=1, max_size=6), min_size=1, max_size=8))
def test_any_batches_come_to_what_the_reference_gives(url: str, batches: list[list[Any]]) -> None:
    """Batches of any operations find in either store the same items, with the same scores."""
    index = index_of(HashingEmbeddings(64), "text")
    with Motorhead.from_url(url, namespace=f"any {time.time_ns()}") as motorhead:
        ours = MotorheadStore(motorhead, index=index)
        theirs = Reference(index=index)
        for ops in batches:
            for op, mine, other in zip(ops, ours.batch(ops), theirs.batch(ops), strict=True):
                if isinstance(op, SearchOp):
                    agree(mine, other, op)
                else:
                    assert (mine and mine.value) == (other and other.value)  # type: ignore[union-attr]


class Reference(InMemoryStore):
    """The reference, without what it gets wrong: equal texts in one batch, and vectors of what an item said before."""

    def batch(self, ops: Any) -> Any:
        """Execute operations: first what is read, then each put by itself."""
        listed = list(ops)
        answers = iter(super().batch([op for op in listed if not isinstance(op, PutOp)]))
        for op in {(op.namespace, op.key): op for op in listed if isinstance(op, PutOp)}.values():
            self._vectors[op.namespace].pop(op.key, None)
            super().batch([op])
        return [None if isinstance(op, PutOp) else next(answers) for op in listed]


def agree(one: Any, other: Any, op: SearchOp) -> None:
    """Compare what two searches found, whatever the order of what scores the same, or is of several namespaces."""
    assert len(one) == len(other)
    if not op.offset:
        scores = [{(item.namespace, item.key): item.score or 0 for item in found} for found in (one, other)]
        assert scores[0] == pytest.approx(scores[1], abs=1e-5)
        assert [item.score or 0 for item in one] == pytest.approx([item.score or 0 for item in other], abs=1e-5)
