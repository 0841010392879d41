"""The flow that indexes a session: refused, beside others, and without a search module."""

from __future__ import annotations

from typing import Any

import pytest
from langchain_core.messages import BaseMessage, HumanMessage

from langchain_motorhead import EmbeddingMismatchError, Recall, SearchUnavailableError
from langchain_motorhead.flows.protocol import Pause
from langchain_motorhead.recall.indexing.descriptions import Description
from langchain_motorhead.recall.indexing.flow import IndexState, index
from langchain_motorhead.recall.indexing.index import Indexer
from langchain_motorhead.recall.indexing.operations import Unindexed
from langchain_motorhead.storage.keys import session_keys
from langchain_motorhead.storage.operation import Operation
from support.indexing import (
    BUSY,
    DONE,
    FILLED,
    KEYS,
    MORE,
    NOTHING,
    SETTINGS,
    STALE,
    THERE,
    an_indexer,
    names,
    play,
    seen,
    size,
    stored,
    text_of,
    vectors,
)
from support.messages import numbered

MODULE_MISSING = SearchUnavailableError("no search module")


def test_a_session_that_moved_on_is_looked_at_again() -> None:
    """Where nothing was stored since the session is another one by now, it is read again, and indexed as it is."""
    requests, done = play(
        index(KEYS, "t", an_indexer(), wait=False),
        [
            (seen(numbered(4)), THERE),
            vectors,
            STALE,
            (seen(numbered(2), epoch="new"), THERE),
            vectors,
            DONE,
        ],
    )
    assert names(requests) == ["index_begin", "Embed", "index_commit"] * 2
    assert isinstance(requests[5], Operation)
    assert requests[5].commands[0].args[2:5] == ("new", 0, 2)
    assert done is IndexState.DONE


@pytest.mark.parametrize(
    ("again", "there"),
    [
        (seen(numbered(2), epoch="new"), THERE),
        (seen(numbered(2), indexed=1), THERE),
        (seen(numbered(2), user="u"), THERE),
        (seen(numbered(2)), Description("m", 2, SETTINGS, 2)),
    ],
    ids=["epoch", "indexed", "user", "generation"],
)
def test_refused_twice_since_it_moved_on_twice(again: Unindexed, there: Description) -> None:
    """As long as the session or the index is another one at each refusal, it is read and stored once more."""
    requests, done = play(
        index(KEYS, "t", an_indexer(), wait=False),
        [
            (seen(numbered(2)), THERE),
            vectors,
            STALE,
            (again, there),
            vectors,
            STALE,
            (again, there),
            vectors,
            DONE,
        ],
    )
    assert names(requests) == ["index_begin", "Embed", "index_commit"] * 3
    assert done is IndexState.DONE


@pytest.mark.parametrize("there", [THERE, None])
def test_refused_twice_with_nothing_changed(there: Description | None) -> None:
    """Where the store refuses the same twice, with or without a vector, the index is a later one than described."""
    messages: list[BaseMessage | bytes] = [HumanMessage("a" if there else " ")]
    answers = [(seen(messages), there), *([vectors] if there else []), STALE]
    with pytest.raises(EmbeddingMismatchError, match=r"^session 's' .* later index of namespace 'ns' .*reindex\(\)$"):
        play(index(KEYS, "t", an_indexer(), wait=False), answers * 2)


def test_refused_again_after_it_moved_on() -> None:
    """Only a refusal of the very same as the last time is an error, which a change in between puts off."""
    first, second = (seen(numbered(1), epoch=epoch) for epoch in "ab")
    answers: list[Any] = []
    for each in (first, second, second):
        answers += [(each, THERE), vectors, STALE]
    flow = index(KEYS, "t", an_indexer(), wait=False)
    with pytest.raises(EmbeddingMismatchError):
        play(flow, answers)
    requests, done = play(index(KEYS, "t", an_indexer(), wait=False), answers[:-3])
    assert names(requests)[-1] == "index_begin"
    assert done is None


def test_a_later_generation_has_its_own_field() -> None:
    """Vectors are stored for the generation of the index that there is when they are."""
    later = Description("m", 2, SETTINGS, 3)
    requests, _ = play(index(KEYS, "t", an_indexer(), wait=False), [(seen(numbered(1)), later), vectors, DONE])
    assert isinstance(requests[2], Operation)
    assert requests[2].commands[0].args[5] == 3
    assert "vector/3" in stored(requests[2])["0"]


