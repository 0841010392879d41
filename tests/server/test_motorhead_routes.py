"""The routes of the original Motorhead, over HTTP, as its clients call them."""

from __future__ import annotations

import time
import urllib.parse

import httpx
import pytest
import redis

from langchain_motorhead import Motorhead
from support.rest import JSON, known, said, settled


def test_time(http: httpx.Client) -> None:
    """The root returns the time in milliseconds."""
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
        answer = http.post(f"/sessions/s/{path}", content=body, headers=JSON)
        assert answer.status_code == 400, answer.text
        assert set(answer.json()) == {"error", "code"}
    assert http.get("/sessions/s").json()["exists"] is False


HOSTILE = [
    "a/b", "/", "../../etc", "..", ".", "a b", "%2F", "%", "?x=1", "#", "{}", "a:b",
    "*", "é", "日本語", "💥", "'; --", "sessions", "memory", "a/memory", "x" * 1024, "é" * 500, "\u202e", "null",
    "+", "&", "~", "[]", "\\", "|",
]  # fmt: skip


def test_hostile_ids(http: httpx.Client) -> None:
    """An id is any text that stands percent-encoded in the path: each is a session of its own, and listed as it is."""
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
    """Errors about unknown paths and methods are JSON, too."""
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


def test_control_characters_are_in_no_name(http: httpx.Client) -> None:
    """An id or a role with one is refused, wherever it stands in the request."""
    for bad in ("%00", "a%0Ab", "%7F", "%C2%85", "%ED%A0%80"):
        for path in (f"/sessions/{bad}/memory", f"/sessions/s/memory?user_id={bad}", f"/sessions?namespace={bad}"):
            # The last one, half of a pair of surrogates, is replaced where it stands in a query.
            assert http.get(path).status_code == (200 if bad == "%ED%A0%80" and "?" in path else 400), path
    for name in ("role", "id"):
        body = {"messages": [{"role": "Human", "content": "x", name: "a\x1bb"}]}
        refused = http.post("/sessions/s/memory", json=body)
        assert (refused.status_code, refused.json()["code"]) == (400, "invalid_message")
    assert http.get("/sessions/s/memory").json()["messages"] == []
