"""Indexing, told by hand what came of its requests; the calls of an embedding model; and what waits for one."""

from __future__ import annotations

import asyncio
import logging
import math
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextvars import ContextVar
from typing import Any, TypeVar

import numpy as np
import pytest
from langchain_classic.embeddings import CacheBackedEmbeddings
from langchain_core.embeddings import DeterministicFakeEmbedding, Embeddings
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, ToolMessage
from langchain_core.stores import InMemoryStore
from support import numbered

from langchain_motorhead import (
    EmbeddingError,
    EmbeddingMismatchError,
    HashingEmbeddings,
    IndexMissingError,
    InvalidInputError,
    Recall,
    SearchUnavailableError,
    StoreError,
)
from langchain_motorhead.flows.protocol import Embed, Flow, Pause, Request
from langchain_motorhead.messages.codec import encode
from langchain_motorhead.models.embedding_client import EmbeddingClient, model_name, resolve_embeddings
from langchain_motorhead.recall.index import PROBE, Indexer, make_index, set_up
from langchain_motorhead.recall.index_operations import Description, IndexLease, IndexOutcome, Unindexed
from langchain_motorhead.recall.indexing import IndexState, embed_all, index
from langchain_motorhead.runtime.retry_queue import RetryQueue
from langchain_motorhead.search_index.lifecycle import command, ignoring_error, inspect
from langchain_motorhead.storage.keys import SessionKeys, recall_key, session_keys
from langchain_motorhead.storage.operation import Operation
from langchain_motorhead.storage.scripts import SCRIPTS, Script

T = TypeVar("T")

KEYS = session_keys("ns", "s")
SETTINGS = "flat cosine float32 english"
THERE = Description("m", 2, SETTINGS, 1)
MODULE_MISSING = SearchUnavailableError("no search module")
DOWN = EmbeddingError("the model is away")
# What FT.INFO tells: the dimensions, and whether the index is being filled.
FILLED, FILLING, LEFT_OVER = (2, False), (2, True), (3, False)
EXISTS = StoreError("Redis refused: Index already exists")
DROPPED = IndexMissingError("Redis refused: Unknown index name")


def size(messages: Sequence[BaseMessage]) -> int:
    """Count a token for a character."""
    return sum(len(str(message.content)) for message in messages)


def an_indexer(*, ready: bool = True) -> Indexer:
    """Give what indexing needs to know, where the index is known to be there unless told otherwise."""
    return Indexer("ns", Recall(), "m", size, ready=ready)


def vectors(request: Request, dimensions: int = 2) -> Any:
    """Answer a request for vectors: the length of each text tells them apart."""
    assert isinstance(request, Embed)
    return np.array([[float(len(text))] * dimensions for text in request.texts])


def seen(messages: Sequence[BaseMessage | bytes], indexed: int = 0, start: int | None = None, **more: Any) -> Unindexed:
    """Make what is read of a session: messages from `start` on, of which those from `indexed` on are not indexed."""
    records: list[bytes | str] = [each if isinstance(each, bytes) else encode(each) for each in messages]
    first = indexed if start is None else start
    fields = {"epoch": "e", "user": None, "earlier": [], "total": first + len(records), **more}
    return Unindexed(indexed=indexed, start=first, records=records, **fields)


def name(request: Request) -> str:
    """Say what a request is for: the names of its script or commands, or its type."""
    if not isinstance(request, Operation):
        return type(request).__name__
    called = request.commands[0].name
    if called in ("FT.ALIASADD", "FT.ALIASUPDATE"):  # the latter where nothing else can have made one
        return "alias"
    return next(each for each in SCRIPTS if SCRIPTS[each] is called) if isinstance(called, Script) else called


def play(flow: Flow[T], answers: Sequence[Any]) -> tuple[list[Request], T | None]:
    """Answer a flow's requests in order: by what is given, what it makes of the request, or raising it."""
    requests = [next(flow)]
    try:
        for answer in answers:
            given = answer(requests[-1]) if callable(answer) else answer
            requests.append(flow.throw(given) if isinstance(given, Exception) else flow.send(given))
        if name(requests[-1]) == "lease_renew":  # it failed, and releases its lease
            flow.send(None)
    except StopIteration as end:
        return requests, end.value
    return requests, None


def stored(request: Request) -> dict[str, dict[str, Any]]:
    """Give the documents that a request stores: their fields by the rest of their keys."""
    assert name(request) == "index_commit"
    assert isinstance(request, Operation)
    rest = list(request.commands[0].args[8:])
    documents = {}
    while rest:
        suffix, _, count = rest[:3]
        flat = rest[3 : 3 + int(count)]
        fields = {_text(key): value for key, value in zip(flat[::2], flat[1::2], strict=True)}
        documents[_text(suffix)] = {key: value if "vector" in key else _text(value) for key, value in fields.items()}
        rest = rest[3 + int(count) :]
    return documents


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


def embeds(requests: Sequence[Request]) -> list[tuple[str, ...]]:
    """Give the texts that were to be embedded, call by call."""
    return [request.texts for request in requests if isinstance(request, Embed)]


def names(requests: Sequence[Request]) -> list[str]:
    """Say what requests are for."""
    return [name(request) for request in requests]


# Indexing

# What the operations of indexing say.
DONE, MORE, STALE = IndexOutcome.DONE, IndexOutcome.MORE, IndexOutcome.STALE
BUSY, NOTHING = IndexLease.BUSY, IndexLease.DONE


