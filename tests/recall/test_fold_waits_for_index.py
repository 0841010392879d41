"""No message is summarized away before it is indexed by its words, and no summary waits for vectors."""

from __future__ import annotations

import asyncio

import pytest
import redis
import redis.asyncio

from langchain_motorhead import EmbeddingError, Session, Window
from support.embeddings import Gate, Scripted
from support.factory import MakeMotorhead
from support.messages import numbered
from support.recall import documents, indexed, lacking, names, quick, state
from support.redis_servers import wait_until
from support.summarizers import AsyncLedger, Ledger, remembered


class Flaky(Scripted):
    """Fails every other batch."""

    def __init__(self) -> None:
        super().__init__()
        self.calls = 0

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """Give a vector for each text, or fail."""
        self.calls += 1
        if self.calls % 4 < 2:
            raise ConnectionError("now and then")
        return super().embed_documents(texts)


@pytest.mark.parametrize("mode", ["background", "inline", "manual"])
def test_nothing_is_folded_unindexed(
    make: MakeMotorhead, client: redis.Redis, namespace: str, mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a model that fails now and then, no message is in the summary that has no document, at no time."""
    quick(monkeypatch)
    motorhead = make(embeddings=Flaky(), compaction=mode, llm=Ledger(), window=Window(max_messages=4))
    session = motorhead.session("s")
    for at in range(0, 80, 2):
        session.append(numbered(2, start=at))
        if mode == "manual" and at % 8 == 0:
            try:
                session.compact()
            except EmbeddingError:
                pass
        _assert_folded_is_indexed(client, session, namespace)
    wait_until(lambda: _tried(session) and indexed(client, session) == 80)
    session.append(numbered(2, start=80))
    wait_until(lambda: _tried(session) and indexed(client, session) == 82)
    _assert_folded_is_indexed(client, session, namespace)
    wait_until(lambda: _compacted(session))
    assert remembered(session.load()) == names(82)
    assert documents(client, namespace, "s") == sorted(map(str, range(82)))


@pytest.mark.parametrize("mode", ["background", "inline", "manual"])
async def test_nothing_is_folded_unindexed_on_a_loop(
    amake: MakeMotorhead, client: redis.Redis, namespace: str, mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same for the async methods."""
    quick(monkeypatch)
    motorhead = amake(embeddings=Flaky(), compaction=mode, llm=AsyncLedger(), window=Window(max_messages=4))
    session = motorhead.session("s")
    for at in range(0, 60, 2):
        await session.aappend(numbered(2, start=at))
        if mode == "manual" and at % 8 == 0:
            try:
                await session.acompact()
            except EmbeddingError:
                pass
        _assert_folded_is_indexed(client, session, namespace)
    while indexed(client, session) < 60:
        await motorhead.aflush()
        await asyncio.sleep(0.02)
    await session.acompact()
    _assert_folded_is_indexed(client, session, namespace)
    assert remembered(await session.aload()) == names(60)
    assert documents(client, namespace, "s") == sorted(map(str, range(60)))


def _assert_folded_is_indexed(client: redis.Redis, session: Session, namespace: str) -> None:
    kept = state(client, session)
    first = int(kept.get("first", 0))
    assert first <= int(kept.get("indexed", 0))
    assert set(map(str, range(first))) <= set(documents(client, namespace, "s"))


def _tried(session: Session) -> bool:
    try:
        session.compact()
    except EmbeddingError:
        pass
    return True


def _compacted(session: Session) -> bool:
    session.compact()
    return len(session.load().messages) <= 4


def test_a_blocked_model_blocks_no_summary(make: MakeMotorhead, client: redis.Redis, namespace: str) -> None:
    """A compaction that is due does not wait while the model embeds: messages are indexed by their words before."""
    gate, ledger = Gate(), Ledger()
    motorhead = make(embeddings=Scripted(gate), llm=ledger, window=Window(max_messages=4))
    session = motorhead.session("s")
    session.append(numbered(20))
    assert gate.reached.wait(60)
    wait_until(lambda: int(state(client, session).get("first", 0)) >= 16)
    _assert_folded_is_indexed(client, session, namespace)
    assert remembered(session.load()) == names(20)
    assert lacking(client, namespace, "s") == list(range(20))
    gate.open.set()
    motorhead.flush()
    assert indexed(client, session) == 20
    assert lacking(client, namespace, "s") == []
    assert "embedded" not in state(client, session)
