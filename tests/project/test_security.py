"""What must never be: stored data that is run, credentials that are shown, a vulnerability that nobody looks up."""

from __future__ import annotations

import importlib.util
import json
import logging
import pickle
import sys
import traceback
from pathlib import Path
from typing import Any

import pytest
import redis
from langchain_core.embeddings import Embeddings
from langchain_core.runnables import RunnableLambda
from pydantic import SecretStr

from langchain_motorhead import EmbeddingError, InvalidInputError, Motorhead, MotorheadError, Window
from langchain_motorhead.backends.http.transport import Address
from langchain_motorhead.models.redaction import redact
from langchain_motorhead.server.json_logs import JSONLines
from langchain_motorhead.server.settings import Settings
from support.factory import MakeMotorhead
from support.messages import numbered
from support.summarizers import remembered

SMALL = Window(max_messages=4)
CALLED: list[str] = []


class Bomb:
    """Goes off when it is unpickled."""

    def __reduce__(self) -> Any:
        return CALLED.append, ("unpickled",)


HOSTILE = [
    pickle.dumps(Bomb()),
    b'{"lc": 1, "type": "constructor", "id": ["test_security", "Bomb"], "kwargs": {}}',
    b'{"role": "Human", "content": {"lc": 1, "type": "constructor", "id": ["os", "system"], "kwargs": {"x": "true"}}}',
    b'{"role": "Human", "content": "m", "extra": {"$type": "os.system", "value": "true"}}',
    b'{"role": "AI", "content": "m", "additional_kwargs": {"__class__": "subprocess.Popen", "__reduce__": ["true"]}}',
    b'{"role": "Human", "type": "subprocess.Popen", "content": "m", "extra": {"__class__": "x", "model_config": 1}}',
    b"!!python/object/apply:os.system ['true']",
    b"__import__('os').system('true')",
]


def test_nothing_stored_is_run(make: MakeMotorhead, client: redis.Redis) -> None:
    """Records that name code are read, summarized and deleted, and no code is compiled, imported or started for it."""
    events, watched = [], [False]

    def watch(event: str, arguments: Any) -> None:
        if watched[0] and event in ("exec", "compile", "import", "os.system", "subprocess.Popen", "pickle.find_class"):
            events.append((event, str(arguments)[:80]))

    def act(name: str) -> None:
        session = make(compaction="manual", window=SMALL).session(name)
        session.append(numbered(2))
        client.rpush(session._keys.messages, *HOSTILE)
        session.append(numbered(6, start=2))
        assert session.load().total > 0
        session.compact()
        session.load()
        session.delete()

    act("first")  # imports what is imported when needed
    sys.addaudithook(watch)
    watched[0] = True
    try:
        act("watched")
    finally:
        watched[0] = False
    assert (events, CALLED) == ([], [])


@pytest.mark.parametrize(
    "url",
    ["redis://bob:s3cret@127.0.0.1:1", "redis://bob:s3cret@h:port", "redis+sentinel://bob:s3cret@127.0.0.1:1/x",
     "redis+cluster://bob:s3cret@127.0.0.1:1", "unix://bob:s3cret@/nowhere", "http://bob:s3cret@127.0.0.1:1",
     "http://bob:s3cret@h:port", "http://bob:s3cret@h\x00", "bob:s3cret@host"],
)  # fmt: skip
async def test_credentials_of_a_url(url: str, caplog: pytest.LogCaptureFixture) -> None:
    """A password in a URL is in no error, traceback, log or repr."""
    caplog.set_level(logging.DEBUG)
    told: list[str] = []
    try:
        async with Motorhead.from_url(url) as motorhead:
            told += map(repr, (motorhead, motorhead._backend, motorhead.session("s"), motorhead.history("s")))
            for failing in (motorhead.session("s").load, motorhead.session("s").aload):
                with pytest.raises(MotorheadError) as caught:
                    await failing()  # type: ignore[misc]
                told += traceback.format_exception(caught.value)
    except InvalidInputError as error:
        told += traceback.format_exception(error)
    assert told
    assert "s3cret" not in "".join(told) + caplog.text