def test_indexing_step_by_step() -> None:
    """What is not indexed is read, embedded in one call, and stored with the count of it, and that is all."""
    requests, done = play(
        index(KEYS, "token", an_indexer(), wait=False),
        [(seen(numbered(3), indexed=5), THERE), vectors, DONE],
    )
    assert names(requests) == ["index_begin", "Embed", "index_commit"]
    assert done is IndexState.DONE
    embed, store = requests[1], requests[2]
    assert isinstance(embed, Embed)
    assert embed.heartbeat is not None
    assert (embed.query, name(embed.heartbeat)) == (False, "lease_renew")
    assert embed.texts == ("Human: m0", "AI: m1\nHuman: m0", "Human: m2\nAI: m1\nHuman: m0")
    assert isinstance(store, Operation)
    assert store.commands[0].args[:6] == ("token", 10_000, "e", 5, 8, 1)
    documents = stored(store)
    assert list(documents) == ["5", "6", "7"]
    assert documents["6"] == {
        "text": "m1",
        "terms": "m1",
        "role": "ai",
        "session": "s",
        "namespace": "ns",
        "seq": "6",
        "vector": np.array([16.0, 16.0], dtype=np.float32).tobytes(),
    }


def test_the_first_document_waits_for_its_index() -> None:
    """In a namespace without an index, it is described, made, filled and named before the first document is stored."""
    indexer = an_indexer(ready=False)
    requests, done = play(
        index(KEYS, "t", indexer, wait=False),
        [(seen(numbered(2)), None), vectors, (True, THERE), None, FILLING, None, FILLED, None, DONE],
    )
    assert names(requests) == [
        "index_begin",
        "Embed",
        "index_describe",
        "FT.CREATE",
        "FT.INFO",
        "Pause",
        "FT.INFO",
        "alias",
        "index_commit",
    ]
    assert (done, indexer.ready) == (IndexState.DONE, True)
    create = requests[3]
    assert isinstance(create, Operation)
    assert "SKIPINITIALSCAN" in create.commands[0].args


def test_messages_without_a_text_ask_for_nothing() -> None:
    """Where none of the messages is to be indexed, no model is asked and no index made, but they count as done."""
    messages: list[BaseMessage | bytes] = [ToolMessage("r", tool_call_id="c"), HumanMessage(" "), b"no message"]
    indexer = an_indexer(ready=False)
    requests, done = play(index(KEYS, "t", indexer, wait=False), [(seen(messages), None), DONE])
    assert names(requests) == ["index_begin", "index_commit"]
    assert stored(requests[1]) == {}
    assert (done, indexer.ready) == (IndexState.DONE, False)


def test_an_unreadable_record_is_reported_and_passed(caplog: pytest.LogCaptureFixture) -> None:
    """A record that is no message is reported in the log, and those beside it are indexed."""
    messages: list[BaseMessage | bytes] = [HumanMessage("a"), b"{", AIMessage("b")]
    requests, done = play(index(KEYS, "t", an_indexer(), wait=False), [(seen(messages), THERE), vectors, DONE])
    assert embeds(requests) == [("Human: a", "AI: b\nHuman: a")]
    assert list(stored(requests[2])) == ["0", "2"]
    assert done is IndexState.DONE
    assert "session 's': record 1 is not indexed" in caplog.text


def test_context_comes_from_the_list_and_from_documents() -> None:
    """What was said before is taken from messages that are indexed already, and before those from their documents."""
    earlier = [("Anna", "human", "second"), ("", "ai", "first")]
    alone = seen(numbered(1), indexed=9, earlier=earlier)
    behind = seen([AIMessage("third"), HumanMessage("fourth")], indexed=10, start=9, earlier=earlier)
    for given, text in (
        (alone, "Human: m0\nAnna: second\nAI: first"),
        (behind, "Human: fourth\nAI: third\nAnna: second"),
    ):
        requests, done = play(index(KEYS, "t", an_indexer(), wait=False), [(given, THERE), vectors, DONE])
        assert embeds(requests) == [(text,)]
        assert done is IndexState.DONE


def test_many_messages_are_embedded_in_one_call() -> None:
    """As many messages as are read at once are embedded in one call, and the rest after they are stored."""
    requests, done = play(
        index(KEYS, "t", an_indexer(), wait=False),
        [
            (seen(numbered(256), total=300), THERE),
            vectors,
            MORE,
            (seen(numbered(44), indexed=256), THERE),
            vectors,
            DONE,
        ],
    )
    assert names(requests) == ["index_begin", "Embed", "index_commit"] * 2
    assert [len(texts) for texts in embeds(requests)] == [256, 44]
    assert done is IndexState.DONE


