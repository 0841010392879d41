"""The search by words where there is no search module: it reads the newest messages from the list and the archive."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from langchain_core.messages import AIMessage, HumanMessage
from redisvl.query.filter import Num

from langchain_motorhead import HashingEmbeddings, Motorhead, SearchUnavailableError, Window
from langchain_motorhead.recall.search import passages
from support.messages import numbered
from support.recall import said
from support.summarizers import Ledger

CAT = "My cat is called Whiskers."


class Counting(HashingEmbeddings):
    """Counts the queries that it embeds."""

    queries = 0

    def embed_query(self, text: str) -> list[float]:
        """Give a vector."""
        self.queries += 1
        return super().embed_query(text)


def options(namespace: str) -> dict[str, Any]:
    """Give the options of a handle with a small window."""
    return {"namespace": namespace, "embeddings": Counting(64), "llm": Ledger(), "window": Window(max_messages=4)}


def test_words_are_found_in_list_and_archive(
    cluster_url: str, namespace: str, caplog: pytest.LogCaptureFixture
) -> None:
    """What the user said is found wherever it is stored, ranked as ever; what others said is not."""
    with Motorhead.from_url(cluster_url, compaction="inline", **options(namespace)) as motorhead:
        first, other = motorhead.session("first", "u"), motorhead.session("other", "v")
        first.append([HumanMessage(CAT, id="cat", name="Ann"), AIMessage("A fine name for cats!")])
        first.append([HumanMessage("Please always answer in Danish."), *numbered(10)])
        other.append(HumanMessage("My cat is called Tiger."))
        motorhead.session("third", "u").append([HumanMessage("我对花生过敏"), HumanMessage("The weather is nice.")])
        motorhead.flush()
        assert first.load().messages[0].text != CAT
        retriever = motorhead.retriever(user_id="u", k=3)
        document, *rest = retriever.invoke("What are my cats called?")
        assert document.page_content == CAT
        told = document.metadata
        assert [told[name] for name in ("message_id", "session_id", "user_id", "seq", "name", "role")] == [
            "cat", "first", "u", 0, "Ann", "human",
        ]  # fmt: skip
        assert told["created"].startswith("20")
        assert sorted(said(rest)) == ["A fine name for cats!", "Please always answer in Danish."]
        assert said(retriever.invoke("过敏"))[0] == "我对花生过敏"
        everyone = motorhead.retriever(k=9, roles=["human"]).invoke("cat called")
        assert sorted(said(everyone))[:2] == ["My cat is called Tiger.", CAT]
        assert said(first.search("weather")) == ["Please always answer in Danish."]
        assert said(first.search("m9", exclude_window=True)) == ["Please always answer in Danish."]
        with_neighbors = first.search("Whiskers", k=1, neighbors=1)[0]
        assert with_neighbors.metadata["message_ids"][0] == with_neighbors.metadata["message_id"]
        assert with_neighbors.page_content.startswith("Human (Ann): " + CAT)
        assert "fine name" in with_neighbors.page_content
        tomorrow = datetime.now(UTC) + timedelta(days=1)
        assert first.search("cat", after=tomorrow) == []
        assert said(first.search("cat", k=1, before=tomorrow)) == [CAT]
        assert first.search("the of", k=1) == []
        first.forget(["cat"])
        assert CAT not in said(retriever.invoke("What are my cats called?"))
        assert caplog.text.count("only the newest ones by words") == 1


async def test_what_is_read_is_bounded(cluster_url: str, namespace: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The newest messages of the sessions that were active last are read, up to the limit, and no query is embedded."""
    given = options(namespace)
    async with Motorhead.from_url(cluster_url, compaction="manual", **given) as motorhead:
        for name in "abc":
            await motorhead.session(name, "u").aappend(numbered(6))
        newest = motorhead.session("c")
        await newest.aappend(HumanMessage("a long one " + "with many words. " * 200 + "Whiskers sleeps."))
        retriever = motorhead.retriever(user_id="u", k=30)
        assert len(await retriever.ainvoke("m5")) == 3
        embedded = given["embeddings"].queries
        (long,) = await retriever.ainvoke("Whiskers")
        assert given["embeddings"].queries == embedded
        assert long.page_content.endswith("Whiskers sleeps.")
        assert long.metadata["piece"] == long.metadata["pieces"] - 1 > 0
        monkeypatch.setattr(passages, "MAX_MESSAGES", 8)
        monkeypatch.setattr(passages, "_BLOCK_MESSAGES", 3)
        found = await retriever.ainvoke("m0 m5")
        places = {(each.metadata["session_id"], each.page_content) for each in found}
        assert places == {("c", "m5"), ("c", "m0"), ("b", "m5")}
        for wrong in ({"search_type": "similarity"}, {"search_type": "mmr"}, {"filter": Num("seq") > 1}):
            with pytest.raises(SearchUnavailableError, match="search module"):
                await motorhead.retriever(user_id="u", **wrong).ainvoke("m1")
