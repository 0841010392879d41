"""The flow that indexes a session, given by hand what its requests return."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, ToolMessage

from langchain_motorhead import EmbeddingError, EmbeddingMismatchError
from langchain_motorhead.flows.protocol import Embed, Request
from langchain_motorhead.recall.indexing.descriptions import Description
from langchain_motorhead.recall.indexing.embedding import embed_all
from langchain_motorhead.recall.indexing.flow import IndexState, index
from langchain_motorhead.recall.indexing.index import PROBE, set_up
from langchain_motorhead.storage.operation import Operation
from support.indexing import (
    AGAIN,
    DONE,
    DOWN,
    FILLED,
    FILLING,
    KEYS,
    MORE,
    NOTHING,
    SETTINGS,
    THERE,
    an_indexer,
    embeds,
    name,
    names,
    play,
    seen,
    stored,
    vectors,
)
from support.messages import numbered


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
        [(seen(numbered(2)), None), vectors, (True, False, THERE), None, FILLING, None, FILLED, None, DONE],
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
    """As many messages as are read at once are embedded in one call, and the rest after they are stored, in slices."""
    requests, done = play(
        index(KEYS, "t", an_indexer(), wait=False),
        [
            (seen(numbered(256), total=300), THERE),
            vectors,
            *([MORE] * 3),
            (seen(numbered(44), indexed=256), THERE),
            vectors,
            AGAIN,
            DONE,
        ],
    )
    commit, again = ["index_commit"] * 3, ["index_commit"] * 2
    assert names(requests) == ["index_begin", "Embed", *commit, "index_begin", "Embed", *again]
    assert [len(texts) for texts in embeds(requests)] == [256, 44]
    commits = [each for each in requests if isinstance(each, Operation) and name(each) == "index_commit"]
    bounds = [each.commands[0].args[3:5] for each in commits]
    assert bounds == [(0, 100), (100, 200), (200, 256), (256, 300), (256, 300)]
    assert [len(stored(each)) for each in commits] == [100, 100, 56, 44, 44]
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
            MORE,
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
        "index_commit",
    ]
    counts = [len(texts) for texts in embeds(requests)]
    assert (counts[0], counts[1], max(counts)) == (3, 256, 256)
    documents = stored(requests[6])
    assert len(documents) == counts[1] + counts[2]
    assert list(documents)[:3] == ["3", "3/1", "3/2"]
    assert "".join(fields["text"] for fields in documents.values()) == str(longest.content).strip()
    assert {fields["pieces"] for fields in documents.values()} == {str(len(documents))}
    assert done is IndexState.DONE


def test_words_are_stored_while_the_model_is_away() -> None:
    """If the model fails with a plain text as well, documents are stored without vectors, and its error is raised."""
    flow = index(KEYS, "t", an_indexer(), wait=False)
    flow.send(None)
    flow.send((seen(numbered(4)), THERE))
    probe = flow.throw(EmbeddingError("first"))
    assert isinstance(probe, Embed)
    assert (probe.texts, probe.heartbeat is not None) == ((PROBE,), True)
    assert name(flow.throw(DOWN)) == "index_begin"
    commit = flow.send((seen(numbered(4)), THERE))
    documents = stored(commit)
    assert list(documents) == ["0", "1", "2", "3"]
    assert all("vector" not in fields and fields["terms"] for fields in documents.values())
    assert name(flow.send(MORE)) == "index_begin"
    assert name(flow.send((NOTHING, THERE))) == "lease_renew"  # the lease is released
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
    assert end.value.value is IndexState.LATER
    documents = stored(request)
    assert [key for key, fields in documents.items() if "vector" not in fields] == ["5"]
    assert documents["5"]["terms"] == "n poison"
    # The two that have it in their context are embedded without one.
    assert {"n: m6", "n: m7"} <= {text for texts in embeds(requests) for text in texts}
    assert len(requests) < 40
    assert caplog.text.count("its vector is tried again later") == 1


def test_texts_that_are_all_at_fault() -> None:
    """Where no text has a vector, documents are stored without, and the index is left as it is."""
    requests, done = play(
        index(KEYS, "t", an_indexer(ready=False), wait=False),
        [(seen(numbered(1)), None), DOWN, vectors, DOWN, DONE],
    )
    assert names(requests) == ["index_begin", "Embed", "Embed", "Embed", "index_commit"]
    assert "vector" not in stored(requests[4])["0"]
    assert done is IndexState.LATER


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
        play(flow, [(seen(numbered(1)), there), (NOTHING, there)])


@pytest.mark.parametrize("ready", [True, False])
def test_other_dimensions_are_refused(ready: bool) -> None:
    """A model of the same name whose vectors have another length is refused before anything is stored."""
    indexer = an_indexer(ready=ready)
    answers: list[Any] = [(seen(numbered(1)), THERE), lambda request: vectors(request, 3)]
    if not ready:
        answers.append((False, True, THERE))
    answers.append((NOTHING, THERE))
    with pytest.raises(EmbeddingMismatchError, match=r"\(2 dimensions.*\(3 dimensions"):
        play(index(KEYS, "t", indexer, wait=False), answers)


def test_what_was_described_first_holds() -> None:
    """Of two that make the index at once with different models, the later one is refused."""
    with pytest.raises(EmbeddingMismatchError):
        play(set_up(an_indexer(), 2), [(False, True, Description("other", 2, SETTINGS, 1))])