def test_credentials_in_reprs() -> None:
    """Settings and addresses name no key and no password."""
    settings = Settings(
        redis_url="redis://:s3cret@h", api_keys={"s3cret": "a"}, openai_api_key=SecretStr("s3cret"),
        azure_api_key=SecretStr("s3cret"),
    )  # fmt: skip
    assert "s3cret" not in repr(settings) + repr(Address("http://bob:s3cret@h", "s3cret", "id", 1.0))


@pytest.mark.parametrize(
    "text",
    ["key sk-secret-of-mine is wrong", "Bearer abcdefgh1234", "https://bob:hush-hush@proxy/x", "api_key=abcdefgh1234",
     'password:"abcdefgh1234"'],
)  # fmt: skip
def test_what_looks_like_a_credential(text: str) -> None:
    """Keys of the usual makes are taken out of what an error says, and the rest of it stays."""
    told = redact(text)
    assert "***" in told
    for secret in ("secret-of-mine", "abcdefgh1234", "hush-hush"):
        assert secret not in told
    assert redact("Error code: 429 - too many tokens") == "Error code: 429 - too many tokens"


def test_an_embedding_models_key(make: MakeMotorhead) -> None:
    """An embedding model's error that repeats its API key is shown without it."""

    class Keyed(Embeddings):
        def __init__(self) -> None:
            self.key = SecretStr("hush-hush")

        def embed_documents(self, texts: list[str]) -> list[list[float]]:
            raise ValueError(f"wrong key {self.key.get_secret_value()}")

        def embed_query(self, text: str) -> list[float]:
            raise ValueError(f"wrong key {self.key.get_secret_value()}")

    with pytest.raises(EmbeddingError, match=r"wrong key \*\*\*"):
        make(embeddings=Keyed()).setup()


def test_the_servers_log_names_nobody(make: MakeMotorhead, caplog: pytest.LogCaptureFixture) -> None:
    """In the server's log the library's own lines have no id, nothing that was said, and no key; numbers stay."""

    def fail(given: Any) -> str:
        raise ValueError(f"key hush-key of {given['messages']}")

    caplog.set_level(logging.DEBUG, "langchain_motorhead")
    make(window=SMALL, compaction="inline", llm=RunnableLambda(fail)).session("hush-id").append(numbered(6))
    make(window=SMALL, compaction="inline").session("hush-other").append(numbered(6))
    lines = [json.loads(JSONLines().format(record))["message"] for record in caplog.records]
    assert any(
        "summarization failed, 1 in a row" in line and "SummarizationError from ValueError" in line for line in lines
    )
    assert any("moved 4 messages" in line for line in lines)
    assert "hush" not in "".join(lines)
    assert "m0" not in "".join(lines)
    assert remembered(make().session("hush-id").load()) == [f"m{at}" for at in range(6)]


def test_verdicts_of_an_audit() -> None:
    """What is known to be vulnerable ends an audit with 1; where nobody can be asked, that is said, and it passes."""
    path = Path(__file__).parents[2] / ".ci" / "audit.py"
    spec = importlib.util.spec_from_file_location("audit", path)
    assert spec is not None
    assert spec.loader is not None
    audit = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(audit)
    fine: dict[str, Any] = {"name": "a", "version": "1", "vulns": []}
    bad = {"name": "b", "version": "2", "vulns": [{"id": "CVE-1", "fix_versions": ["3"]}]}
    assert audit.verdict(None) == (0, audit.UNASKED)
    assert audit.verdict({"dependencies": [fine, {"name": "c", "skip_reason": "?"}]}) == (
        0, "1 packages audited, 1 unknown, 0 vulnerabilities",
    )  # fmt: skip
    code, said = audit.verdict({"dependencies": [fine, bad]})
    assert code == 1
    assert "b 2: CVE-1, mended in 3" in said
