"""Searches go on while an index is made anew, and an interrupted one goes on later."""

from __future__ import annotations

import threading
import time
import traceback
from datetime import UTC, datetime
from typing import Any

import pytest
import redis
import redis.asyncio
from langchain_core.messages import HumanMessage

from langchain_motorhead import EmbeddingError, EmbeddingMismatchError, HashingEmbeddings, Motorhead, Recall, Window
from langchain_motorhead.redis_io.executor import Executor
from langchain_motorhead.storage.keys import to_tag
from support.embeddings import Numbers, Scripted
from support.factory import MakeMotorhead
from support.messages import numbered
from support.recall import documents, every, indexed, lacking, names, said
from support.summarizers import Ledger

WAYS = ("hybrid", "similarity", "mmr")


def test_another_model_is_refused(
    make: MakeMotorhead, client: redis.Redis, namespace: str, embeddings: HashingEmbeddings
) -> None:
    """With another model, or other settings, appends go on, searches name the way out, and nothing is mixed."""
    motorhead = make(embeddings=embeddings)
    motorhead.session("s").append(numbered(2))
    motorhead.flush()
    others: list[dict[str, Any]] = [
        {"embeddings": HashingEmbeddings(32)},
        {"embeddings": Numbers(lambda text: [1.0] * 64)},
        {"recall": Recall(metric="ip")},
        {"recall": Recall(datatype="float64")},
        {"recall": Recall(algorithm="hnsw")},
        {"recall": Recall(language="german")},
    ]
    for at, options in enumerate(others):
        other = make(**{"embeddings": embeddings, "llm": Ledger(), "window": Window(max_messages=2), **options})
        session = other.session("s")
        session.append(numbered(1, start=2 + at))
        other.flush()
        assert indexed(client, session) == 3 + at  # by its words
        assert lacking(client, namespace, "s") == list(range(2, 3 + at))
        for way in WAYS:
            with pytest.raises(EmbeddingMismatchError, match="reindex"):
                session.search("m1", search_type=way)
        if at:  # one of the same name is not asked how long its vectors are
            with pytest.raises(EmbeddingMismatchError, match="reindex"):
                other.setup()
    motorhead.session("s").append(numbered(1, start=2 + len(others)))
    motorhead.flush()
    assert every(motorhead.session("s")) == names(3 + len(others))


CHANGES: list[tuple[int, Recall]] = [
    (32, Recall(model="b")),
    (64, Recall(model="a", metric="l2")),
    (64, Recall(model="a", datatype="float64")),
    (64, Recall(model="a", datatype="bfloat16", metric="ip")),
    (64, Recall(model="a", algorithm="hnsw")),
    (128, Recall(model="b", algorithm="hnsw", metric="ip", datatype="float16", language="german")),
]


@pytest.mark.parametrize(("dimensions", "recall"), CHANGES)
def test_searches_go_on_while_reindexing(
    make: MakeMotorhead, client: redis.Redis, namespace: str, dimensions: int, recall: Recall
) -> None:
    """A search of the old kind finds the same until the switch, and is refused from then on; then the new one finds."""
    motorhead = make(embeddings=Scripted(), recall=Recall(model="a"))
    for at in range(40):
        motorhead.session(f"s{at % 8}", "u").append(HumanMessage(f"apple{at} river stone{at % 7} cloud"))
    motorhead.flush()
    queries = [f"apple{at} stone{at % 7}" for at in range(0, 40, 4)]
    expected = {(query, way): _best(motorhead, query, way) for query in queries for way in WAYS}
    wrong, errors, right, stop = list[Any](), list[Exception](), [0], threading.Event()

    def keep_searching() -> None:
        while not stop.is_set():
            for (query, way), best in expected.items():
                try:
                    found = _best(motorhead, query, way)
                except EmbeddingMismatchError as error:
                    errors.append(error)
                    return
                except Exception as error:  # noqa: BLE001 - checked below
                    errors.append(error)
                    return
                right[0] += 1
                if found != best:
                    wrong.append((query, way, found, best))

    thread = threading.Thread(target=keep_searching)
    thread.start()
    model = Scripted(lambda texts: time.sleep(0.15), dimensions)
    other = make(embeddings=model, recall=recall)
    assert other.reindex(progress=False) == 40
    thread.join(1)
    stop.set()
    thread.join()
    assert right[0] > 10
    assert wrong == []
    assert [type(error) for error in errors] == [EmbeddingMismatchError], "".join(traceback.format_exception(errors[0]))
    for at in range(40):
        assert said(other.session(f"s{at % 8}").search(f"apple{at}", k=1)) == [f"apple{at} river stone{at % 7} cloud"]
    assert len(other.retriever(user_id="u", k=99, search_type="similarity").invoke("river")) == 40
    _assert_only_generation(client, namespace, 2)
    motorhead.session("s0").append(numbered(1))
    motorhead.flush()
    assert indexed(client, motorhead.session("s0")) == 6  # by its words
    other.session("s0").append(numbered(1, start=1))
    other.flush()
    assert set(names(2)) <= set(said(other.session("s0").search("m0 m1", k=9)))


