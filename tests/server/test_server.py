"""The server around its routes: limits, errors, logs, and retrieval."""

from __future__ import annotations

import json
import logging
import threading
from typing import Any

import httpx
import pytest
import redis

from langchain_motorhead import HashingEmbeddings, Window
from langchain_motorhead.server import Settings, create_app
from langchain_motorhead.server.json_logs import JSONLines
from langchain_motorhead.storage.keys import session_keys
from support.factory import MakeMotorhead
from support.http_servers import served
from support.redis_servers import wait_until
from support.rest import JSON, known, said, settled, with_key
from support.summarizers import Ledger

SMALL = Window(max_messages=4)


def test_retrieval_gives_roles_as_they_were_sent(make: MakeMotorhead, client: redis.Redis, namespace: str) -> None:
    """What is found has the role that it was sent with; what was indexed before that was kept, that of its class."""
    roles = ["user", "assistant", "human", "ai", "Human", "AI", "Bot 7", "chat"]
    sent = [{"role": role, "content": f"the cat sat as {role}"} for role in roles]
    sent.append({"role": "user", "content": "the cat sat on the mat. " * 150})
    motorhead = make(embeddings=HashingEmbeddings(64), window=Window(max_messages=20))
    with served(create_app(Settings(), motorhead=lambda _: motorhead)) as base, httpx.Client(base_url=base) as http:

        def found(path: str) -> dict[str, str]:
            body = {"text": "the cat sat", "k": 20, "session_id": "s"}
            hits = [(each["content"].strip(), each["role"]) for each in http.post(path, json=body).json()]
            # Of the long message, a passage is found.
            return {
                next(text for text in whole if passage == text or (passage not in whole and passage in text)): role
                for passage, role in hits
            }

        http.post("/sessions/s/memory", json={"messages": sent})
        motorhead.flush()
        memory = http.get("/sessions/s/memory").json()["messages"]
        expected = {each["content"].strip(): each["role"] for each in memory}
        whole = list(expected)
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
    """Bodies of too many bytes, declared or counted, or with too many messages get 413, and long ids 400."""
    settings = Settings(max_body_bytes=1_000, max_messages=3, max_id_length=5)
    with served(create_app(settings, motorhead=lambda _: make())) as base, httpx.Client(base_url=base) as http:
        large = json.dumps(said("x" * 1_000)).encode()
        for content in (large, iter([large[:600], large[600:]])):
            answer = http.post("/sessions/s/memory", content=content, headers=JSON)
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
    """A key that another program wrote in our place is reported as such."""
    with served(create_app(Settings(), motorhead=lambda _: make())) as base:
        httpx.post(f"{base}/sessions/s/memory", json=said("x"))
        (key,) = [key for key in client.keys("*:state") if namespace.split()[1].encode() in key]
        client.delete(key)
        client.set(key, "foreign")
        answer = httpx.get(f"{base}/sessions/s/memory")
        assert (answer.status_code, answer.json()["code"]) == (409, "wrong_key_type")


def test_a_summarizer_that_fails(make: MakeMotorhead) -> None:
    """It keeps no request from success; started by hand, the compaction reports it, and counts show it."""

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
        tenants.post("/sessions/hush/memory", content=b"hush", headers={**JSON, **with_key("key-a")})
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
    monkeypatch.setattr("langchain_motorhead.server.routes.motorhead.read_snapshot", lambda *_: 1 / 0)
    with served(create_app(Settings(), motorhead=lambda _: make())) as base:
        answer = httpx.get(f"{base}/sessions/s/memory")
        assert (answer.status_code, answer.json()) == (500, {"error": "internal error", "code": "internal"})
