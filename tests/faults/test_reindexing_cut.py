"""A reindex goes on when Redis does not answer one of its operations, and stores everything once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote

import pytest
import redis

from langchain_motorhead import Motorhead
from langchain_motorhead.flows import repeats
from langchain_motorhead.recall.indexing import reindexing
from support.embeddings import Scripted
from support.factory import MakeMotorhead
from support.messages import numbered
from support.proxy import Proxy, proxied
from support.recall import documents, every, names

STEPS = ["FT.CREATE", "FT.INFO", "documents_read", "documents_revise", "EXEC", "index_begin", "index_commit"]


@pytest.fixture
def proxy(url: str) -> Iterator[Proxy]:
    """A proxy in front of the server."""
    with proxied(unquote(url.removeprefix("unix://"))) as proxy:
        yield proxy


@pytest.mark.parametrize("side", ["sync", "async"])
async def test_each_step_is_cut_once(
    make: MakeMotorhead, proxy: Proxy, client: redis.Redis, namespace: str, monkeypatch: pytest.MonkeyPatch, side: str
) -> None:
    """Each step is executed and its reply is lost, once: all is embedded once, counted once, and found."""
    monkeypatch.setattr(repeats, "PAUSES", (0.0, 0.0, 0.0))
    monkeypatch.setattr(reindexing, "REVISED_AT_ONCE", 3)  # so that sessions are stored in slices
    motorhead = make(embeddings=Scripted(), compaction="manual")
    for at in range(3):
        motorhead.session(f"s{at}", "u").append(numbered(7))
    motorhead.flush()
    make(compaction="manual").session("s0", "u").append(numbered(2, start=7))  # not indexed yet
    model = Scripted(dimensions=32)
    async with Motorhead.from_url(proxy.url, namespace=namespace, embeddings=model) as other:
        faults = [proxy.spoil(step, "unanswered") for step in [*STEPS, "FT.DROPINDEX"]]
        count = other.reindex(progress=False) if side == "sync" else await other.areindex(progress=False)
        assert [fault.met.is_set() for fault in faults] == [True] * len(faults)
        assert count == 21
        assert every(other.session("s0")) == names(9)
        assert [every(other.session(f"s{at}")) for at in (1, 2)] == [names(7)] * 2
    assert len([text for text in model.texts if text.startswith(("Human: ", "AI: "))]) == 23
    server_side: Any = client
    fields = {name.decode() for key in documents(client, namespace) for name in server_side.hkeys(key)}
    assert {name for name in fields if name.startswith("vector")} == {"vector/2"}
