"""The end of a server: killed, or stopped while it works."""

from __future__ import annotations

import asyncio
import json
import logging
import signal
from typing import Any

import httpx
import pytest
from starlette.types import Message

from langchain_motorhead import Motorhead, Window
from langchain_motorhead.server import Settings, create_app
from langchain_motorhead.server.json_logs import JSONLines
from langchain_motorhead.server.routes import motorhead as motorhead_routes
from support.factory import MakeMotorhead
from support.http_servers import process
from support.openai_stub import Stub
from support.rest import said, settled

SMALL = Window(max_messages=4)


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
    """On SIGTERM, the process finishes the summaries in flight; its log is JSON and has no content."""
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


async def test_a_request_that_is_cut_off(
    make: MakeMotorhead, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A request that is cancelled because the server stops gets 503 with the code `stopping`, which the log has too."""

    async def hang(*_: object) -> None:
        waits.set()
        await asyncio.sleep(600)

    async def receive() -> Message:
        raise NotImplementedError

    async def send(message: Message) -> None:
        sent.append(message)

    caplog.set_level(logging.INFO)
    monkeypatch.setattr(motorhead_routes, "execute", hang)
    app = create_app(Settings(), motorhead=make())
    path = "/sessions/s/memory"
    scope = {
        "type": "http",
        "method": "GET",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": [],
    }
    for stops in (False, True):
        sent, waits = list[Message](), asyncio.Event()
        task = asyncio.create_task(app(dict(scope), receive, send))
        await waits.wait()
        app.state.stopping = stops
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled() is not stops
        assert bool(sent) is stops
    assert sent[0]["status"] == 503
    assert (b"retry-after", b"1") in sent[0]["headers"]
    assert json.loads(sent[1]["body"])["code"] == "stopping"
    line = json.loads(JSONLines().format(caplog.records[-1]))
    assert (line["level"], line["status"], line["code"]) == ("error", 503, "stopping")


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
