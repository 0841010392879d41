"""Slow summaries, records of others, and the original's own clients."""

from __future__ import annotations

import json
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
import redis

from langchain_motorhead import Motorhead, Window
from langchain_motorhead.server import Settings, create_app
from langchain_motorhead.storage.keys import session_keys
from support.factory import MakeMotorhead
from support.http_servers import served
from support.node import NODE
from support.rest import known, said, settled
from support.summarizers import Ledger

SMALL = Window(max_messages=4)


def test_the_window_is_the_most_that_is_read(make: MakeMotorhead) -> None:
    """A session whose summary is behind shows its window, says what waits, and more of it where that is asked for."""
    app = create_app(Settings(), motorhead=lambda _: make(window=SMALL, compaction="manual"))
    with served(app) as base, httpx.Client(base_url=base) as http:
        http.post("/sessions/s/memory", json=said(*(f"m{at}" for at in range(10))))
        memory = http.get("/sessions/s/memory").json()
        assert [each["content"] for each in memory["messages"]] == ["m9", "m8", "m7", "m6"]
        assert (memory["backlog"], memory["total"], memory["summarized"]) == (6, 10, 0)
        assert len(http.get("/sessions/s/memory?limit=100").json()["messages"]) == 8
        assert http.post("/sessions/s/compact").json()["summarized"] == 8
        assert len(http.get("/sessions/s/memory").json()["messages"]) == 2


def test_foreign_records_are_left_out(http: httpx.Client, client: redis.Redis, namespace: str) -> None:
    """What another program put into a list spoils no answer."""
    http.post("/sessions/s/memory", json=said("one"))
    client.rpush(session_keys(namespace, "s").messages, "no JSON", "[]", '{"role": 1}')
    assert [each["content"] for each in http.get("/sessions/s/memory").json()["messages"]] == ["one"]


def test_eight_clients_during_slow_summaries(url: str, namespace: str) -> None:
    """Nothing is lost, doubled or reordered of what eight clients post to two servers while summaries are slow."""

    def replica(name: str) -> Any:
        """Make an application that shares nothing with the other in this process: each is on a loop of its own."""
        llm = Ledger(lambda given: time.sleep(0.1))
        at = f"{url}{'&' if '?' in url else '?'}client_name={name}"
        return create_app(
            Settings(), motorhead=lambda _: Motorhead.from_url(at, namespace=namespace, window=SMALL, llm=llm)
        )

    one, two = replica("one"), replica("two")
    with served(one) as first, served(two) as second:

        def talk(name: int) -> None:
            with httpx.Client() as http:
                for at in range(20):
                    base = (first, second)[at % 2]
                    for session in ("shared", f"own-{name}"):
                        answer = http.post(f"{base}/sessions/{session}/memory", json=said(f"{name}:{at}"), timeout=30)
                        assert answer.status_code == 200

        with ThreadPoolExecutor(8) as pool:
            list(pool.map(talk, range(8)))
        with httpx.Client(base_url=second) as http:
            for session, names in [("shared", range(8)), *((f"own-{name}", [name]) for name in range(8))]:
                settled(http, session)
                found = known(http, session)
                assert len(found) == 20 * len(names)
                for name in names:
                    assert [each for each in found if each.startswith(f"{name}:")] == [
                        f"{name}:{at}" for at in range(20)
                    ]


def test_a_context_during_a_summary(make: MakeMotorhead) -> None:
    """A context posted while a summary is made of the old one stays, and no message is lost for it."""
    posted: list[str] = []

    def before(given: Any) -> None:
        if not posted:
            posted.append(httpx.post(f"{base}/sessions/s/memory", json={**said("m6"), "context": "newer"}).text)

    app = create_app(Settings(), motorhead=lambda _: make(window=SMALL, llm=Ledger(before), compaction="manual"))
    with served(app) as base, httpx.Client(base_url=base, timeout=30) as http:
        http.post("/sessions/s/memory", json={**said(*(f"m{at}" for at in range(6))), "context": "older"})
        http.post("/sessions/s/compact")
        assert known(http, "s") == ["newer", *(f"m{at}" for at in range(7))]


def test_the_documented_curl_lines(http: httpx.Client) -> None:
    """The lines of the original's README do what it says."""

    def curl(line: str, data: str | None = None) -> Any:
        command = [
            "curl",
            "--silent",
            "--location",
            f"{str(http.base_url).rstrip('/')}/{line}",
            "--header",
            "Content-Type: application/json",
        ]
        run = subprocess.run([*command, *(["--data", data] if data else [])], capture_output=True, check=True)
        return json.loads(run.stdout)

    ping = '{\n"messages": [{ "role": "Human", "content": "ping" }, { "role": "AI", "content": "pong" }]\n}'
    assert curl("sessions/c/memory", ping) == {"status": "Ok"}
    assert [each["content"] for each in curl("sessions/c/memory")["messages"]] == ["pong", "ping"]
    text = '{\n"text": "Generals gathered in their masses, just like witches in black masses"\n}'
    assert curl("sessions/c/retrieval", text)["error"] == "Long term memory is disabled"


@pytest.mark.filterwarnings("ignore")
async def test_langchains_own_client(http: httpx.Client) -> None:
    """The client of langchain-community speaks to this server unchanged."""
    from langchain_community.memory import motorhead_memory

    url = str(http.base_url).rstrip("/")
    memory = motorhead_memory.MotorheadMemory(session_id="lc", url=url)
    await memory.init()
    memory.save_context({"input": "hi im bob"}, {"output": "Hello Bob!"})
    httpx.post(f"{url}/sessions/lc/memory", json={"messages": [], "context": "Bob said hi."})  # noqa: ASYNC210
    other = motorhead_memory.MotorheadMemory(session_id="lc", url=url)
    await other.init()
    assert other.load_memory_variables({})["history"] == "Human: hi im bob\nAI: Hello Bob!"
    assert other.context == "Bob said hi."
    other.delete_session()
    assert httpx.get(f"{url}/sessions/lc").json()["exists"] is False  # noqa: ASYNC210


def test_a_fetch_from_node(http: httpx.Client) -> None:
    """A fetch as LangChain for JavaScript makes it does, too."""
    script = """
const url = process.argv[1];
const body = JSON.stringify({messages: [{role: "Human", content: "from node"}]});
fetch(url, {method: "POST", headers: {"Content-Type": "application/json"}, body})
  .then(answer => answer.json()).then(answer => console.log(answer.status));
"""
    url = f"{str(http.base_url).rstrip('/')}/sessions/n/memory"
    run = subprocess.run([NODE, "-e", script, url], capture_output=True, text=True, check=True)
    assert run.stdout == "Ok\n"
    assert known(http, "n") == ["from node"]
