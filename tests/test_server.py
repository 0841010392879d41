"""The server around the wire: keys, limits, errors, health, logs, what is new beside it, and its end."""

from __future__ import annotations

import asyncio
import json
import logging
import signal
import threading
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import redis
from conftest import MakeMotorhead
from http_servers import process, served
from openai_stub import Stub
from servers import wait_until
from support import Ledger
from test_server_wire import known, said, settled

from langchain_motorhead import HashingEmbeddings, InvalidInputError, Motorhead, Window
from langchain_motorhead.server import Settings, create_app
from langchain_motorhead.server import model_factory as models
from langchain_motorhead.server.json_logs import JSONLines
from langchain_motorhead.server.settings import variables
from langchain_motorhead.storage.keys import session_keys

SMALL = Window(max_messages=4)
KEYS = {"key-a": "A", "key-b": "B"}


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without any variable that the server reads."""
    for name, *_ in variables():
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def tenants(url: str, namespace: str) -> Iterator[httpx.Client]:
    """A client of a server with two tenants, who have recall."""

    def of(name: str) -> Motorhead:
        return Motorhead.from_url(url, namespace=f"{namespace} {name}", embeddings=HashingEmbeddings(64), window=SMALL)

    app = create_app(Settings(api_keys=KEYS), motorhead=of)
    with served(app) as base, httpx.Client(base_url=base, timeout=30) as client:
        yield client


def with_key(key: str, header: str = "Authorization") -> dict[str, str]:
    """Make the header that gives a key."""
    return {header: f"Bearer {key}" if header == "Authorization" else key}


def test_keys_are_bound_to_tenants(tenants: httpx.Client) -> None:
    """A key reaches its own namespace and no other, by either header, whatever else the request says."""
    a, b = with_key("key-a"), with_key("key-b", "x-metal-api-key")
    tenants.post("/sessions/s/memory", json=said("of a"), headers=a)
    tenants.post("/sessions/s/memory?namespace=A", json=said("of b"), headers=b)
    for headers, content in ((a, "of a"), (b, "of b")):
        memory = tenants.get("/sessions/s/memory", params={"namespace": "A"}, headers=headers).json()
        assert [each["content"] for each in memory["messages"]] == [content]
    assert tenants.get("/sessions?namespace=A", headers=a).json() == []
    tenants.delete("/sessions/s/memory", headers=b)
    assert tenants.get("/sessions", headers=a).json() == ["s"]


@pytest.mark.parametrize(
    "headers", [{}, with_key("key-c"), {"Authorization": "Basic key-a"}, {"Authorization": "key-a"}]
)
def test_no_key(tenants: httpx.Client, headers: dict[str, str]) -> None:
    """Without a known key, nothing is answered but what tells nothing."""
    requests = [
        ("GET", "/sessions"), ("GET", "/sessions/s/memory"), ("POST", "/sessions/s/memory"), ("GET", "/sessions/s"),
        ("DELETE", "/sessions/s/memory"), ("POST", "/sessions/s/retrieval"), ("POST", "/search"),
        ("POST", "/sessions/s/compact"), ("DELETE", "/users/u"),
    ]  # fmt: skip
    for method, path in requests:
        answer = tenants.request(
            method, path, headers=headers, json={"messages": [], "text": "x"} if method == "POST" else None
        )
        assert (answer.status_code, answer.json()["code"]) == (401, "unauthorized"), path
    for path in ("/", "/health", "/ready", "/metrics", "/openapi.json", "/docs"):
        assert tenants.get(path, headers=headers).status_code == 200


def test_retrieval(tenants: httpx.Client) -> None:
    """Retrieval finds what was said in the session, nearest first; a search goes across sessions, but not tenants."""
    a, b = with_key("key-a"), with_key("key-b")
    for session, user, text in (
        ("s", "bob", "the cat sat on the mat"),
        ("t", "ann", "the cat ran"),
        ("s", "bob", "rain in Oslo"),
    ):
        tenants.post(f"/sessions/{session}/memory?user_id={user}", json=said(text), headers=a)
    deadline = time.monotonic() + 30
    while (
        tenants.get("/sessions/s", headers=a).json()["indexed"] != 2
        or tenants.get("/sessions/t", headers=a).json()["indexed"] != 1
    ):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    found = tenants.post("/sessions/s/retrieval", json={"text": "the cat sat on a mat"}, headers=a).json()
    assert found[0].keys() == {"role", "content", "dist"}
    assert [each["content"] for each in found] == ["the cat sat on the mat", "rain in Oslo"]
    assert 0 <= found[0]["dist"] < found[1]["dist"]

    def search(headers: dict[str, str], **body: Any) -> set[str]:
        return {
            each["session_id"] for each in tenants.post("/search", json={"text": "cat", **body}, headers=headers).json()
        }

    assert search(a) == {"s", "t"}
    assert (search(a, user_id="ann"), search(a, session_id="s"), search(b)) == ({"t"}, {"s"}, set())
    assert tenants.delete("/users/bob", headers=a).json() == {"status": "Ok", "deleted": 1}
    assert search(a) == {"t"}
    assert tenants.get("/sessions?user_id=ann", headers=a).json() == ["t"]
    assert tenants.post("/search", json={"text": "x", "k": 0}, headers=a).status_code == 400


def test_retrieval_gives_roles_as_they_were_sent(make: MakeMotorhead, client: redis.Redis, namespace: str) -> None:
    """What is found has the role that it was sent with; what was indexed before that was kept, that of its class."""
    roles = ["user", "assistant", "human", "ai", "Human", "AI", "Bot 7", "chat"]
    sent = [{"role": role, "content": f"the cat sat as {role}"} for role in roles]
    sent.append({"role": "user", "content": "the cat sat on the mat. " * 150})
    motorhead = make(embeddings=HashingEmbeddings(64), window=Window(max_messages=20))
    with served(create_app(Settings(), motorhead=lambda _: motorhead)) as base, httpx.Client(base_url=base) as http:

        def found(path: str) -> dict[str, str]:
            body = {"text": "the cat sat", "k": 20, "session_id": "s"}
            return {each["content"].strip(): each["role"] for each in http.post(path, json=body).json()}

        http.post("/sessions/s/memory", json={"messages": sent})
        motorhead.flush()
        memory = http.get("/sessions/s/memory").json()["messages"]
        expected = {each["content"].strip(): each["role"] for each in memory}
        assert list(expected.values()) == ["user", *reversed(roles)]
        assert found("/sessions/s/retrieval") == found("/search") == expected
        documents = session_keys(namespace, "s").documents
        pieces = [key.decode() for key in client.scan_iter(f"{documents}*", count=1_000)]
        assert len(pieces) > len(sent)
        kept: dict[bool, set[str]] = {True: set(), False: set()}
        for key in pieces:
            kept[client.hexists(key, "sent")].add(key.removeprefix(documents).partition("/")[0])
        assert kept == {True: {"0", "1", "2", "3", "8"}, False: {"4", "5", "6", "7"}}
        for key in pieces:
            client.hdel(key, "sent")
        classes = {"user": "Human", "human": "Human", "assistant": "AI", "ai": "AI"}
        assert found("/sessions/s/retrieval") == {text: classes.get(role, role) for text, role in expected.items()}


def test_users(make: MakeMotorhead) -> None:
    """A session of a user is refused to another one."""
    with served(create_app(Settings(), motorhead=lambda _: make())) as base, httpx.Client(base_url=base) as http:
        http.post("/sessions/s/memory?user_id=bob", json=said("hi"))
        for answer in (
            http.get("/sessions/s/memory?user_id=ann"),
            http.post("/sessions/s/memory?user_id=ann", json={**said("x"), "context": "x"}),
            http.delete("/sessions/s/memory?user_id=ann"),
        ):
            assert (answer.status_code, answer.json()["code"]) == (400, "invalid_input")
        assert http.get("/sessions/s").json()["user_id"] == "bob"
        assert known(http, "s") == ["hi"]


def test_limits(make: MakeMotorhead) -> None:
    """Bodies and requests that are too large are refused with 413, told or counted, and ids with 400."""
    settings = Settings(max_body_bytes=1_000, max_messages=3, max_id_length=5)
    with served(create_app(settings, motorhead=lambda _: make())) as base, httpx.Client(base_url=base) as http:
        large = json.dumps(said("x" * 1_000)).encode()
        for content in (large, iter([large[:600], large[600:]])):
            answer = http.post("/sessions/s/memory", content=content)
            assert (answer.status_code, answer.json()["code"]) == (413, "too_large")
        answer = http.post("/sessions/s/memory", json=said(*"abcd"))
        assert (answer.status_code, answer.json()["code"]) == (413, "too_many_messages")
        assert http.get("/sessions/sixsix/memory").json()["code"] == "invalid_id"
        assert http.post("/sessions/s/memory", json=said(*"abc")).status_code == 200


def test_pages_of_other_sites_are_refused(make: MakeMotorhead) -> None:
    """Where no key is asked for, a browser that sends for another site's page is not let write."""
    with served(create_app(Settings(), motorhead=lambda _: make())) as base:
        headers = {"Sec-Fetch-Site": "cross-site", "Content-Type": "text/plain"}
        answer = httpx.post(f"{base}/sessions/s/memory", json=said("x"), headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")


def test_redis_away() -> None:
    """While Redis is away every request that needs it is a 503 that says when to try again; the process lives."""
    settings = Settings(redis_url="redis://127.0.0.1:1/0")
    with served(create_app(settings)) as base, httpx.Client(base_url=base, timeout=30) as http:
        for method, path in (
            ("GET", "/sessions/s/memory"), ("POST", "/sessions/s/memory"), ("DELETE", "/sessions/s/memory"),
            ("GET", "/sessions"), ("GET", "/ready"), ("POST", "/sessions/s/compact"),
        ):  # fmt: skip
            answer = http.request(method, path, json=said("x") if method == "POST" else None)
            assert (answer.status_code, answer.json()["code"]) == (503, "redis_unavailable")
            assert answer.headers["retry-after"] == "1"
        assert http.get("/health").status_code == http.get("/").status_code == 200


def test_other_errors_of_redis(make: MakeMotorhead, client: redis.Redis, namespace: str) -> None:
    """A key of somebody else in our place is told as such."""
    with served(create_app(Settings(), motorhead=lambda _: make())) as base:
        httpx.post(f"{base}/sessions/s/memory", json=said("x"))
        (key,) = [key for key in client.keys("*:state") if namespace.split()[1].encode() in key]
        client.delete(key)
        client.set(key, "foreign")
        answer = httpx.get(f"{base}/sessions/s/memory")
        assert (answer.status_code, answer.json()["code"]) == (409, "wrong_key_type")


def test_a_summarizer_that_fails(make: MakeMotorhead) -> None:
    """It keeps no request from success; asked for by hand, the compaction tells of it, and counts show it."""

    def fail(given: Any) -> None:
        raise RuntimeError("secret of the provider")

    app = create_app(Settings(), motorhead=lambda _: make(window=SMALL, llm=Ledger(fail)))
    with served(app) as base, httpx.Client(base_url=base) as http:
        assert http.post("/sessions/s/memory", json=said(*"abcdef")).status_code == 200
        answer = http.post("/sessions/s/compact")
        assert (answer.status_code, answer.json()["code"]) == (502, "summarization_failed")
        assert "secret" not in answer.text
        counts = http.get("/sessions/s").json()
        assert (counts["total"], counts["summarized"], counts["backlog"]) == (6, 0, 2)
        assert counts["failures"] >= 1


def test_slow_summaries_hold_no_request(make: MakeMotorhead) -> None:
    """While a summary is made, the session is read and written; the metrics show the work."""
    go = threading.Event()
    app = create_app(Settings(), motorhead=lambda _: make(window=SMALL, llm=Ledger(lambda given: go.wait(30))))
    with served(app) as base, httpx.Client(base_url=base, timeout=20) as http:
        try:
            for at in range(12):
                assert http.post("/sessions/s/memory", json=said(f"m{at}")).status_code == 200
            assert len(http.get("/sessions/s/memory?limit=100").json()["messages"]) == 8
            metrics = http.get("/metrics").text
            assert "motorhead_background_work 1.0" in metrics
            assert "motorhead_messages_total 12.0" in metrics
            assert (
                'motorhead_requests_total{method="POST",route="/sessions/{session_id}/memory",status="200"} 12.0'
                in metrics
            )
        finally:
            go.set()
        settled(http, "s")
        assert known(http, "s") == [f"m{at}" for at in range(12)]


def test_logs_tell_no_content(tenants: httpx.Client, caplog: pytest.LogCaptureFixture) -> None:
    """A line of JSON for each request, without ids, what was said, and keys."""
    with caplog.at_level(logging.DEBUG, "langchain_motorhead"):
        tenants.post("/sessions/hush/memory?user_id=hush", json=said("hush"), headers=with_key("key-a"))
        tenants.post("/sessions/hush/memory", content=b"hush", headers=with_key("key-a"))
        tenants.get("/hush", headers=with_key("hush"))
        # A line is written when its answer is out.
        wait_until(lambda: sum(record.name.endswith(".middleware") for record in caplog.records) == 3)
    lines = [json.loads(JSONLines().format(record)) for record in caplog.records if record.name.endswith(".middleware")]
    assert [(line["route"], line["status"]) for line in lines] == [
        ("/sessions/{session_id}/memory", 200), ("/sessions/{session_id}/memory", 400), ("(none)", 404),
    ]  # fmt: skip
    assert "hush" not in json.dumps(lines)
    assert "key-a" not in json.dumps(lines)


def test_a_logged_exception_tells_where_and_not_what() -> None:
    """What an exception says may be content: its class and place are logged."""
    try:
        raise ValueError("hush")
    except ValueError as error:
        caught = (type(error), error, error.__traceback__)
    record = logging.LogRecord("x", logging.ERROR, __file__, 1, "failed", None, caught)
    line = JSONLines().format(record)
    assert "hush" not in line
    assert json.loads(line)["exception"] == "ValueError"


def test_an_error_of_our_own_making(make: MakeMotorhead, monkeypatch: pytest.MonkeyPatch) -> None:
    """What nobody thought of is a 500 that says nothing of it."""
    monkeypatch.setattr("langchain_motorhead.server.routes.motorhead.operations.read", lambda *_: 1 / 0)
    with served(create_app(Settings(), motorhead=lambda _: make())) as base:
        answer = httpx.get(f"{base}/sessions/s/memory")
        assert (answer.status_code, answer.json()) == (500, {"error": "internal error", "code": "internal"})


def test_settings_are_the_originals(monkeypatch: pytest.MonkeyPatch) -> None:
    """The original's variables mean what they meant, with its defaults, and ours are beside them."""
    settings = Settings()
    assert (settings.port, settings.max_window_size, settings.long_term_memory) == (8000, 12, False)
    assert settings.listen_on == "127.0.0.1"
    for name, value in {
        "PORT": "9", "REDIS_URL": "redis://r", "MOTORHEAD_MAX_WINDOW_SIZE": "20", "MOTORHEAD_LONG_TERM_MEMORY": "true",
        "MOTORHEAD_MODEL": "gpt-4", "OPENAI_API_KEY": "sk-hush", "MOTORHEAD_API_KEYS": "k=1=A, l=B",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    settings = Settings()
    assert (settings.port, settings.redis_url, settings.max_window_size) == (9, "redis://r", 20)
    assert (settings.api_keys, settings.listen_on) == ({"k=1": "A", "l": "B"}, "0.0.0.0")
    assert "hush" not in repr(settings)
    assert "k=1" not in repr(settings)
    with pytest.raises(ValueError, match="api_keys") as caught:
        Settings(api_keys="hush")
    assert "hush" not in str(caught.value)
    assert getattr(models.summarizer(settings), "model_name", None) == "gpt-4"
    assert getattr(models.embeddings(settings), "model", None) == "text-embedding-3-small"


def test_models_of_the_settings(caplog: pytest.LogCaptureFixture) -> None:
    """Each way to name a model gives it; none gives extracts, which is said; a name without a key is refused."""
    with caplog.at_level(logging.WARNING):
        assert models.summarizer(Settings()) is None
    assert "no model is configured" in caplog.text
    own: Any = models.summarizer(Settings(summarizer_api_base="http://local/v1", model="llama"))
    assert (own.openai_api_base, own.model_name) == ("http://local/v1", "llama")
    azure: Any = {"azure_api_key": "k", "azure_api_base": "https://x.openai.azure.com"}
    chat: Any = models.summarizer(Settings(**azure, azure_deployment_id="d"))
    assert (chat.deployment_name, type(chat).__name__) == ("d", "AzureChatOpenAI")
    ada: Any = models.embeddings(Settings(**azure, azure_deployment_id_ada="e", long_term_memory=True))
    assert (ada.deployment, type(ada).__name__) == ("e", "AzureOpenAIEmbeddings")
    assert models.summarizer(Settings(model="anthropic:claude")) == "anthropic:claude"
    for wrong in (Settings(model="gpt-4"), Settings(long_term_memory=True)):
        with pytest.raises(InvalidInputError, match="OPENAI_API_KEY"):
            models.summarizer(wrong) if wrong.model else models.embeddings(wrong)


def test_every_variable_is_told() -> None:
    """`motorhead serve --help` says what each variable is."""
    names = [name for name, *_ in variables()]
    assert {"PORT", "REDIS_URL", "MOTORHEAD_API_KEYS", "SUMMARIZER_API_BASE", "AZURE_DEPLOYMENT_ID_ADA"} <= {*names}
    assert all(about for *_, about in variables())
    assert len(names) == len(Settings.model_fields)


def _environment(url: str, namespace: str) -> dict[str, str]:
    return {"REDIS_URL": url, "MOTORHEAD_NAMESPACE": namespace, "MOTORHEAD_MAX_WINDOW_SIZE": "4"}


def test_killed_in_the_middle(url: str, namespace: str) -> None:
    """Of two servers, one is killed while clients post: each message that was acknowledged is counted, once."""
    environment = _environment(url, namespace)
    with process(**environment) as (first, one), process(**environment) as (_, two):
        acknowledged = 0
        for at in range(120):
            if at == 50:
                first.kill()
                first.wait()
            try:
                answer = httpx.post(f"{(one, two)[at % 2]}/sessions/s/memory", json=said(f"m{at}"))
            except httpx.TransportError:
                continue
            assert answer.status_code == 200
            acknowledged += 1
        assert acknowledged == 85
        with httpx.Client(base_url=two, timeout=30) as http:
            assert settled(http, "s")["total"] == acknowledged
            newest = http.get("/sessions/s/memory").json()["messages"][0]
            assert newest["content"] == "m119"


def test_an_endpoint_of_ones_own(url: str, namespace: str) -> None:
    """Summaries come from the endpoint that `SUMMARIZER_API_BASE` names, which needs no key."""
    stub = Stub()
    try:
        environment = {**_environment(url, namespace), "SUMMARIZER_API_BASE": stub.url, "MOTORHEAD_MODEL": "llama"}
        with process(**environment) as (_, base), httpx.Client(base_url=base) as http:
            http.post("/sessions/s/memory", json=said(*"abcdef"))
            assert settled(http, "s")["tokens"] == 100
            assert http.get("/sessions/s/memory").json()["context"] == stub.text
        assert stub.requests[0]["model"] == "llama"
    finally:
        stub.server.shutdown()
        stub.server.server_close()


def test_a_graceful_stop(url: str, namespace: str) -> None:
    """Told to stop, the process finishes the summaries in flight; its log is JSON and tells no content."""
    with process(**_environment(url, namespace), MOTORHEAD_LOG_LEVEL="debug") as (running, base):
        for at in range(20):
            httpx.post(f"{base}/sessions/s/memory", json=said(f"hush-{at}"))
        running.send_signal(signal.SIGTERM)
        assert running.stderr
        log = running.stderr.read().decode()
        assert running.wait(30) in (0, -signal.SIGTERM)
    lines = [json.loads(line) for line in log.splitlines()]
    assert any("no model is configured" in line["message"] for line in lines)
    assert "hush" not in log
    with Motorhead.from_url(url, namespace=namespace, window=SMALL) as motorhead:
        memory = motorhead.session("s").load()
        assert (memory.total, memory.backlog) == (20, 0)


async def test_a_stop_does_not_wait_for_ever(make: MakeMotorhead, caplog: pytest.LogCaptureFixture) -> None:
    """Past the limit, a summary in flight is cut off, which is said, and its messages stay."""
    from langchain_core.runnables import RunnableLambda

    begun, ended = asyncio.Event(), asyncio.Event()

    async def hang(given: Any) -> str:
        begun.set()
        try:
            await asyncio.sleep(60)
        finally:
            ended.set()
        return "late"

    def never(given: Any) -> str:
        raise NotImplementedError

    app = create_app(
        Settings(shutdown_timeout=0.1), motorhead=lambda _: make(window=SMALL, llm=RunnableLambda(never, hang))
    )
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as http:
            assert (await http.post("/sessions/a%2Fb/memory", json=said(*"abcdef"))).status_code == 200
            assert (await http.get("/sessions/a%2Fb")).json()["session_id"] == "a/b"
            await asyncio.wait_for(begun.wait(), 30)
        assert not ended.is_set()
    assert "cut off" in caplog.text
    assert ended.is_set()
