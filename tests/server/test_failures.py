"""What the log says of requests that fail: the code and cause of every 5xx, and nothing of clients that leave."""

from __future__ import annotations

import json
import logging
import socket
import time
from typing import Any

import httpx
import pytest
from langchain_core.runnables import RunnableLambda

from langchain_motorhead import Motorhead, Window
from langchain_motorhead.server import Settings, create_app
from langchain_motorhead.server.http import responses
from langchain_motorhead.server.json_logs import JSONLines
from langchain_motorhead.server.routes import health
from support.factory import MakeMotorhead
from support.http_servers import process, served
from support.rest import said


def _lines(caplog: pytest.LogCaptureFixture) -> list[dict[str, Any]]:
    records = [record for record in caplog.records if record.name.startswith("langchain_motorhead.server")]
    return [json.loads(JSONLines().format(record)) for record in records]


def _of_requests(caplog: pytest.LogCaptureFixture, path: str) -> list[dict[str, Any]]:
    return [line for line in _lines(caplog) if line.get("route") == path]


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def test_a_failed_summary_is_logged_with_its_cause(make: MakeMotorhead, caplog: pytest.LogCaptureFixture) -> None:
    """A 502 has one line at level ERROR with its code and the classes of its causes, and nothing that was said."""

    def fail(given: Any) -> str:
        raise ValueError("hush-1 was said")

    caplog.set_level(logging.INFO)
    motorhead = make(llm=RunnableLambda(fail), window=Window(max_messages=2), compaction="manual")
    with served(create_app(Settings(), motorhead=lambda _: motorhead)) as base:
        httpx.post(f"{base}/sessions/s/memory", json=said("hush-1", "b", "c", "d"))
        assert httpx.post(f"{base}/sessions/s/compact").status_code == 502
    (line,) = _of_requests(caplog, "/sessions/{session_id}/compact")
    assert (line["level"], line["status"], line["code"]) == ("error", 502, "summarization_failed")
    assert line["cause"] == "SummarizationError from ValueError"
    assert line["request_id"]
    assert "hush" not in json.dumps(_lines(caplog))


def test_an_unreachable_redis_is_logged_with_its_cause(caplog: pytest.LogCaptureFixture) -> None:
    """A 503 says which address did not answer, on requests and on /ready, and never the password."""
    caplog.set_level(logging.INFO)
    port = _free_port()
    with served(create_app(Settings(redis_url=f"redis://:hush@127.0.0.1:{port}"))) as base:
        assert httpx.get(f"{base}/sessions/s/memory").status_code == 503
        assert httpx.get(f"{base}/ready").status_code == 503
    for path in ("/sessions/{session_id}/memory", "/ready"):
        (line,) = _of_requests(caplog, path)
        assert (line["level"], line["code"]) == ("error", "redis_unavailable")
        assert f"127.0.0.1:{port}" in line["cause"]
    at_start = [line for line in _lines(caplog) if line["logger"].endswith("startup")]
    assert [line["level"] for line in at_start] == ["error"]
    assert "keeps trying" in at_start[0]["message"]
    assert "hush" not in caplog.text


def test_what_redis_refuses_is_logged_by_its_class(
    url: str, namespace: str, client: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """A 503 for a command that Redis refused has the classes of Redis' error."""
    caplog.set_level(logging.INFO)
    client.config_set("requirepass", "hush")
    try:
        with served(create_app(Settings(redis_url=url, namespace=namespace))) as base:
            answers = [httpx.get(f"{base}/sessions/s/memory"), httpx.get(f"{base}/ready")]
    finally:
        client.config_set("requirepass", "")
    for path, answer in zip(("/sessions/{session_id}/memory", "/ready"), answers, strict=True):
        assert (answer.status_code, answer.json()["code"]) == (503, "store_error")
        assert "Redis requires a password" in answer.json()["error"]
        (line,) = _of_requests(caplog, path)
        assert line["code"] == "store_error"
        assert line["cause"].startswith("StoreError from ")
        assert "AuthenticationError" in line["cause"]


def test_a_redis_that_does_not_answer_is_unavailable(
    http: httpx.Client, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """`/ready` and the log name the same code for a Redis that accepts connections and does not answer."""

    async def wait(_: object) -> None:
        raise TimeoutError

    caplog.set_level(logging.INFO)
    monkeypatch.setattr(health, "ping", wait)
    assert http.get("/ready").json()["code"] == "redis_unavailable"
    (line,) = _of_requests(caplog, "/ready")
    assert (line["code"], line["cause"]) == ("redis_unavailable", "Redis did not answer within 2 s")


def test_an_unexpected_error_is_logged_with_its_class(
    http: httpx.Client, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A 500 has the class of the error in the request's line, and its place in a line of its own."""
    caplog.set_level(logging.INFO)
    monkeypatch.setattr(responses, "counts", lambda *_: 1 // 0)
    assert http.get("/sessions/s").status_code == 500
    (line,) = _of_requests(caplog, "/sessions/{session_id}")
    assert (line["code"], line["cause"]) == ("internal", "ZeroDivisionError")


@pytest.mark.parametrize("path", ["sessions/s/memory", "sessions/s/retrieval", "search", "sessions/s/catch-up"])
def test_a_client_that_leaves_is_no_failure(http: httpx.Client, path: str, caplog: pytest.LogCaptureFixture) -> None:
    """A client that disconnects while it sends its body is logged and counted as 499, without an error."""
    caplog.set_level(logging.INFO)
    with socket.create_connection((http.base_url.host, http.base_url.port or 0)) as connection:
        head = f"POST /{path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        connection.sendall(f"{head}Content-Length: 99\r\n\r\n{{".encode())
        time.sleep(0.2)  # the server has begun to read the body
    deadline = time.monotonic() + 60
    while 'status="499"' not in (metrics := http.get("/metrics").text):
        assert time.monotonic() < deadline, metrics
    assert 'status="500"' not in metrics
    assert not [line for line in _lines(caplog) if line["level"] == "error"]


def test_a_server_starts_before_its_redis(tmp_path: Any) -> None:
    """A server that starts without Redis says so once, answers, is not ready, and is ready when Redis comes.

    An empty variable is as good as none.
    """
    from support.redis_servers import Lasting

    redis = Lasting(tmp_path)
    with process("--host", "0.0.0.0", REDIS_URL=redis.url, WEB_CONCURRENCY="") as (running, base):
        assert httpx.get(f"{base}/ready").status_code == 503
        redis.start()
        try:
            deadline = time.monotonic() + 30
            while httpx.get(f"{base}/ready").status_code != 200:
                assert time.monotonic() < deadline
            assert httpx.post(f"{base}/sessions/s/memory", json=said("a")).status_code == 200
            with Motorhead.from_url(redis.url) as motorhead:
                assert motorhead.session("s").load().total == 1
            assert running.stderr
            seen = ""
            while "Redis answers now" not in seen:
                seen += running.stderr.readline().decode()
        finally:
            running.terminate()
            running.wait(30)
            redis.kill()
    assert seen.count("Redis cannot be used") == 1
    assert "listening on 0.0.0.0 without API keys" in seen
