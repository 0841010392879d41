"""The whole conversation over REST: pages of messages by sequence number, with a cursor."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
import redis
from langchain_core.messages import AIMessage, HumanMessage

from langchain_motorhead import Motorhead, SessionReplacedError
from langchain_motorhead.server import Settings, create_app
from support.http_servers import served
from support.messages import numbered


def fill(motorhead: Motorhead, count: int, user: str | None = None) -> None:
    """Make a session whose oldest messages are in the archive."""
    session = motorhead.session("s", user)
    session.append(numbered(count))
    session.compact()


def pages(http: httpx.Client, **query: Any) -> list[dict[str, Any]]:
    """Read pages until the last one."""
    found = [http.get("/sessions/s/messages", params=query).json()]
    while found[-1]["next"] is not None:
        found.append(http.get("/sessions/s/messages", params={**query, "start": found[-1]["next"]}).json())
    return found


@pytest.mark.parametrize("limit", [1, 7, 100, 1_000])
def test_pages_have_all_messages_once(http: httpx.Client, motorhead: Motorhead, limit: int) -> None:
    """The pages of any size have every message, in order, with its number, time, role and id."""
    fill(motorhead, 150)
    found = pages(http, limit=limit)
    messages = [each for page in found for each in page["messages"]]
    assert [each["seq"] for each in messages] == list(range(150))
    assert [each["message"]["content"] for each in messages] == [f"m{at}" for at in range(150)]
    epoch = found[0]["epoch"]
    assert messages[3]["message"] == {"role": "AI", "content": "m3", "id": f"motorhead-{epoch}-3"}
    assert all(each["time"] for each in messages)
    assert len(found) == -(-150 // limit)
    assert (found[0]["gaps"], found[0]["total"]) == ([], 150)


def test_ranges_and_what_is_not_there(http: httpx.Client, motorhead: Motorhead) -> None:
    """A range gives its messages, a session that does not exist none, and another user's is refused."""
    assert http.get("/sessions/s/messages").json() == {
        "messages": [], "gaps": [], "total": 0, "next": None, "epoch": None,
    }  # fmt: skip
    fill(motorhead, 30, user="ann")
    ranged = http.get("/sessions/s/messages", params={"start": 5, "stop": 8, "user_id": "ann"}).json()
    assert [each["seq"] for each in ranged["messages"]] == [5, 6, 7]
    assert ranged["next"] is None
    assert http.get("/sessions/s/messages", params={"user_id": "bob"}).status_code == 400


@pytest.mark.parametrize("query", [{"start": -1}, {"start": "x"}, {"limit": 0}, {"limit": 1_001}, {"stop": "1.5"}])
def test_wrong_numbers_are_refused(http: httpx.Client, query: dict[str, Any]) -> None:
    """A number that is none is a 400."""
    assert http.get("/sessions/s/messages", params=query).status_code == 400


def test_a_page_of_a_session_that_was_replaced_is_refused(http: httpx.Client, motorhead: Motorhead) -> None:
    """With the epoch of the page before, a session that was deleted since is a 409."""
    fill(motorhead, 30)
    page = http.get("/sessions/s/messages", params={"limit": 10}).json()
    motorhead.session("s").delete()
    fill(motorhead, 40)
    refused = http.get("/sessions/s/messages", params={"start": page["next"], "epoch": page["epoch"]})
    assert (refused.status_code, refused.json()["code"]) == (409, "session_replaced")


def test_the_client_reads_what_the_server_has(motorhead: Motorhead, client: redis.Redis) -> None:
    """A transcript of a remote session is equal to that on Redis, with gaps, and so is the iteration."""
    session = motorhead.session("s")
    session.append(
        [HumanMessage("lone \ud800 surrogate"), AIMessage("", tool_calls=[{"name": "f", "args": {}, "id": "1"}])]
    )
    fill(motorhead, 700)
    client.lrem(session._keys.archive, 1, client.lindex(session._keys.archive, 1))  # type: ignore[arg-type]
    with served(create_app(Settings(), motorhead=lambda _: motorhead)) as base, Motorhead.from_url(base) as remote:
        expected = session.transcript()
        assert expected.gaps
        assert remote.session("s").transcript() == expected
        assert list(remote.session("s").iter_transcript(3, 650)) == session.transcript(3, 650).messages
        pages = remote.session("s").iter_transcript()
        next(pages)
        session.delete()
        session.append(numbered(900))
        with pytest.raises(SessionReplacedError):
            list(pages)


def test_without_an_archive_nothing_is_archived(motorhead: Motorhead, url: str, namespace: str) -> None:
    """The setting `MOTORHEAD_ARCHIVE=false` keeps the window only."""
    settings = Settings(archive=False, redis_url=url, namespace=namespace, max_window_size=4)
    with served(create_app(settings)) as base, httpx.Client(base_url=base) as http:
        http.post("/sessions/s/memory", json={"messages": [{"role": "Human", "content": f"m{at}"} for at in range(8)]})
        http.post("/sessions/s/compact")
        page = http.get("/sessions/s/messages").json()
        assert [gap["reason"] for gap in page["gaps"]] == ["not kept"]