def test_no_call_has_more_than_256_texts() -> None:
    """Pieces fill a batch as messages do; a message that has more of them is embedded alone, in several calls."""
    longest, long = HumanMessage("word " * 20_000), HumanMessage("word " * 10_000)
    messages = [*numbered(3), longest, long, HumanMessage("z")]
    given = [(seen(messages[at:], indexed=at), THERE) for at in (0, 3, 4)]
    requests, done = play(
        index(KEYS, "t", an_indexer(), wait=False),
        [
            given[0],
            vectors,
            MORE,
            given[1],
            vectors,
            vectors,
            MORE,
            given[2],
            vectors,
            DONE,
        ],
    )
    assert names(requests) == [
        "index_begin",
        "Embed",
        "index_commit",
        "index_begin",
        "Embed",
        "Embed",
        "index_commit",
        *names(requests[:3]),
    ]
    counts = [len(texts) for texts in embeds(requests)]
    assert (counts[0], counts[1], max(counts)) == (3, 256, 256)
    documents = stored(requests[6])
    assert len(documents) == counts[1] + counts[2]
    assert list(documents)[:3] == ["3", "3/1", "3/2"]
    assert "".join(fields["text"] for fields in documents.values()) == str(longest.content).strip()
    assert {fields["pieces"] for fields in documents.values()} == {str(len(documents))}
    assert done is IndexState.DONE


def test_nothing_is_stored_while_the_model_is_away() -> None:
    """Where the model fails with a plain text as well, indexing fails with its error, and nothing is stored."""
    flow = index(KEYS, "t", an_indexer(), wait=False)
    flow.send(None)
    flow.send((seen(numbered(4)), THERE))
    probe = flow.throw(EmbeddingError("first"))
    assert isinstance(probe, Embed)
    assert (probe.texts, probe.heartbeat is not None) == ((PROBE,), True)
    assert name(flow.throw(DOWN)) == "lease_renew"  # the lease is released
    with pytest.raises(EmbeddingError, match="is away"):
        flow.send(None)


def test_one_text_at_fault_does_not_hold_up_others(caplog: pytest.LogCaptureFixture) -> None:
    """A text that the model does not take is found by its words alone, and all others have their vectors."""
    messages = [HumanMessage("poison" if at == 5 else f"m{at}", name="n") for at in range(9)]

    def model(request: Request) -> Any:
        assert isinstance(request, Embed)
        return EmbeddingError("bad text") if any("poison" in text for text in request.texts) else vectors(request)

    flow = index(KEYS, "t", an_indexer(), wait=False)
    requests, request = [flow.send(None)], flow.send((seen(messages), THERE))
    while isinstance(request, Embed):
        requests.append(request)
        answer = model(request)
        request = flow.throw(answer) if isinstance(answer, Exception) else flow.send(answer)
    with pytest.raises(StopIteration) as end:
        flow.send(DONE)
    assert end.value.value is IndexState.DONE
    documents = stored(request)
    assert [key for key, fields in documents.items() if "vector" not in fields] == ["5"]
    assert documents["5"]["terms"] == "n poison"
    # The two that have it in their context are embedded without one.
    assert {"n: m6", "n: m7"} <= {text for texts in embeds(requests) for text in texts}
    assert len(requests) < 40
    assert caplog.text.count("found by its words alone") == 1


def test_texts_that_are_all_at_fault() -> None:
    """Where no text has a vector, documents are stored without, and the index is left as it is."""
    requests, done = play(
        index(KEYS, "t", an_indexer(ready=False), wait=False),
        [(seen(numbered(1)), None), DOWN, vectors, DONE],
    )
    assert names(requests) == ["index_begin", "Embed", "Embed", "index_commit"]
    assert "vector" not in stored(requests[3])["0"]
    assert done is IndexState.DONE


def test_embedding_nothing() -> None:
    """No text is embedded by no call."""
    with pytest.raises(StopIteration) as end:
        next(embed_all([], []))
    assert end.value.value == []


@pytest.mark.parametrize(
    "there",
    [
        Description("other", 2, SETTINGS, 1),
        Description("m", 2, "hnsw cosine float32 english", 1),
        Description("m", 2, "flat cosine float32 german", 4),
    ],
)
def test_another_index_is_refused_before_the_model_is_asked(there: Description) -> None:
    """Nothing is embedded for an index that was made with another model, or otherwise."""
    flow = index(KEYS, "t", an_indexer(ready=False), wait=False)
    with pytest.raises(EmbeddingMismatchError, match=r"namespace 'ns' was made with .* this is m \(2 .*reindex"):
        play(flow, [(seen(numbered(1)), there)])


@pytest.mark.parametrize("ready", [True, False])
def test_other_dimensions_are_refused(ready: bool) -> None:
    """A model of the same name whose vectors have another length is refused before anything is stored."""
    indexer = an_indexer(ready=ready)
    answers: list[Any] = [(seen(numbered(1)), THERE), lambda request: vectors(request, 3)]
    if not ready:
        answers.append((False, THERE))
    with pytest.raises(EmbeddingMismatchError, match=r"\(2 dimensions.*\(3 dimensions"):
        play(index(KEYS, "t", indexer, wait=False), answers)


def test_what_was_described_first_holds() -> None:
    """Of two that make the index at once with different models, the later one is refused."""
    with pytest.raises(EmbeddingMismatchError):
        play(set_up(an_indexer(), 2), [(False, Description("other", 2, SETTINGS, 1))])


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
    assert _text(requests[2].commands[0].args[7]) == "u%7Dv"


@pytest.mark.parametrize("wait", [True, False])
def test_nothing_to_do(wait: bool) -> None:
    """Where all is indexed, one look tells."""
    requests, done = play(index(KEYS, "t", an_indexer(), wait=wait), [(NOTHING, None)])
    assert (names(requests), done) == (["index_begin"], IndexState.DONE)


