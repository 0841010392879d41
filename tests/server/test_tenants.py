"""Keys of tenants, and what a tenant finds."""

from __future__ import annotations

import time
from typing import Any

import httpx
import pytest

from support.rest import said, with_key


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
    """Without a known key, only paths that reveal nothing are answered."""
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
