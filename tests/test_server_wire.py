"""The wire of the original, over HTTP, as its clients speak it."""

from __future__ import annotations

import json
import subprocess
import time
import urllib.parse
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
import redis
from conftest import MakeMotorhead
from http_servers import served
from support import SEPARATOR, Ledger

from langchain_motorhead import Motorhead, Window
from langchain_motorhead.server import Settings, create_app
from langchain_motorhead.storage.keys import session_keys

SMALL = Window(max_messages=4)


def said(*contents: str, role: str = "Human") -> dict[str, Any]:
    """Make a body that posts messages."""
    return {"messages": [{"role": role, "content": each} for each in contents]}


@pytest.fixture
def motorhead(make: MakeMotorhead) -> Motorhead:
    """What is served."""
    return make(llm=Ledger())


@pytest.fixture
def http(motorhead: Motorhead) -> Iterator[httpx.Client]:
    """A client of a server."""
    with served(create_app(Settings(), motorhead=lambda _: motorhead)) as base, httpx.Client(base_url=base) as client:
        yield client


def known(client: httpx.Client, session: str, limit: int = 100) -> list[str]:
    """Give the contents of all that a session knows, oldest first, where a `Ledger` summarizes."""
    memory = client.get(f"/sessions/{session}/memory", params={"limit": limit}).json()
    folded = memory["context"].split(SEPARATOR) if memory["context"] else []
    return folded + [each["content"] for each in reversed(memory["messages"])]


def settled(client: httpx.Client, session: str) -> dict[str, Any]:
    """Wait until nothing of a session is due."""
    deadline = time.monotonic() + 60
    while (counts := client.get(f"/sessions/{session}").json())["backlog"]:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return dict(counts)


def test_time(http: httpx.Client) -> None:
    """The root tells the time in milliseconds."""
    answer = http.get("/")
    assert answer.headers["content-type"] == "application/json"
    assert abs(answer.json()["now"] - time.time() * 1000) < 60_000


def test_post_and_get(http: httpx.Client) -> None:
    """Messages come back newest first with their roles as they were sent, and an unknown session is empty."""
    empty = http.get("/sessions/s/memory")
    assert empty.status_code == 200
    assert {key: empty.json()[key] for key in ("messages", "context", "tokens")} == {
        "messages": [], "context": None, "tokens": 0,
    }  # fmt: skip
    sent = [{"role": role, "content": f"as {role}"} for role in ("Human", "AI", "user", "assistant", "Bot 7", "", "é")]
    assert http.post("/sessions/s/memory", json={"messages": sent}).json() == {"status": "Ok"}
    assert http.get("/sessions/s/memory").json()["messages"] == sent[::-1]


def test_what_else_a_message_has_is_kept(http: httpx.Client) -> None:
    """Further keys of a message come back, and an id makes a post safe to send again."""
    message = {"role": "AI", "content": "", "id": "m1", "tool_calls": [{"name": "look", "args": {}, "id": "c"}], "x": 1}
    for _ in range(2):
        http.post("/sessions/s/memory", json={"messages": [message]})
    assert http.get("/sessions/s/memory").json()["messages"] == [message]


def test_delete(http: httpx.Client, client: redis.Redis, namespace: str) -> None:
    """Deleting leaves nothing of a session, listings included, and may be repeated."""
    for params in ({}, {"namespace": "a"}, {"namespace": "b"}):
        http.post("/sessions/s/memory", json=said("one"), params=params)
    for _ in range(2):
        assert http.delete("/sessions/s/memory", params={"namespace": "a"}).json() == {"status": "Ok"}
    assert http.get("/sessions/s/memory").json()["messages"] == []
    quoted = urllib.parse.quote(namespace, safe="")
    assert [key for key in client.keys("*") if quoted.encode() in key] == []