def test_others_at_work_are_left_to_it() -> None:
    """While somebody else indexes the session, there is nothing to do, and it is told that not all is done."""
    requests, done = play(index(KEYS, "t", an_indexer(), wait=False), [(BUSY, None)])
    assert (names(requests), done) == (["index_begin"], IndexState.BUSY)


def test_others_that_took_over_are_left_to_it() -> None:
    """Where somebody else takes over between two batches, the rest is left to it as well."""
    answers = [(seen(numbered(1), total=2), THERE), vectors, MORE, (BUSY, None)]
    requests, done = play(index(KEYS, "t", an_indexer(), wait=False), answers)
    assert (names(requests)[-1], done) == ("index_begin", IndexState.BUSY)


def test_waiting_for_others_at_work() -> None:
    """Where it is told to wait, it pauses while somebody else is at work, and asks again."""
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
    batch = [vectors, (True, THERE), MODULE_MISSING, THERE]
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
    assert caplog.text.count("cannot be found yet") == 1


def test_a_search_module_that_came_later_is_used() -> None:
    """Once Redis has the module, the next document makes the index, from all that was stored without it."""
    indexer = an_indexer(ready=False)
    indexer.unsearchable = True
    requests, _ = play(
        index(KEYS, "t", indexer, wait=False),
        [(seen(numbered(1)), THERE), vectors, (False, THERE), None, FILLED, None, DONE],
    )
    assert names(requests)[2:] == ["index_describe", "FT.CREATE", "FT.INFO", "alias", "index_commit"]
    create = requests[3]
    assert isinstance(create, Operation)
    assert "SKIPINITIALSCAN" not in create.commands[0].args
    assert (indexer.ready, indexer.unsearchable) == (True, False)


# Setting up


def scans(requests: Sequence[Request]) -> list[bool]:
    """Say of each time that an index is made whether it is from the documents that are there."""
    commands = [request.commands[0] for request in requests if isinstance(request, Operation)]
    return ["SKIPINITIALSCAN" not in each.args for each in commands if each.name == "FT.CREATE"]


@pytest.mark.parametrize("new", [True, False])
def test_setting_up_asks_the_model_first(new: bool) -> None:
    """One text is embedded to see how long vectors are, described or not, and the index is made and named."""
    requests, there = play(set_up(an_indexer(ready=False)), [vectors, (new, THERE), None, FILLED, None])
    assert names(requests) == ["Embed", "index_describe", "FT.CREATE", "FT.INFO", "alias"]
    assert embeds(requests) == [(PROBE,)]
    establish, alias = requests[1], requests[4]
    assert isinstance(establish, Operation)
    assert isinstance(alias, Operation)
    assert establish.commands[0].args == ("model", "m", "dimensions", 2, "settings", SETTINGS, "generation", 1)
    assert (alias.commands[0].keys, alias.commands[0].args) == ((recall_key("ns"),), (f"{recall_key('ns')}/1",))
    assert scans(requests) == [not new]
    assert there == THERE


def test_setting_up_for_vectors_that_are_there() -> None:
    """Where it is known how long vectors are, the model is not asked."""
    requests, there = play(set_up(an_indexer(ready=False), 2), [(False, THERE), None, FILLED, None])
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
    answers = [(new, THERE), EXISTS, FILLED, StoreError("Alias already exists")]
    requests, there = play(set_up(indexer, 2), answers)
    assert names(requests) == ["index_describe", "FT.CREATE", "FT.INFO", "alias"]
    assert (there, indexer.ready) == (THERE, True)


@pytest.mark.parametrize("dropping", [None, IndexMissingError("Unknown Index name"), DROPPED])
def test_an_index_that_was_left_over_is_made_anew(dropping: StoreError | None) -> None:
    """An index of other dimensions than described is dropped, by whomever, and made from all documents."""
    answers = [(True, THERE), EXISTS, LEFT_OVER, dropping, None, FILLED, None]
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
        set_up(an_indexer(), 2), [(False, THERE), None, *before, DROPPED, EXISTS, DROPPED, None, FILLED, None]
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
        return {"index_describe": (False, THERE), "FT.INFO": info}.get(found[-1])

    with pytest.raises(StoreError, match=r"^the index \S+/1 is dropped as often as it is made$") as caught:
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
    with pytest.raises(EmbeddingError, match="of 2 and of 3 dimensions"):
        play(index(KEYS, "t", an_indexer(), wait=False), answers)


@pytest.mark.parametrize("at", range(4))
def test_setting_up_fails_with_redis(at: int) -> None:
    """What else Redis refuses is an error, and the index is not taken for ready."""
    indexer = an_indexer(ready=False)
    answers: list[Any] = [(False, THERE), None, FILLED, None]
    answers[at] = StoreError("OOM")
    with pytest.raises(StoreError, match="OOM"):
        play(set_up(indexer, 2), answers)
    assert not indexer.ready


# The calls of a model

WHERE: ContextVar[str] = ContextVar("WHERE", default="nowhere")


class Model(Embeddings):
    """Answers as it is told: by a value, or by raising it, after a while."""

    def __init__(self, answer: Any = None, seconds: float = 0.0) -> None:
        self.answer = answer
        self.seconds = seconds
        self.contexts: list[str] = []
        self.threads: list[int] = []

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """Answer for documents."""
        self.contexts.append(WHERE.get())
        self.threads.append(threading.get_ident())
        time.sleep(self.seconds)
        if isinstance(self.answer, BaseException):
            raise self.answer
        given: list[list[float]] = [[1.0, 2.0] for _ in texts] if self.answer is None else self.answer
        return given

    def embed_query(self, text: str) -> list[float]:
        """Answer for a query."""
        given: Any = self.embed_documents([text])
        return given[0] if isinstance(given, list) and given else given  # type: ignore[no-any-return]


