"""The flow that makes the search index, and what is read of the index."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from langchain_core.messages import HumanMessage

from langchain_motorhead import EmbeddingError, IndexMissingError, StoreError
from langchain_motorhead.flows.protocol import Pause, Request
from langchain_motorhead.recall.indexing.descriptions import Description
from langchain_motorhead.recall.indexing.flow import index
from langchain_motorhead.recall.indexing.index import PROBE, make_index, set_up
from langchain_motorhead.recall.words.terms import TERMS_VERSION
from langchain_motorhead.search_index.lifecycle import command, ignoring_error, inspect
from langchain_motorhead.storage.keys import recall_key
from langchain_motorhead.storage.operation import Operation
from support.indexing import (
    DOWN,
    FILLED,
    FILLING,
    KEYS,
    LEFT_OVER,
    NOTHING,
    SETTINGS,
    THERE,
    an_indexer,
    embeds,
    name,
    names,
    play,
    seen,
    vectors,
)

EXISTS = StoreError("Redis refused: Index already exists")
DROPPED = IndexMissingError("Redis refused: Unknown index name")


def scans(requests: Sequence[Request]) -> list[bool]:
    """Say of each time that an index is made whether it is from the documents that are there."""
    commands = [request.commands[0] for request in requests if isinstance(request, Operation)]
    return ["SKIPINITIALSCAN" not in each.args for each in commands if each.name == "FT.CREATE"]


@pytest.mark.parametrize("new", [True, False])
def test_setting_up_asks_the_model_first(new: bool) -> None:
    """One text is embedded to see how long vectors are, described or not, and the index is made and named."""
    requests, there = play(set_up(an_indexer(ready=False)), [vectors, (new, not new, THERE), None, FILLED, None])
    assert names(requests) == ["Embed", "index_describe", "FT.CREATE", "FT.INFO", "alias"]
    assert embeds(requests) == [(PROBE,)]
    establish, alias = requests[1], requests[4]
    assert isinstance(establish, Operation)
    assert isinstance(alias, Operation)
    assert establish.commands[0].args == (
        "model",
        "m",
        "dimensions",
        2,
        "settings",
        SETTINGS,
        "generation",
        1,
        "terms",
        TERMS_VERSION,
    )
    assert (alias.commands[0].keys, alias.commands[0].args) == ((recall_key("ns"),), (f"{recall_key('ns')}/1",))
    assert scans(requests) == [not new]
    assert there == THERE


def test_setting_up_for_vectors_that_are_there() -> None:
    """Where it is known how long vectors are, the model is not asked."""
    requests, there = play(set_up(an_indexer(ready=False), 2), [(False, True, THERE), None, FILLED, None])
    assert names(requests) == ["index_describe", "FT.CREATE", "FT.INFO", "alias"]
    assert there == THERE


def test_setting_up_without_a_model() -> None:
    """Where the model does not say how long its vectors are, nothing is described or made."""
    indexer = an_indexer(ready=False)
    with pytest.raises(EmbeddingError, match="is away"):
        play(set_up(indexer), [DOWN])
    assert not indexer.ready


@pytest.mark.parametrize("new", [True, False])
def test_setting_up_twice_is_no_error(new: bool) -> None:
    """An index and a name that are there already are taken for made, whoever described the index."""
    indexer = an_indexer(ready=False)
    answers = [(new, not new, THERE), EXISTS, FILLED, StoreError("Alias already exists")]
    requests, there = play(set_up(indexer, 2), answers)
    assert names(requests) == ["index_describe", "FT.CREATE", "FT.INFO", "alias"]
    assert (there, indexer.ready) == (THERE, True)


@pytest.mark.parametrize("dropping", [None, IndexMissingError("Unknown Index name"), DROPPED])
def test_an_index_that_was_left_over_is_made_anew(dropping: StoreError | None) -> None:
    """An index of other dimensions than described is dropped, by whomever, and made from all documents."""
    answers = [(True, False, THERE), EXISTS, LEFT_OVER, dropping, None, FILLED, None]
    requests, there = play(set_up(an_indexer(), 2), answers)
    assert names(requests) == [
        "index_describe",
        *("FT.CREATE", "FT.INFO", "FT.DROPINDEX"),
        *("FT.CREATE", "FT.INFO"),
        "alias",
    ]
    drop = requests[3]
    assert isinstance(drop, Operation)
    assert (drop.commands[0].keys, drop.commands[0].args) == ((f"{recall_key('ns')}/1",), ())
    assert scans(requests) == [False, True]
    assert there == THERE


def test_an_index_of_the_same_dimensions_is_kept_while_it_is_filled() -> None:
    """An index that another worker fills is waited for, and not dropped."""
    requests, _ = play(make_index(an_indexer(), THERE, scan=True), [EXISTS, FILLING, None, FILLING, None, FILLED])
    assert names(requests) == ["FT.CREATE", "FT.INFO", "Pause", "FT.INFO", "Pause", "FT.INFO"]
    assert isinstance(requests[2], Pause)
    assert 0 < requests[2].seconds <= 1


def test_a_later_index_has_its_own_name() -> None:
    """The index of a later generation is made, and asked, by its own name."""
    requests, _ = play(make_index(an_indexer(), Description("m", 2, SETTINGS, 3), scan=True), [None, FILLED])
    operations = [request for request in requests if isinstance(request, Operation)]
    assert [each.commands[0].keys for each in operations] == [(f"{recall_key('ns')}/3",)] * 2


@pytest.mark.parametrize("before", [[], [FILLING, None]], ids=["at once", "while it is filled"])
def test_an_index_that_is_dropped_meanwhile_is_made_again(before: list[Any]) -> None:
    """Where another worker drops the index that was just made, it is made once more."""
    requests, there = play(
        set_up(an_indexer(), 2), [(False, True, THERE), None, *before, DROPPED, EXISTS, DROPPED, None, FILLED, None]
    )
    made = [each for each in names(requests) if each.startswith(("FT.", "alias"))]
    assert made == ["FT.CREATE", *["FT.INFO"] * (2 if before else 1), *["FT.CREATE", "FT.INFO"] * 2, "alias"]
    assert scans(requests) == [True] * 3
    assert there == THERE


@pytest.mark.parametrize(
    ("info", "asked"),
    [
        (DROPPED, ["FT.CREATE", "FT.INFO"]),
        (LEFT_OVER, ["FT.CREATE", "FT.INFO", "FT.DROPINDEX"]),
    ],
    ids=["dropped", "of other dimensions"],
)
def test_an_index_that_never_stays_is_given_up(info: Any, asked: list[str]) -> None:
    """After five times, an index that is gone or another each time is an error, and is not taken for ready."""
    indexer, found = an_indexer(ready=False), list[str]()

    def reply(request: Request) -> Any:
        found.append(name(request))
        return {"index_describe": (False, True, THERE), "FT.INFO": info}.get(found[-1])

    with pytest.raises(StoreError, match=r"^the index \S+/1 was dropped each time it was created$") as caught:
        play(set_up(indexer, 2), [reply] * 50)
    assert type(caught.value) is StoreError
    assert found == ["index_describe", *asked * 5]
    assert not indexer.ready


@pytest.mark.parametrize("error", ["Redis refused: Index already EXISTS", "already exists"])
def test_tolerating(error: str) -> None:
    """What Redis refuses for the one reason that is none is done, in whatever letters it says so."""
    flow = ignoring_error("already exists", command("FT.CREATE", "i"))
    requests, _ = play(flow, [StoreError(error)])
    assert names(requests) == ["FT.CREATE"]
    with pytest.raises(StopIteration):
        next(flow)


def test_tolerating_nothing_else() -> None:
    """Another reason is an error."""
    with pytest.raises(StoreError, match="OOM"):
        play(ignoring_error("already exists", command("FT.CREATE", "i")), [StoreError("OOM")])


TEXT_FIELD = ["identifier", "terms", "attribute", "terms", "type", "TEXT", "WEIGHT", "1"]
VECTOR_FIELD = ["identifier", "vector", "attribute", "vector", "type", "VECTOR", "algorithm", "FLAT", "dim", 8]


def pairs(flat: Sequence[Any]) -> dict[Any, Any]:
    """Give a flat list as a map."""
    return dict(zip(flat[::2], flat[1::2], strict=True))


def resp3(**more: Any) -> dict[str, Any]:
    """Give what FT.INFO of search 2.10 replies by RESP3."""
    flags = {"flags": ["NOSTEM"]}
    attributes = [pairs(TEXT_FIELD) | flags, pairs(VECTOR_FIELD) | {"flags": []}]
    return {"index_name": "i", "attributes": attributes, "indexing": 0, "percent_indexed": 1.0, **more}


def resp2(**more: Any) -> list[Any]:
    """Give what FT.INFO of search 2.10 replies by RESP2, where a field's flags have no value."""
    info = resp3(attributes=[[*TEXT_FIELD, "NOSTEM"], VECTOR_FIELD], indexing="0", percent_indexed="1") | more
    return [each for pair in info.items() for each in pair]


