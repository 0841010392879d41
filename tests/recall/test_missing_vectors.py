"""Every message has a vector in the end, whatever errors the embedding model raised meanwhile."""

from __future__ import annotations

import random
from types import SimpleNamespace
from typing import Any

import pytest
import redis
from langchain_core.embeddings import Embeddings
from langchain_core.messages import HumanMessage

from langchain_motorhead import EmbeddingError, HashingEmbeddings
from langchain_motorhead.recall.indexing.embedding import is_about_content, is_rate_limit
from langchain_motorhead.recall.indexing.vectorless import note_text, parse_note, pause_ms, to_retry, updated
from langchain_motorhead.runtime import index_maintenance
from support.factory import MakeMotorhead
from support.messages import numbered
from support.recall import documents, indexed, lacking, names, quick, said, state
from support.redis_servers import wait_until


class HttpError(Exception):
    """An error with a status, as client libraries raise it."""

    def __init__(self, status: int, text: str = "refused") -> None:
        super().__init__(text)
        self.status_code = status


class Moody(HashingEmbeddings):
    """Raises what a function returns for the texts of a call, if it returns an error."""

    def __init__(self, mood: Any) -> None:
        super().__init__(64)
        self.mood = mood
        self.calls = 0

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """Give a vector for each text, or fail."""
        self.calls += 1
        error = self.mood(texts)
        if error is not None:
            raise error
        return super().embed_documents(texts)


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pauses are short."""
    quick(monkeypatch)
    monkeypatch.setattr(index_maintenance, "RETRY_SECONDS", 0.1)
    monkeypatch.setattr("langchain_motorhead.recall.indexing.vectorless._FIRST_PAUSE_MS", 20)


@pytest.mark.parametrize("error", [HttpError(429), HttpError(400, "Rate limit reached"), ValueError("429 Too Many")])
def test_a_rate_limit_is_not_blamed_on_a_text(
    make: MakeMotorhead, client: redis.Redis, namespace: str, error: Exception
) -> None:
    """While long texts are refused by a rate limit, they are found by words, and they have vectors when it is over."""
    limited = [True]
    model = Moody(lambda texts: error if limited[0] and sum(map(len, texts)) > 40 else None)
    motorhead = make(embeddings=model)
    motorhead.setup()
    session = motorhead.session("s")
    session.append(HumanMessage("My passport number is in the blue folder on the second shelf."))
    motorhead.flush()
    assert said(session.search("passport")) == ["My passport number is in the blue folder on the second shelf."]
    assert lacking(client, namespace, "s") == [0]
    limited[0] = False
    wait_until(lambda: lacking(client, namespace, "s") == [])
    assert len(session.search("passport", search_type="similarity")) == 1
    assert not {"embedded", "vectorless", "retry"} & state(client, session).keys()


def test_with_a_third_of_the_calls_failing_all_have_vectors(
    make: MakeMotorhead, client: redis.Redis, namespace: str
) -> None:
    """If 30 % of the calls fail, each message of each session has a vector in the end, without anything to call."""
    chance = random.Random(1)
    model = Moody(lambda texts: ConnectionError("503 upstream") if chance.random() < 0.3 else None)
    motorhead = make(embeddings=model, compaction="manual")
    sessions = [motorhead.session(f"s{at}") for at in range(40)]
    for session in sessions:
        session.append(numbered(3))
    wait_until(lambda: not any(lacking(client, namespace, f"s{at}") for at in range(40)))
    wait_until(lambda: sum(len(documents(client, namespace, f"s{at}")) for at in range(40)) == 120)


@pytest.mark.parametrize(
    ("error", "blamed"),
    [
        (HttpError(400), True),
        (HttpError(413), True),
        (ValueError("the text has 9,000 tokens, and the model takes 8,192"), True),
        (HttpError(500), False),
        (RuntimeError("CUDA error"), False),
    ],
)
def test_a_text_is_blamed_only_for_an_error_about_it(
    make: MakeMotorhead, client: redis.Redis, namespace: str, error: Exception, blamed: bool
) -> None:
    """A text that fails alone, again and later, is refused if the error is about its content, and else tried again."""
    bad = [True]
    model = Moody(
        lambda texts: error if bad[0] and any("poison" in text.partition("\n")[0] for text in texts) else None
    )
    motorhead = make(embeddings=model)
    session = motorhead.session("s")
    session.append([HumanMessage("one"), HumanMessage("a poison pill"), HumanMessage("two")])
    motorhead.flush()
    assert lacking(client, namespace, "s") == [1]
    assert state(client, session)["vectorless"].startswith("1:")
    if blamed:
        wait_until(lambda: state(client, session)["vectorless"] == "1:refused")
    else:
        wait_until(lambda: int(state(client, session)["vectorless"].removeprefix("1:")) > 2)
    bad[0] = False
    if not blamed:
        wait_until(lambda: lacking(client, namespace, "s") == [])
    assert motorhead.reindex(progress=False) == int(blamed)
    assert lacking(client, namespace, "s") == []
    assert said(session.search("poison", k=1)) == ["a poison pill"]


def test_missing_vectors_survive_a_restart(make: MakeMotorhead, client: redis.Redis, namespace: str) -> None:
    """Another process adds the vectors that are missing when something is appended to the session."""
    first = make(embeddings=Moody(lambda texts: ConnectionError("away")))
    first.session("s").append(numbered(5))
    first.close()
    assert indexed(client, first.session("s")) == 5
    assert lacking(client, namespace, "s") == list(range(5))
    second = make(embeddings=Moody(lambda texts: None))
    second.session("s").append(numbered(1, start=5))
    second.flush()
    assert lacking(client, namespace, "s") == []
    assert sorted(said(second.session("s").search("m0 m1", k=9))) == names(6)


def test_a_deleted_session_takes_its_notes_along(make: MakeMotorhead, client: redis.Redis, namespace: str) -> None:
    """Deletion and a new session of the same id leave nothing of vectors that were missing."""
    away = [True]
    motorhead = make(embeddings=Moody(lambda texts: ConnectionError("away") if away[0] else None))
    session = motorhead.session("s")
    session.append(numbered(3))
    motorhead.flush()
    assert session.delete()
    assert documents(client, namespace, "s") == []
    away[0] = False
    session.append(numbered(2))
    motorhead.flush()
    assert lacking(client, namespace, "s") == []
    assert "embedded" not in state(client, session)


@pytest.mark.parametrize("count", [1, 2, 5])
def test_words_find_all_if_every_message_has_the_word(make: MakeMotorhead, count: int) -> None:
    """A search by words finds every message of a session, also if all messages of the index have the word."""

    class Deaf(Embeddings):
        def embed_documents(self, texts: list[str]) -> list[list[float]]:
            return [[1.0, 0.0]] * len(texts)

        def embed_query(self, text: str) -> list[float]:
            raise ConnectionError("away")

    motorhead = make(embeddings=Deaf())
    session = motorhead.session("s", "u")
    session.append([HumanMessage(f"cat number {at}") for at in range(count)])
    motorhead.flush()
    assert len(session.search("cat", k=9)) == count
    assert len(motorhead.retriever(user_id="u", k=9).invoke("cat")) == count


@pytest.mark.parametrize(
    ("cause", "content", "limit"),
    [
        (HttpError(400), True, False),
        (HttpError(422), True, False),
        (HttpError(400, "API key not valid"), False, False),
        (HttpError(401), False, False),
        (HttpError(429), False, True),
        (HttpError(503), False, False),
        (TimeoutError("timed out"), False, False),
        (ConnectionError("reset"), False, False),
        (ValueError("too long"), True, False),
        (ValueError("Too many requests"), False, True),
        (None, False, False),
    ],
)
def test_errors_are_told_apart(cause: Exception | None, content: bool, limit: bool) -> None:
    """An error is classified as about a text, a rate limit or another one, by its status, type and text."""
    error = EmbeddingError("the embedding model failed")
    error.__cause__ = cause
    assert (is_about_content(error), is_rate_limit(error)) == (content, limit)


def test_a_status_is_found_in_a_response() -> None:
    """The status of an error's response counts, of objects and of dictionaries."""
    for response in (SimpleNamespace(status_code=413), {"ResponseMetadata": {"HTTPStatusCode": 413}}):
        cause: Any = RuntimeError("no")
        cause.response = response
        error = EmbeddingError("failed")
        error.__cause__ = cause
        assert is_about_content(error)


def test_notes() -> None:
    """A note counts failures, forgets what succeeded, and refuses only on a second failure about the content."""
    about, away = EmbeddingError("no"), EmbeddingError("away")
    about.__cause__, away.__cause__ = ValueError("too long"), ConnectionError("away")
    first = updated({}, (), {3: about, 8: away})
    assert first == {3: 1, 8: 1}
    second = updated(first, (3, 8), {3: about, 8: away})
    assert second == {3: None, 8: 2}
    assert to_retry(second) == [8]
    assert updated(second, (8,), {}) == {3: None}
    assert updated({}, (), {1: None}) == {1: None}
    assert parse_note(note_text(second)) == second
    assert parse_note("") == {}
    assert [pause_ms({8: failures}) for failures in (1, 2, 3)] == [20, 40, 80]
    assert pause_ms({8: 100}) == 600_000