class AsyncModel(Model):
    """The same, natively async."""

    async def aembed_documents(self, texts: list[str]) -> list[list[float]]:
        """Answer for documents."""
        seconds, self.seconds = self.seconds, 0.0
        await asyncio.sleep(seconds)
        return self.embed_documents(texts)

    async def aembed_query(self, text: str) -> list[float]:
        """Answer for a query."""
        return self.embed_query(text)


class Both:
    """Makes a call sync, or async, and counts heartbeats."""

    def __init__(self, kind: type[Model], *, is_async: bool) -> None:
        self.kind = kind
        self.is_async = is_async
        self.beats = 0

    async def __call__(self, model: Embeddings, *texts: str, query: bool = False, seconds: float = 5.0) -> Any:
        """Embed texts."""
        calls, request = EmbeddingClient(model, seconds), Embed(texts, query=query)
        if self.is_async:
            return await calls.acall(request, self.abeat)
        return calls.call(request, self.beat)

    def beat(self) -> None:
        """Count."""
        self.beats += 1

    async def abeat(self) -> None:
        """Count."""
        self.beats += 1


@pytest.fixture(params=["sync", "async in a thread", "async"])
def embed(request: pytest.FixtureRequest) -> Both:
    """Makes calls in each of the three ways."""
    return Both(AsyncModel if request.param == "async" else Model, is_async=request.param != "sync")


async def test_calls_give_a_vector_for_each_text(embed: Both) -> None:
    """Each text has its vector, in order, whatever kind of sequence the model gives."""
    for answer in ([[1, 2], [3, 4]], [(1.0, 2.0), (3.0, 4.0)], np.array([[1, 2], [3, 4]], dtype=np.float32)):
        given = await embed(embed.kind(answer), "a", "b")
        assert [list(vector) for vector in given] == [[1.0, 2.0], [3.0, 4.0]]
    assert [list(vector) for vector in await embed(embed.kind([[5, 6]]), "a", query=True)] == [[5.0, 6.0]]


@pytest.mark.parametrize(
    "answer",
    [
        [[1.0, 2.0]],
        [[1.0, 2.0]] * 3,
        [],
        [[], []],
        [[1.0, 2.0], [1.0]],
        [[1.0, math.nan], [1.0, 2.0]],
        [[1.0, 2.0], [math.inf, 2.0]],
        [[math.inf, -math.inf], [1.0, 2.0]],
        [["a", "b"], ["c", "d"]],
        [[None, None], [1.0, 2.0]],
        [1.0, 2.0],
        ["ab", "cd"],
        "ab",
        None,
        7,
        [[[1.0]], [[2.0]]],
        object(),
        {"a": [1.0], "b": [2.0]},
    ],
    ids=lambda answer: repr(answer).partition(" object at ")[0],  # the same in every process
)
async def test_other_answers_than_vectors(embed: Both, answer: Any) -> None:
    """What is not one vector of finite numbers for each text, all of one length, is the model's failure."""
    model = embed.kind(answer if answer is not None else ...)
    with pytest.raises(EmbeddingError, match=r"^the embedding model gave "):
        await embed(model, "a", "b")


@pytest.mark.parametrize("answer", [[[]], [[math.nan]], [["a"]], [7.0]], ids=repr)
async def test_other_answers_than_a_vector_of_a_query(embed: Both, answer: Any) -> None:
    """The vector of a query has to be one as well."""
    with pytest.raises(EmbeddingError, match=r"^the embedding model gave "):
        await embed(embed.kind(answer), "a", query=True)


@pytest.mark.parametrize("query", [False, True])
async def test_what_a_model_raises_is_its_failure(embed: Both, query: bool) -> None:
    """Whatever the model raises, it is one error of ours, which says what it was and has it as its cause."""
    error = ValueError("no such model")
    with pytest.raises(EmbeddingError, match=r"^the embedding model raised ValueError: no such model$") as caught:
        await embed(embed.kind(error), "a", query=query)
    assert caught.value.__cause__ is error


@pytest.mark.parametrize("error", [SystemExit(3), StopIteration()])
async def test_what_ends_a_thread_ends_only_the_call(error: BaseException) -> None:
    """A model that raises what would end a program or an iteration ends its own call."""
    for is_async in (False, True):
        with pytest.raises(EmbeddingError, match=r"^the embedding model raised "):
            await Both(Model, is_async=is_async)(Model(error), "a")


async def test_a_long_error_is_cut(embed: Both) -> None:
    """An error as long as the texts that it quotes does not fill the log."""
    with pytest.raises(EmbeddingError) as caught:
        await embed(embed.kind(RuntimeError("x" * 10_000)), "a")
    assert len(str(caught.value)) < 300


async def test_a_call_has_its_time(embed: Both) -> None:
    """A call that takes longer than it may is given up, and says how long that was."""
    start = time.monotonic()
    with pytest.raises(EmbeddingError, match=r"^the embedding model took longer than 0\.05 s$"):
        await embed(embed.kind(seconds=1.0), "a", seconds=0.05)
    assert time.monotonic() - start < 0.9