def in_bytes(reply: Any) -> Any:
    """Give a reply as a client has it that does not decode."""
    if isinstance(reply, dict):
        return {in_bytes(key): in_bytes(value) for key, value in reply.items()}
    if isinstance(reply, list):
        return [in_bytes(each) for each in reply]
    return reply.encode() if isinstance(reply, str) else reply


@pytest.mark.parametrize("read", [lambda reply: reply, in_bytes], ids=["decoded", "bytes"])
@pytest.mark.parametrize("info", [resp3, resp2])
def test_inspecting(info: Callable[..., Any], read: Callable[[Any], Any]) -> None:
    """By either protocol, an index tells the dimensions of its vectors, and whether it is being filled."""
    operation = inspect("i")
    assert [(each.name, each.keys, each.args) for each in operation.commands] == [("FT.INFO", ("i",), ())]
    assert operation.read([read(info())]) == (8, False)
    assert operation.read([read(info(indexing=1))]) == (8, True)
    assert operation.read([read(info(percent_indexed="0.5"))]) == (8, True)


def test_vectors_of_several_lengths_are_refused() -> None:
    """A model that changes between two calls, so that one batch has vectors of two lengths, has failed."""
    answers = [(seen([HumanMessage("word " * 20_000)]), THERE), vectors, lambda request: vectors(request, 3)]
    answers.append((NOTHING, THERE))
    with pytest.raises(EmbeddingError, match="of 2 and of 3 dimensions"):
        play(index(KEYS, "t", an_indexer(), wait=False), answers)


@pytest.mark.parametrize("at", range(4))
def test_setting_up_fails_with_redis(at: int) -> None:
    """What else Redis refuses is an error, and the index is not taken for ready."""
    indexer = an_indexer(ready=False)
    answers: list[Any] = [(False, True, THERE), None, FILLED, None]
    answers[at] = StoreError("OOM")
    with pytest.raises(StoreError, match="OOM"):
        play(set_up(indexer, 2), answers)
    assert not indexer.ready
