"""What the wire's POST does in Redis, in one step: beside a deletion, an expiry, a compaction, and in a cluster."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest
import redis

from langchain_motorhead import InvalidInputError, Motorhead, Window
from langchain_motorhead.server import Settings, create_app
from langchain_motorhead.server import groups as posting
from langchain_motorhead.server.http.body import to_records
from langchain_motorhead.storage.keys import session_keys
from support.factory import MakeMotorhead
from support.http_servers import served
from support.messages import numbered
from support.redis_servers import cluster
from support.rest import said
from support.summarizers import Ledger, remembered


def post(motorhead: Motorhead, *contents: str, context: str | None = None, group: str | None = None) -> None:
    """Post as the wire does, without compaction."""
    redis = motorhead.backend.require_redis()
    keys = posting.grouped_keys(session_keys(motorhead.namespace, "s"), group)
    records = redis.run(to_records([{"role": "Human", "content": each} for each in contents], redis.append_config))
    redis.execute(posting.post(keys, records, redis.append_config, context=context, group=group))


def listed(motorhead: Motorhead, group: str | None = None) -> list[str]:
    """List a group."""
    return motorhead.backend.require_redis().run(posting.list_group(motorhead.namespace, group, page=1, size=10))


def test_a_newer_context_is_not_overwritten(make: MakeMotorhead) -> None:
    """A summary made of the context before is not stored; it is made anew on the newer one, of the same messages."""
    calls: list[str | None] = []

    def before(given: object) -> None:
        calls.append(given["summary"])  # type: ignore[index]
        if len(calls) == 1:
            post(motorhead, "m8", context="newer")

    motorhead = make(llm=Ledger(before), window=Window(max_messages=4), compaction="manual")
    motorhead.session("s").append(numbered(8))
    motorhead.session("s").compact()
    assert calls == [None, "newer"]
    assert remembered(motorhead.session("s").load()) == ["newer", *(f"m{at}" for at in range(9))]


def test_the_same_context_again_disturbs_nothing(make: MakeMotorhead) -> None:
    """A context posted that is what there was keeps a summary in flight from nothing."""
    calls: list[object] = []

    def before(given: object) -> None:
        calls.append(given)
        post(motorhead, context="same")

    motorhead = make(llm=Ledger(before), window=Window(max_messages=4), compaction="manual")
    post(motorhead, *(f"m{at}" for at in range(6)), context="same")
    motorhead.session("s").compact()
    assert len(calls) == 1


@pytest.mark.parametrize("max_tokens", [None, 1_000])
def test_a_context_alone(make: MakeMotorhead, client: redis.Redis, max_tokens: int | None) -> None:
    """It makes a session that is listed, expires, is deleted, and has no message."""
    motorhead = make(ttl=1_000, window=Window(max_tokens=max_tokens))
    post(motorhead, context="alone", group="g")
    memory = motorhead.session("s").load()
    assert (memory.summary, memory.messages, memory.total) == ("alone", [], 0)
    assert (listed(motorhead, "g"), listed(motorhead), motorhead.sessions()) == (["s"], [], ["s"])
    assert client.ttl(session_keys(motorhead.namespace, "s").state) > 0
    post(motorhead, "first")
    assert motorhead.session("s").load().total == 1
    assert listed(motorhead) == ["s"]
    assert motorhead.session("s").delete()
    assert listed(motorhead, "g") == listed(motorhead) == []


def test_another_users_session_stays_as_it_is(make: MakeMotorhead) -> None:
    """What is refused replaces no summary, and lists nothing."""
    motorhead = make()
    motorhead.session("s", "bob").append(numbered(1))
    redis = motorhead.backend.require_redis()
    keys = posting.grouped_keys(session_keys(motorhead.namespace, "s", "ann"), "g")
    with pytest.raises(InvalidInputError, match="another user"):
        redis.execute(posting.post(keys, [], redis.append_config, context="x", group="g"))
    assert motorhead.session("s").load().summary is None
    assert listed(motorhead, "g") == []


def test_sessions_that_are_gone_leave_a_group(make: MakeMotorhead, client: redis.Redis) -> None:
    """A session that expired is listed nowhere, and made anew without a group it is in none."""
    motorhead = make()
    post(motorhead, "x", group="g")
    keys = session_keys(motorhead.namespace, "s")
    client.delete(keys.state, keys.messages)
    assert (listed(motorhead, "g"), listed(motorhead)) == ([], [])
    post(motorhead, "y")
    assert (listed(motorhead, "g"), listed(motorhead)) == ([], ["s"])


def test_sessions_of_langchains_side_are_listed(make: MakeMotorhead) -> None:
    """What was not posted over the wire is listed as what was posted without a group."""
    motorhead = make()
    motorhead.session("s").append(numbered(1))
    assert listed(motorhead) == ["s"]


def test_in_a_cluster(tmp_path: Path) -> None:
    """The wire works on a cluster; there, what is in a group is listed without it, too."""
    with cluster(tmp_path) as ports:
        settings = Settings(redis_url=f"redis+cluster://127.0.0.1:{ports[0]}", max_window_size=4)
        with served(create_app(settings)) as base, httpx.Client(base_url=base, timeout=30) as http:
            for session in "abcdef":
                body = {**said(*"123"), "context": session}
                assert http.post(f"/sessions/{session}/memory?namespace=g", json=body).status_code == 200
            assert http.get("/sessions?namespace=g").json() == list("abcdef") == http.get("/sessions").json()
            assert http.get("/sessions/a/memory").json()["context"] == "a"
            assert http.get("/ready").status_code == 200
            assert http.delete("/sessions/a/memory").status_code == 200
            assert http.get("/sessions?namespace=g").json() == list("bcdef") == http.get("/sessions").json()