async def test_heartbeats(embed: Both, monkeypatch: pytest.MonkeyPatch) -> None:
    """While a call takes, a sign of life is given again and again, and none for a short one."""
    monkeypatch.setattr("langchain_motorhead.concurrency.bounded_call.HEARTBEAT", 0.01)
    await embed(embed.kind(seconds=0.2), "a")
    assert 3 <= embed.beats <= 21
    monkeypatch.setattr("langchain_motorhead.concurrency.bounded_call.HEARTBEAT", 3.0)
    embed.beats = 0
    await embed(embed.kind(), "a")
    assert embed.beats == 0


async def test_contexts(embed: Both) -> None:
    """A query is part of the run that asks it; documents are not, in whose run they happen to be embedded."""
    token, model = WHERE.set("a run"), embed.kind()
    try:
        await embed(model, "a", query=True)
        await embed(model, "a")
    finally:
        WHERE.reset(token)
    assert model.contexts == ["a run", "nowhere"]


async def test_a_sync_model_does_not_hold_up_the_loop() -> None:
    """Called from an event loop, a model that is not async runs in a thread."""
    model, here = Model(), threading.get_ident()
    await EmbeddingClient(model, 5).acall(Embed(("a",)), asyncio.Event().wait)
    await EmbeddingClient(model, 5).acall(Embed(("a",), query=True), asyncio.Event().wait)
    assert here not in model.threads
    asynchronous = AsyncModel()
    await EmbeddingClient(asynchronous, 5).acall(Embed(("a",)), asyncio.Event().wait)
    assert asynchronous.threads == [here]


# Which model


class Duck:
    """Has the methods of LangChain's class, and is none."""

    model_name = "mallard"

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """Give vectors."""
        return [self.embed_query(text) for text in texts]

    def embed_query(self, text: str) -> list[float]:
        """Give a vector."""
        return [float(len(text)), 1.0]


def test_a_model_stands_for_itself() -> None:
    """A model that is one of LangChain's is taken as it is."""
    model = HashingEmbeddings()
    assert resolve_embeddings(model) is model


def test_a_model_that_does_not_inherit() -> None:
    """An object that can do what a model can is one, by its own name."""
    model = resolve_embeddings(Duck())
    assert isinstance(model, Embeddings)
    assert (model.embed_query("abc"), model.embed_documents(["a", ""])) == ([3.0, 1.0], [[1.0, 1.0], [0.0, 1.0]])
    assert model_name(model) == "Duck:mallard"