def test_a_user_and_an_odd_session_are_encoded() -> None:
    """Ids reach the index with nothing in them that could end or separate a tag."""
    keys = session_keys("n,s", "a b|c")
    indexer = Indexer("n,s", Recall(), "m", size, ready=True)
    requests, _ = play(index(keys, "t", indexer, wait=False), [(seen(numbered(1), user="u}v"), THERE), vectors, DONE])
    fields = stored(requests[2])["0"]
    assert (fields["session"], fields["namespace"]) == ("a%20b%7Cc", "n%2Cs")
    assert isinstance(requests[2], Operation)
    assert text_of(requests[2].commands[0].args[7]) == "u%7Dv"


@pytest.mark.parametrize("wait", [True, False])
def test_nothing_to_do(wait: bool) -> None:
    """If all is indexed, one read shows it."""
    requests, done = play(index(KEYS, "t", an_indexer(), wait=wait), [(NOTHING, None)])
    assert (names(requests), done) == (["index_begin"], IndexState.DONE)


def test_others_at_work_are_left_to_it() -> None:
    """While somebody else indexes the session, there is nothing to do, and the result says that not all is done."""
    requests, done = play(index(KEYS, "t", an_indexer(), wait=False), [(BUSY, None)])
    assert (names(requests), done) == (["index_begin"], IndexState.BUSY)


def test_others_that_took_over_are_left_to_it() -> None:
    """Where somebody else takes over between two batches, the rest is left to it as well."""
    answers = [(seen(numbered(1), total=2), THERE), vectors, MORE, (BUSY, None)]
    requests, done = play(index(KEYS, "t", an_indexer(), wait=False), answers)
    assert (names(requests)[-1], done) == ("index_begin", IndexState.BUSY)


def test_waiting_for_others_at_work() -> None:
    """If it may wait, it pauses while somebody else is at work, and asks again."""
    requests, done = play(
        index(KEYS, "t", an_indexer(), wait=True),
        [
            (BUSY, None),
            None,
            (BUSY, None),
            None,
            (seen(numbered(1)), THERE),
            vectors,
            DONE,
        ],
    )
    assert names(requests) == ["index_begin", "Pause", "index_begin", "Pause", "index_begin", "Embed", "index_commit"]
    assert done is IndexState.DONE
    assert isinstance(requests[1], Pause)
    assert 0 < requests[1].seconds <= 1


def test_without_a_search_module_documents_are_stored(caplog: pytest.LogCaptureFixture) -> None:
    """Without a search module, documents are stored with their vectors for when there is one, which is said once."""
    indexer = an_indexer(ready=False)
    batch = [vectors, (True, False, THERE), MODULE_MISSING, THERE]
    requests, done = play(
        index(KEYS, "t", indexer, wait=False),
        [
            (seen(numbered(1), total=2), None),
            *batch,
            MORE,
            (seen(numbered(1), indexed=1), THERE),
            *batch,
            DONE,
        ],
    )
    assert names(requests) == ["index_begin", "Embed", "index_describe", "FT.CREATE", "HMGET", "index_commit"] * 2
    assert [list(stored(requests[at])) for at in (5, 11)] == [["0"], ["1"]]
    assert all("vector" in fields for at in (5, 11) for fields in stored(requests[at]).values())
    assert (done, indexer.ready, indexer.unsearchable) == (IndexState.DONE, False, True)
    assert caplog.text.count("cannot be searched yet") == 1


def test_a_search_module_that_came_later_is_used() -> None:
    """Once Redis has the module, the next document makes the index, from all that was stored without it."""
    indexer = an_indexer(ready=False)
    indexer.unsearchable = True
    requests, _ = play(
        index(KEYS, "t", indexer, wait=False),
        [(seen(numbered(1)), THERE), vectors, (False, True, THERE), None, FILLED, None, DONE],
    )
    assert names(requests)[2:] == ["index_describe", "FT.CREATE", "FT.INFO", "alias", "index_commit"]
    create = requests[3]
    assert isinstance(create, Operation)
    assert "SKIPINITIALSCAN" not in create.commands[0].args
    assert (indexer.ready, indexer.unsearchable) == (True, False)
