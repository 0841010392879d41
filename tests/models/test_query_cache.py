"""Queries that are embedded twice within a turn."""

from __future__ import annotations

from langchain_core.messages import HumanMessage

from langchain_motorhead import HashingEmbeddings
from langchain_motorhead.models.query_cache import MAX_AGE, MAX_QUERIES, QueryCache
from support.factory import MakeMotorhead


class Counting(HashingEmbeddings):
    """Counts the queries that it embeds."""

    queries = 0

    def embed_query(self, text: str) -> list[float]:
        """Give the vector of a text."""
        self.queries += 1
        return super().embed_query(text)

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """Give vectors of documents, which are no queries."""
        return [HashingEmbeddings.embed_query(self, text) for text in texts]


async def test_a_query_is_embedded_once_within_a_turn(amake: MakeMotorhead) -> None:
    """Searches for the same text, sync and async, by retriever and by tool, call the model once; another text again."""
    model = Counting(64)
    motorhead = amake(embeddings=model)
    await motorhead.session("s", "u").aappend(HumanMessage("The cat sat."))
    await motorhead.aflush()
    found = await motorhead.retriever(user_id="u").ainvoke("cat")
    assert await motorhead.retriever(user_id="u").ainvoke("cat") == found
    assert "cat" in await motorhead.recall_tool(user_id="u").ainvoke({"query": "cat"})
    assert model.queries == 1
    await motorhead.retriever(user_id="u").ainvoke("dog")
    assert model.queries == 2


def test_vectors_are_kept_for_a_short_time_and_a_few_queries() -> None:
    """A vector that is old is made again, and of many queries the latest are kept."""
    now = [0.0]
    cache = QueryCache(lambda: now[0])
    cache.put(("a",), [1])
    assert cache.get(("a",)) == [1]
    assert cache.get(("b",)) is None
    now[0] += MAX_AGE + 1
    assert cache.get(("a",)) is None
    for at in range(MAX_QUERIES + 1):
        cache.put((str(at),), [at])
    assert cache.get(("0",)) is None
    assert cache.get(("1",)) == [1]