@pytest.mark.parametrize("named", ["nonsense", "nobody:nothing", "openai:", ":", "openai:text-embedding-3-small"])
def test_a_name_that_cannot_be_made(named: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that is none, or whose package or key is missing, is refused with the reason and what to give instead."""
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with pytest.raises(
        InvalidInputError, match=r"cannot be made into an embedding model .*give the model itself"
    ) as caught:
        resolve_embeddings(named)
    assert repr(named) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert caught.value.__cause__ is not None


def test_a_model_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name is made into the model by LangChain."""
    monkeypatch.setenv("OPENAI_API_KEY", "no key")
    model = resolve_embeddings("openai:text-embedding-3-small")
    assert model_name(model) == "OpenAIEmbeddings:text-embedding-3-small"
    # It would download an encoding to count with, and fail where it cannot.
    assert model.check_embedding_ctx_length is False  # type: ignore[attr-defined]


@pytest.mark.parametrize("given", ["", "  ", 7, object(), len, {"embed_query": len}, [HashingEmbeddings()]])
def test_what_is_no_model(given: object) -> None:
    """What is neither a model nor a name is refused, shown in short."""
    with pytest.raises(InvalidInputError, match=r"^embeddings must be a LangChain Embeddings.* is neither$") as caught:
        resolve_embeddings(given)
    assert len(str(caught.value)) < 200


def test_names_tell_models_apart() -> None:
    """A model is named by its class, and where it says so by which of the class's models it is."""
    plain, named, other = Model(), Model(), Model()
    named.model = "large"  # type: ignore[attr-defined]
    other.model_id = "small"  # type: ignore[attr-defined]
    told = [model_name(each) for each in (plain, named, other, DeterministicFakeEmbedding(size=4))]
    assert told == ["Model", "Model:large", "Model:small", "DeterministicFakeEmbedding"]
    named.model = ""  # type: ignore[attr-defined]
    other.model_id = object()  # type: ignore[attr-defined]
    assert [model_name(each) for each in (named, other)] == ["Model", "Model"]


def test_a_wrapped_model_has_its_own_name() -> None:
    """A cache round a model makes no other model of it."""
    cached = CacheBackedEmbeddings(HashingEmbeddings(), InMemoryStore())
    assert model_name(cached) == model_name(HashingEmbeddings())
    wrapping = Model()
    wrapping.bound = cached  # type: ignore[attr-defined]
    assert model_name(wrapping) == model_name(HashingEmbeddings())


# What waits for a model

OTHER = session_keys("ns", "other")


class Retries:
    """Notes what is retried, when, and in which thread."""

    def __init__(self) -> None:
        self.sessions: list[str] = []
        self.times: list[float] = []
        self.threads: list[int] = []
        self.then: Callable[[SessionKeys], object] = lambda keys: None

    def __call__(self, keys: SessionKeys) -> None:
        """Note it."""
        self.sessions.append(keys.session_id)
        self.times.append(time.monotonic())
        self.threads.append(threading.get_ident())
        self.then(keys)

    def wait_for(self, count: int) -> None:
        """Wait until there were so many, a few seconds at most."""
        deadline = time.monotonic() + 5
        while len(self.sessions) < count and time.monotonic() < deadline:
            time.sleep(0.005)
        assert len(self.sessions) >= count


@pytest.fixture
def retries() -> Retries:
    """What was retried."""
    return Retries()


@pytest.fixture
def retry_queue(retries: Retries) -> Iterator[RetryQueue]:
    """Retries after a second, or as `_FIRST` is set to be."""
    retry_queue = RetryQueue(retries)
    yield retry_queue
    retry_queue.close()


def pauses(caplog: pytest.LogCaptureFixture) -> list[float]:
    """List the pauses that were logged."""
    return [record.args[1] for record in caplog.records if isinstance(record.args, tuple) and len(record.args) == 3]  # type: ignore[misc]


def test_without_a_failure_nothing_is_held(retry_queue: RetryQueue, retries: Retries) -> None:
    """As long as the model answers, nobody waits and nothing is retried."""
    assert not retry_queue.defer_if_open(KEYS)
    retry_queue.record_success(KEYS)
    assert not retry_queue.defer_if_open(KEYS)
    assert retries.sessions == []


def test_without_a_failure_nobody_else_is_retried(retry_queue: RetryQueue, retries: Retries) -> None:
    """A session that passes has none retried that waits for something else than the model."""
    retry_queue.retry_later(OTHER, 60)
    retry_queue.record_success(KEYS)
    assert retries.sessions == []
    retry_queue.retry_now()
    assert retries.sessions == ["other"]


def test_looking_again(retry_queue: RetryQueue, retries: Retries, caplog: pytest.LogCaptureFixture) -> None:
    """A session that did not fail is retried once after a while, in another thread; none is held, nothing logged."""
    start = time.monotonic()
    retry_queue.retry_later(KEYS, 0.1)
    retry_queue.retry_later(KEYS, 0.1)
    assert not retry_queue.defer_if_open(KEYS)
    assert not retry_queue.defer_if_open(OTHER)
    retries.wait_for(1)
    assert retries.times[0] - start >= 0.1
    assert threading.get_ident() not in retries.threads
    time.sleep(0.15)
    assert retries.sessions == ["s"]
    assert caplog.records == []


def test_looking_again_and_again(retry_queue: RetryQueue, retries: Retries) -> None:
    """A retry may ask for the next one."""
    retries.then = lambda keys: retry_queue.retry_later(keys, 0.01) if len(retries.sessions) < 3 else None
    retry_queue.retry_later(KEYS, 0.01)
    retries.wait_for(3)
    assert retries.sessions == ["s"] * 3


def test_the_model_is_back_before_looking_again(retry_queue: RetryQueue, retries: Retries) -> None:
    """After a failure, what is to be looked at again is retried with the others when one passes."""
    retry_queue.retry_later(OTHER, 60)
    retry_queue.record_failure(KEYS, DOWN)
    retry_queue.record_success(KEYS)
    assert retries.sessions == ["other"]


def test_a_failure_holds_all_sessions(
    retry_queue: RetryQueue, retries: Retries, caplog: pytest.LogCaptureFixture
) -> None:
    """After a failure, no session asks the model for a second, which is logged once, and why."""
    retry_queue.record_failure(KEYS, DOWN)
    assert retry_queue.defer_if_open(KEYS)
    assert retry_queue.defer_if_open(OTHER)
    retry_queue.record_failure(OTHER, DOWN)
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert record.getMessage() == (
        "session 's': not indexed, next try in 1 s; no message was removed: the model is away"
    )
    assert retries.sessions == []


def test_pauses_grow(
    retry_queue: RetryQueue, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Each failure after a pause doubles it, up to the longest, and a success begins anew."""
    now = [1_000.0]
    monkeypatch.setattr("langchain_motorhead.runtime.retry_queue.time.monotonic", lambda: now[0])
    monkeypatch.setattr(RetryQueue, "_set_timer", lambda self: None)
    for _ in range(8):
        retry_queue.record_failure(KEYS, DOWN)
        retry_queue.record_failure(OTHER, DOWN)  # in the same pause
        now[0] += 60
        assert not retry_queue.defer_if_open(KEYS)
    assert pauses(caplog) == [1, 2, 4, 8, 16, 32, 60, 60]
    retry_queue.record_success(KEYS)
    retry_queue.record_failure(KEYS, DOWN)
    assert pauses(caplog)[-1] == 1


def test_a_pause_ends_by_itself(retry_queue: RetryQueue, retries: Retries, monkeypatch: pytest.MonkeyPatch) -> None:
    """After the pause, each session that waits is retried once, in another thread, with nobody asking for it."""
    monkeypatch.setattr("langchain_motorhead.runtime.retry_queue._FIRST_PAUSE_SECONDS", 0.2)
    start = time.monotonic()
    retry_queue.record_failure(KEYS, DOWN)
    retry_queue.record_failure(KEYS, DOWN)
    retry_queue.defer_if_open(OTHER)
    retries.wait_for(2)
    assert sorted(retries.sessions) == ["other", "s"]
    assert retries.times[0] - start >= 0.2
    assert threading.get_ident() not in retries.threads
    assert not retry_queue.defer_if_open(KEYS)
    time.sleep(0.1)
    assert len(retries.sessions) == 2


def test_the_model_is_back(retry_queue: RetryQueue, retries: Retries) -> None:
    """When one session passes, all others that wait are retried at once, and the pause is over."""
    retry_queue.record_failure(KEYS, DOWN)
    assert retry_queue.defer_if_open(OTHER)
    retry_queue.record_success(KEYS)
    assert retries.sessions == ["other"]
    assert not retry_queue.defer_if_open(KEYS)
    retry_queue.record_success(KEYS)
    assert retries.sessions == ["other"]


def test_retrying_now(retry_queue: RetryQueue, retries: Retries) -> None:
    """Told to, it retries what waits without waiting for the pause to end."""
    retry_queue.record_failure(KEYS, DOWN)
    retry_queue.record_failure(OTHER, DOWN)
    retry_queue.retry_now()
    assert sorted(retries.sessions) == ["other", "s"]
    retry_queue.retry_now()
    assert len(retries.sessions) == 2


def test_a_failure_of_the_retry_waits_again(
    retry_queue: RetryQueue, retries: Retries, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What fails again after its retry is retried again, later each time, until it passes."""
    monkeypatch.setattr("langchain_motorhead.runtime.retry_queue._FIRST_PAUSE_SECONDS", 0.03)

    def fail_twice(keys: SessionKeys) -> None:
        if len(retries.sessions) < 3:
            threading.Timer(0.02, retry_queue.record_failure, (keys, DOWN)).start()
        else:
            retry_queue.record_success(keys)

    retries.then = fail_twice
    retry_queue.record_failure(KEYS, DOWN)
    retries.wait_for(3)
    assert retries.sessions == ["s"] * 3
    first, second, third = retries.times
    assert second - first >= 0.02 + 0.06
    assert third - second >= 0.02 + 0.12


def test_a_failure_at_once_waits_again(
    retry_queue: RetryQueue, retries: Retries, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What fails within its retry, in the thread that retries it, is retried again as well."""
    monkeypatch.setattr("langchain_motorhead.runtime.retry_queue._FIRST_PAUSE_SECONDS", 0.02)
    retries.then = lambda keys: retry_queue.record_failure(keys, DOWN) if len(retries.sessions) < 3 else None
    retry_queue.record_failure(KEYS, DOWN)
    retries.wait_for(3)
    assert retries.sessions == ["s"] * 3


def test_an_earlier_pause_does_not_end_a_later_one(
    retry_queue: RetryQueue, retries: Retries, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A pause that a success ended has no part in the next one, which may be shorter, or longer."""
    retry_queue.record_failure(KEYS, DOWN)
    retry_queue.record_success(KEYS)
    monkeypatch.setattr("langchain_motorhead.runtime.retry_queue._FIRST_PAUSE_SECONDS", 0.02)
    start = time.monotonic()
    retry_queue.record_failure(KEYS, DOWN)
    retries.wait_for(1)
    assert retries.times[0] - start < 0.9


def test_closing_ends_all_retries(retry_queue: RetryQueue, retries: Retries, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once closed, what waits is not retried any more, and closing again is no error."""
    monkeypatch.setattr("langchain_motorhead.runtime.retry_queue._FIRST_PAUSE_SECONDS", 0.1)
    retry_queue.record_failure(KEYS, DOWN)
    retry_queue.close()
    retry_queue.close()
    time.sleep(0.2)
    assert retries.sessions == []


def test_closing_forbids_later_retries(
    retry_queue: RetryQueue, retries: Retries, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once closed, what fails, waits or is to be looked at again after that begins no wait for a retry."""
    monkeypatch.setattr("langchain_motorhead.runtime.retry_queue._FIRST_PAUSE_SECONDS", 0.05)
    retry_queue.close()
    before = set(threading.enumerate())
    retry_queue.retry_later(OTHER, 0.01)
    retry_queue.record_failure(KEYS, DOWN)
    retry_queue.defer_if_open(OTHER)
    assert set(threading.enumerate()) <= before
    time.sleep(0.15)
    assert retries.sessions == []


@pytest.mark.parametrize("timed", [True, False])
def test_a_retry_that_raises_does_not_keep_others_from_theirs(
    retry_queue: RetryQueue, retries: Retries, caplog: pytest.LogCaptureFixture, timed: bool
) -> None:
    """What cannot be retried is logged with its error, and the sessions after it are retried as well."""
    broken = RuntimeError("no thread can be started")

    def refuse(keys: SessionKeys) -> None:
        if keys == KEYS:
            raise broken

    retries.then = refuse
    retry_queue.retry_later(KEYS, 0.05 if timed else 60)
    retry_queue.retry_later(OTHER, 0.06 if timed else 60)
    if not timed:
        retry_queue.retry_now()
    retries.wait_for(2)
    assert retries.sessions == ["s", "other"]
    (record,) = caplog.records
    assert (record.levelno, record.getMessage()) == (logging.WARNING, "session 's': its indexing could not be retried")
    assert record.exc_info is not None
    assert record.exc_info[1] is broken


def test_no_thread_keeps_the_process(retry_queue: RetryQueue) -> None:
    """What waits for a pause to end does not keep a process from ending."""
    before = set(threading.enumerate())
    retry_queue.record_failure(KEYS, DOWN)
    begun = set(threading.enumerate()) - before
    assert [thread.daemon for thread in begun] == [True]