def test_listing(http: httpx.Client) -> None:
    """Sessions are listed the least recently active first, in pages."""
    for at in (0, 1, 2, 3, 4, 0):
        http.post(f"/sessions/{at}/memory", json=said("one"))
    assert http.get("/sessions").json() == ["1", "2", "3", "4", "0"]
    assert http.get("/sessions", params={"page": 2, "size": 2}).json() == ["3", "4"]
    assert http.get("/sessions", params={"page": 3, "size": 2}).json() == ["0"]
    assert http.get("/sessions", params={"page": 100}).json() == []


@pytest.mark.parametrize(
    "query", ["page=101", "page=0", "page=-1", "page=x", "size=0", "size=1e3", "page=9999999999999"]
)
def test_pages_that_are_none(http: httpx.Client, query: str) -> None:
    """A page over 100 is refused, and so is what is no page."""
    answer = http.get(f"/sessions?{query}")
    assert answer.status_code == 400
    assert answer.json()["code"] == "invalid_request"


def test_groups(http: httpx.Client) -> None:
    """A namespace groups the listing only: reading needs none, and a session may be in several."""
    http.post("/sessions/x/memory", json=said("one"), params={"namespace": "a"})
    http.post("/sessions/y/memory", json=said("one"), params={"namespace": "a"})
    http.post("/sessions/x/memory", json=said("two"), params={"namespace": "b"})
    http.post("/sessions/z/memory", json=said("one"))

    def listed(group: str | None) -> list[str]:
        return list(http.get("/sessions", params={"namespace": group} if group else {}).json())

    assert (listed("a"), listed("b"), listed("c"), listed(None)) == (["x", "y"], ["x"], [], ["z"])
    assert len(http.get("/sessions/x/memory").json()["messages"]) == 2
    http.post("/sessions/y/memory", json=said("two"))
    assert (listed("a"), listed(None)) == (["x", "y"], ["z", "y"])
    http.delete("/sessions/x/memory")
    assert (listed("a"), listed("b")) == (["y"], [])
    http.post("/sessions/x/memory", json=said("anew"))
    assert (listed("a"), listed(None)) == (["y"], ["z", "y", "x"])


def test_a_context_replaces_the_summary(http: httpx.Client) -> None:
    """A context given is what is read; null leaves it, an empty one removes it, and one alone makes a session."""
    for context, read in (("Bob is in Oslo.", "Bob is in Oslo."), (None, "Bob is in Oslo."), ("He left.", "He left.")):
        http.post("/sessions/s/memory", json={**said("hi"), "context": context})
        assert http.get("/sessions/s/memory").json()["context"] == read
    http.post("/sessions/s/memory", json={"messages": [], "context": ""})
    memory = http.get("/sessions/s/memory").json()
    assert (memory["context"], len(memory["messages"])) == (None, 3)
    http.post("/sessions/t/memory", json={"messages": [], "context": "alone"}, params={"namespace": "g"})
    assert http.get("/sessions/t/memory").json()["context"] == "alone"
    assert http.get("/sessions", params={"namespace": "g"}).json() == ["t"]


BAD = [
    b"", b"{", b"[]", b"null", b'"x"', b"{}", b"\xff", b'{"messages": {}}', b'{"messages": ["x"]}',
    b'{"messages": [{"role": "Human"}]}', b'{"messages": [{"content": "x"}]}',
    b'{"messages": [{"role": 1, "content": "x"}]}',
    b'{"messages": [{"role": "Human", "content": 1}]}', b'{"messages": [{"role": "Human", "content": null}]}',
    b'{"messages": [], "context": 5}',
    b'{"messages": null}',
    b'{"messages": [{"role": "Human", "content": "\\ud800"}]}', b'{"messages": [{"role": "Human", "content": NaN}]}',
    b"[" * 100_000, b'{"messages": [{"role": "Human", "content": "x", "more": ' + b"[" * 900 + b"]" * 900 + b"}]}",
]  # fmt: skip


@pytest.mark.parametrize("body", BAD, ids=range(len(BAD)))
def test_wrong_bodies(http: httpx.Client, body: bytes) -> None:
    """What is no JSON, or not the right one, is a 400 with an error and a code, and stores nothing."""
    for path in ("memory", "retrieval"):
        answer = http.post(f"/sessions/s/{path}", content=body)
        assert answer.status_code == 400, answer.text
        assert set(answer.json()) == {"error", "code"}
    assert http.get("/sessions/s").json()["exists"] is False


