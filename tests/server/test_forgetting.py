"""Forgetting and editing over REST, with our client and without."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from langchain_core.messages import AIMessage, HumanMessage

from langchain_motorhead import (
    GapReason,
    InvalidInputError,
    InvalidMessageError,
    Motorhead,
    Receipt,
    UnknownMessageError,
)
from langchain_motorhead.server import Settings, create_app
from support.http_servers import served
from support.messages import contents


@pytest.fixture
def remote(motorhead: Motorhead) -> Iterator[Motorhead]:
    """A client of ours of a server."""
    with (
        served(create_app(Settings(), motorhead=lambda _: motorhead)) as base,
        Motorhead.from_url(base) as client,
    ):
        yield client


def test_messages_are_forgotten_by_ids_and_numbers(http: httpx.Client) -> None:
    """The answer is the receipt; the messages are shown nowhere any more, and do not come back."""
    said = {"messages": [{"role": "user", "content": f"m{at}", "id": f"id-{at}"} for at in range(4)]}
    http.post("/sessions/s/memory", json=said)
    answer = http.post("/sessions/s/forget", json={"message_ids": ["id-1", 3]})
    assert answer.json() == {
        "status": "Ok", "messages": [1, 3], "ids": ["id-1", "id-3"], "in_list": 2, "in_archive": 0, "documents": 0,
        "vectors": 0, "summaries": 0,
    }  # fmt: skip
    http.post("/sessions/s/memory", json=said)
    for query in ({}, {"full": "true"}):
        shown = http.get("/sessions/s/memory", params=query).json()
        assert [each["content"] for each in shown["messages"]] == ["m2", "m0"]
    page = http.get("/sessions/s/messages").json()
    assert page["gaps"] == [{"first": at, "last": at, "reason": "forgotten"} for at in (1, 3)]
    assert http.post("/sessions/s/catch-up", json=said).json()["forgotten"] == ["id-1", "id-3"]


def test_a_message_is_edited_by_number_or_id(http: httpx.Client) -> None:
    """PUT replaces a message; the id keeps its place."""
    http.post("/sessions/s/memory", json={"messages": [{"role": "user", "content": "m", "id": "7"}]})
    assert http.put("/sessions/s/messages/0", json={"role": "user", "content": "a"}).json()["messages"] == [0]
    edited = http.put("/sessions/s/messages/7", params={"by_id": "true"}, json={"role": "user", "content": "b"})
    assert edited.json()["ids"] == ["7"]
    assert http.get("/sessions/s/memory").json()["messages"] == [{"role": "user", "content": "b", "id": "7"}]


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "forget", {"message_ids": ["x"]}, 404),
        ("POST", "forget", {"message_ids": "x"}, 400),
        ("POST", "forget", {"message_ids": [None]}, 400),
        ("POST", "forget", {"message_ids": [[0]]}, 400),
        ("POST", "forget?user_id=other", {"message_ids": [0]}, 400),
        ("PUT", "messages/9", {"role": "user", "content": "x"}, 404),
        ("PUT", "messages/x", {"role": "user", "content": "x"}, 400),
        ("PUT", "messages/0", {"role": "AI", "content": "x"}, 400),
        ("PUT", "messages/0", {"content": "x"}, 400),
        ("PUT", "messages/0", {"role": "user", "content": "x", "forgotten": True}, 400),
    ],
)
def test_bad_requests_change_nothing(http: httpx.Client, method: str, path: str, body: object, status: int) -> None:
    """Each is answered with a status that fits, a code and a text."""
    http.post("/sessions/s/memory?user_id=u", json={"messages": [{"role": "user", "content": "m"}]})
    before = http.get("/sessions/s/messages").json()
    answer = http.request(method, f"/sessions/s/{path}", json=body)
    assert answer.status_code == status
    assert answer.json()["error"]
    assert answer.json()["code"]
    assert http.get("/sessions/s/messages").json() == before


def test_our_client_does_the_same(remote: Motorhead) -> None:
    """Receipts, errors and gaps are those of a session on Redis itself."""
    session = remote.session("s")
    session.append([HumanMessage("a", id="1"), AIMessage("b", id="x/y"), HumanMessage("c", id="z")])
    assert session.forget(["1"]) == Receipt((0,), ("1",), 1)
    assert session.edit("x/y", AIMessage("edited")) == Receipt((1,), ("x/y",), 1)
    assert session.edit(2, HumanMessage("also")).ids == ("z",)
    assert contents(session.load().messages) == ["edited", "also"]
    assert [gap.reason for gap in session.transcript().gaps] == [GapReason.FORGOTTEN]
    memory = session.catch_up([HumanMessage("a", id="1"), AIMessage("edited", id="x/y"), HumanMessage("also", id="z")])
    assert (set(memory.forgotten), memory.total) == ({"1"}, 3)
    with pytest.raises(UnknownMessageError, match="never had 'none'"):
        session.forget(["none"])
    with pytest.raises(InvalidMessageError):
        session.edit("z", AIMessage("x"))
    before = session.transcript()
    bad: tuple[Any, ...] = ("xy", None, 5, [object()], [["x"]], [-1], [True])
    for which in bad:
        with pytest.raises(InvalidInputError, match=r"a list of message ids|by its id or its sequence number"):
            session.forget(which)
    ones: tuple[Any, ...] = (None, 1.5, True, -1, [])
    for one in ones:
        with pytest.raises(InvalidInputError, match="by its id or its sequence number"):
            session.edit(one, HumanMessage("x"))
    assert session.transcript() == before


async def test_our_async_client_does_the_same(remote: Motorhead) -> None:
    """The async methods send the same requests."""
    session = remote.session("s")
    await session.aappend([HumanMessage("a", id="1"), HumanMessage("b", id="2")])
    assert (await session.aforget(["1"])).messages == (0,)
    assert (await session.aedit("2", HumanMessage("c"))).messages == (1,)
    await remote.aclose()
