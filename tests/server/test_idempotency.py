"""Requests that are sent again with an `Idempotency-Key`: they are carried out once."""

from __future__ import annotations

from typing import Any

import httpx
import redis

from langchain_motorhead.server import Settings, create_app
from support.factory import MakeMotorhead
from support.http_servers import served
from support.messages import numbered
from support.rest import said


def _key(key: str) -> dict[str, str]:
    return {"Idempotency-Key": key}


def _stored(client: httpx.Client, session: str) -> list[str]:
    answer: dict[str, Any] = client.get(f"/sessions/{session}/messages", params={"limit": 1000}).json()
    return [each["message"]["content"] for each in answer["messages"]]


def test_a_post_that_is_sent_again_is_carried_out_once(make: MakeMotorhead) -> None:
    """Whatever others stored in between; another key, no key, or the same key for another session stores it again."""
    motorhead = make(compaction="manual")
    with (
        served(create_app(Settings(), motorhead=lambda _: motorhead)) as base,
        httpx.Client(base_url=base) as client,
    ):
        first = said("transfer 100 EUR", "transfer 100 EUR")
        for key in ("k1", "k1"):
            assert client.post("/sessions/s/memory", json=first, headers=_key(key)).status_code == 200
        for each in numbered(130):
            motorhead.session("s").append(each)
        assert client.post("/sessions/s/memory", json=first, headers=_key("k1")).status_code == 200
        assert _stored(client, "s") == ["transfer 100 EUR"] * 2 + [f"m{at}" for at in range(130)]
        for headers in (_key("k2"), {}, {}):
            client.post("/sessions/s/memory", json=said("x"), headers=headers)
        client.post("/sessions/t/memory", json=first, headers=_key("k1"))
        assert _stored(client, "s")[132:] == ["x"] * 3
        assert len(_stored(client, "t")) == 2
        # With an id that is to be stored again, too.
        twice = {"messages": [{"role": "Human", "content": "x", "id": "1"}], "unless_known": False}
        for key in ("k3", "k4", "k4"):
            client.post("/sessions/u/memory", json=twice, headers=_key(key))
        assert len(_stored(client, "u")) == 2


def test_a_context_that_is_sent_again_replaces_nothing(make: MakeMotorhead) -> None:
    """The summary that came after it stays, with messages in the request and without."""
    with (
        served(create_app(Settings(), motorhead=lambda _: make(compaction="manual"))) as base,
        httpx.Client(base_url=base) as client,
    ):
        for at, messages in enumerate(([], said("x")["messages"])):
            path, old = f"/sessions/{at}/memory", {"messages": messages, "context": "old"}
            client.post(path, json=old, headers=_key("k"))
            client.post(path, json={"messages": [], "context": "new"}, headers=_key("l"))
            assert client.post(path, json=old, headers=_key("k")).status_code == 200
            memory = client.get(path).json()
            assert (memory["context"], len(memory["messages"])) == ("new", len(messages))


def test_a_key_that_is_used_for_another_request_is_refused(make: MakeMotorhead) -> None:
    """It is a 409 that stores nothing, as is a key that cannot be one a 400."""
    with (
        served(create_app(Settings(), motorhead=lambda _: make(compaction="manual"))) as base,
        httpx.Client(base_url=base) as client,
    ):
        client.post("/sessions/s/memory", json=said("one"), headers=_key("k"))
        for body in (said("two"), {**said("one"), "context": "c"}, {**said("one"), "unless_known": False}):
            refused = client.post("/sessions/s/memory", json=body, headers=_key("k"))
            assert (refused.status_code, refused.json()["code"]) == (409, "idempotency_key_reused")
        for bad in ("", "x" * 256, "ü".encode().decode("latin-1")):
            headers = [(b"Idempotency-Key", bad.encode("latin-1"))]
            refused = client.post("/sessions/s/memory", json=said("three"), headers=headers)
            assert (refused.status_code, refused.json()["code"]) == (400, "invalid_request")
        assert _stored(client, "s") == ["one"]


def test_what_is_remembered_of_keys_expires_with_the_session(make: MakeMotorhead, client: redis.Redis) -> None:
    """A session made by a context alone, too, leaves no key without an expiry."""
    motorhead = make(compaction="manual", ttl=3600)
    with served(create_app(Settings(), motorhead=lambda _: motorhead)) as base, httpx.Client(base_url=base) as http:
        http.post("/sessions/s/memory", json={"messages": [], "context": "c"}, headers=_key("k"))
        http.post("/sessions/t/memory", json=said("x"), headers=_key("k"))
    for name in "st":
        keys = motorhead.session(name)._keys
        assert client.ttl(keys.marks) > 0
        assert client.hlen(keys.marks) == 1