@pytest.mark.parametrize("way", WAYS)
def test_an_index_that_is_switched_between_asking_and_reading(
    make: MakeMotorhead, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    """A search whose vectors are gone when it reads them says that the index is another, not that nothing fits."""
    motorhead = make(embeddings=Scripted(), recall=Recall(model="a"))
    motorhead.session("s", "u").append(numbered(3))
    motorhead.flush()
    other, run, reindexed = make(embeddings=Scripted(), recall=Recall(model="b")), Executor.run, list[int]()

    def run_late(self: Executor, operation: Any) -> Any:
        reads = {command.name for command in operation.commands} == {"HMGET"}
        if reads and self is motorhead.backend.require_redis().driver.executor and not reindexed:
            reindexed.append(0)
            reindexed.append(other.reindex(progress=False))
        return run(self, operation)

    search = motorhead.retriever(user_id="u", k=1, search_type=way).invoke
    assert len(search("m1")) == 1
    monkeypatch.setattr(Executor, "run", run_late)
    if way == "similarity":  # which reads all it needs with the asking
        assert len(search("m1")) == 1
        return
    if way == "mmr":
        with pytest.raises(EmbeddingMismatchError):
            search("m1")
    else:
        assert len(search("m1")) == 1
    assert reindexed == [0, 3]


def _best(motorhead: Motorhead, query: str, way: str) -> str:
    (found,) = motorhead.retriever(user_id="u", k=1, search_type=way).invoke(query)
    return str(found.page_content)


def _assert_only_generation(client: redis.Redis, namespace: str, generation: int) -> None:
    server_side: Any = client
    indexes = server_side.execute_command("FT._LIST")
    begin = f"motorhead:recall:{to_tag(namespace)}/"
    assert [name.decode() for name in indexes if name.decode().startswith(begin)] == [f"{begin}{generation}"]
    fields = {name.decode() for key in documents(client, namespace) for name in server_side.hkeys(key)}
    assert {name for name in fields if name.startswith("vector")} == {f"vector/{generation}"}


@pytest.mark.parametrize("fails", [1, 2, 3])
def test_an_interrupted_reindex_goes_on(make: MakeMotorhead, client: redis.Redis, namespace: str, fails: int) -> None:
    """After an error of the model midway, another reindex() embeds what is missing alone, and leaves nothing old."""
    motorhead = make(embeddings=Scripted())
    for at in range(70):  # two groups
        motorhead.session(f"s{at}", "u").append(numbered(6, start=10 * at))
    motorhead.flush()
    model = Scripted(dimensions=32)
    batches = [0]

    def fail(texts: list[str]) -> None:
        batches[0] += len(texts) > 1
        if batches[0] == fails:
            model.down = True
            raise ConnectionError("midway")

    model.before = fail
    other = make(embeddings=model)
    with pytest.raises(EmbeddingError):
        other.reindex(progress=False)
    assert len(motorhead.retriever(user_id="u", k=999).invoke("m1")) == 420
    model.down, model.before = False, lambda texts: None
    with pytest.raises(EmbeddingMismatchError):
        other.retriever(user_id="u").invoke("m1")
    done = sum(len(text) > len("Is anybody there?") or text.startswith(("Human", "AI")) for text in model.texts)
    assert other.reindex(progress=False) == 420 - done
    assert len([text for text in model.texts if text.startswith(("Human: ", "AI: "))]) == 420
    assert len(other.retriever(user_id="u", k=999).invoke("m1")) == 420
    _assert_only_generation(client, namespace, 2)


def test_a_reindex_interrupted_after_the_switch_leaves_nothing_old(
    make: MakeMotorhead, client: redis.Redis, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When a reindex ends just after its switch, the next one drops the old index and the old vectors."""
    motorhead = make(embeddings=Scripted())
    for at in range(3):
        motorhead.session(f"s{at}").append(numbered(3, start=10 * at))
    motorhead.flush()
    other = make(embeddings=Scripted(dimensions=32))
    run = Executor.run

    def interrupted(self: Executor, operation: Any) -> Any:
        result = run(self, operation)
        if any(command.name == "FT.ALIASUPDATE" for command in operation.commands):
            raise KeyboardInterrupt
        return result

    monkeypatch.setattr(Executor, "run", interrupted)
    with pytest.raises(KeyboardInterrupt):
        other.reindex(progress=False)
    monkeypatch.undo()
    other.reindex(progress=False)
    assert len(other.retriever(k=99).invoke("m1")) == 9
    _assert_only_generation(client, namespace, 2)


async def test_sessions_from_before_recall_are_indexed_by_reindex(
    amake: MakeMotorhead, client: redis.Redis, namespace: str
) -> None:
    """What was said before recall was switched on is in the index after a reindex, as far as it is still stored."""
    plain = amake(compaction="manual")
    for at in range(5):
        await plain.session(f"s{at}", "u").aappend(numbered(4, start=10 * at))
    motorhead = amake(embeddings=Scripted())
    assert [each.page_content for each in await motorhead.retriever(user_id="u", k=99).ainvoke("m1")] == [
        "m1"
    ]  # by words
    assert not documents(client, namespace)
    await motorhead.areindex(progress=False)
    found = await motorhead.retriever(user_id="u", k=99).ainvoke("m1")
    assert len(found) == 20 == len(documents(client, namespace))
    assert {document.metadata["created"][:4] for document in found} == {str(datetime.now(UTC).year)}