HOSTILE = [
    "a/b", "/", "../../etc", "..", ".", "a b", "%2F", "%", "?x=1", "#", "{}", "a:b",
    "*", "\x00", "\n", "é", "日本語",
    "💥",    "'; --", "sessions", "memory", "a/memory", "x" * 1024, "é" * 500, "\u202e", "null",
    "+", "&", "~", "[]", "\\", "|",
]  # fmt: skip


def test_hostile_ids(http: httpx.Client) -> None:
    """An id is whatever stands percent-encoded in the path: each is a session of its own, and listed as it is."""
    paths = {id_: f"/sessions/{urllib.parse.quote(id_, safe='').replace('.', '%2E')}" for id_ in HOSTILE}
    for id_, path in paths.items():
        assert http.post(f"{path}/memory", json=said(id_)).json() == {"status": "Ok"}
    for id_, path in paths.items():
        assert [each["content"] for each in http.get(f"{path}/memory").json()["messages"]] == [id_]
    assert sorted(http.get("/sessions", params={"size": 100}).json()) == sorted(HOSTILE)
    for path in paths.values():
        assert http.delete(f"{path}/memory").status_code == 200
    assert http.get("/sessions").json() == []


@pytest.mark.parametrize(
    "path", ["/sessions/%FF/memory", f"/sessions/{'x' * 1025}/memory", "/sessions?namespace=" + "x" * 1025]
)
def test_ids_that_are_none(http: httpx.Client, path: str) -> None:
    """An id that is too long or no UTF-8 is refused."""
    answer = http.get(path)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_id")


def test_paths_that_are_none(http: httpx.Client) -> None:
    """Unknown paths and methods are told as JSON, too."""
    assert http.get("/sessions//memory").status_code == http.get("/nothing").status_code == 404
    answer = http.put("/sessions/s/memory")
    assert (answer.status_code, answer.json()["code"]) == (405, "method_not_allowed")


def test_a_thousand_messages(http: httpx.Client, motorhead: Motorhead) -> None:
    """A thousand messages in a request are all kept, in the window and the summary."""
    sent = [f"m{at}" for at in range(1_000)]
    assert http.post("/sessions/s/memory", json=said(*sent)).status_code == 200
    assert settled(http, "s")["total"] == 1_000
    assert known(http, "s") == sent
    assert len(http.get("/sessions/s/memory").json()["messages"]) <= 12


def test_the_window_is_the_most_that_is_read(make: MakeMotorhead) -> None:
    """A session whose summary is behind shows its window, says what waits, and more of it where that is asked for."""
    app = create_app(Settings(), motorhead=lambda _: make(window=SMALL, compaction="manual"))
    with served(app) as base, httpx.Client(base_url=base) as http:
        http.post("/sessions/s/memory", json=said(*(f"m{at}" for at in range(10))))
        memory = http.get("/sessions/s/memory").json()
        assert [each["content"] for each in memory["messages"]] == ["m9", "m8", "m7", "m6"]
        assert (memory["backlog"], memory["total"], memory["summarized"]) == (6, 10, 0)
        assert len(http.get("/sessions/s/memory?limit=100").json()["messages"]) == 8
        assert http.post("/sessions/s/compact").json()["folded"] == 8
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


def test_a_plain_fetch_from_node(http: httpx.Client) -> None:
    """A fetch without any header does, too."""
    script = """
const url = process.argv[1];
fetch(url, {method: "POST", body: JSON.stringify({messages: [{role: "Human", content: "from node"}]})})
  .then(answer => answer.json()).then(answer => console.log(answer.status));
"""
    url = f"{str(http.base_url).rstrip('/')}/sessions/n/memory"
    run = subprocess.run(["node", "-e", script, url], capture_output=True, text=True, check=True)
    assert run.stdout == "Ok\n"
    assert known(http, "n") == ["from node"]
