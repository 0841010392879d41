"""What bad input and a bad Redis get: an error of ours that says what to do, with its cause, and nothing lost."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import fakeredis
import pytest
import redis
import redis.asyncio
from langchain_core.messages import HumanMessage

from langchain_motorhead import (
    ClosedError,
    InvalidInputError,
    Motorhead,
    MotorheadChatMessageHistory,
    MotorheadError,
    MotorheadMemory,
    RecallNotConfiguredError,
    StoreError,
    StoreUnavailableError,
    Window,
    WrongKeyTypeError,
)
from support.factory import MakeMotorhead
from support.messages import contents, numbered


@pytest.fixture
def nobody() -> str:
    """URL of a port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return f"redis://:s3cret@127.0.0.1:{listener.getsockname()[1]}"


def test_an_unreachable_redis(nobody: str) -> None:
    """Every call says that Redis cannot be reached, keeps the cause, and does not tell the password."""
    with Motorhead.from_url(nobody) as motorhead:
        session = motorhead.session("s")
        for call in (
            lambda: session.append(numbered(2)),
            session.load,
            session.compact,
            session.delete,
            motorhead.sessions,
        ):
            with pytest.raises(StoreUnavailableError, match="cannot be reached") as caught:
                call()
            assert isinstance(caught.value.__cause__, redis.exceptions.ConnectionError)
            assert "s3cret" not in str(caught.value)


async def test_an_unreachable_redis_async(nobody: str) -> None:
    """The same for the async methods."""
    async with Motorhead.from_url(nobody) as motorhead:
        session = motorhead.session("s")
        for call in (lambda: session.aappend(numbered(2)), session.aload, session.acompact, session.adelete):
            with pytest.raises(StoreUnavailableError, match="cannot be reached") as caught:
                await call()
            assert isinstance(caught.value.__cause__, redis.exceptions.ConnectionError)


@pytest.mark.parametrize("which", ["messages", "state"])
def test_a_key_of_another_type(make: MakeMotorhead, client: redis.Redis, which: str) -> None:
    """A foreign key in the way is named and left alone, and nothing is half written beside it."""
    motorhead = make(compaction="manual")
    session = motorhead.session("s")
    key = getattr(session._keys, which)
    client.set(key, "somebody's")
    for call in (lambda: session.append(numbered(2)), session.load):
        with pytest.raises(WrongKeyTypeError, match=key.split(":")[-1]):
            call()
    assert client.get(key) == b"somebody's"
    assert client.exists(session._keys.messages, session._keys.state) == 1
    client.delete(key)
    session.append(numbered(2))
    assert session.load().total == 2


def test_a_full_redis(make: MakeMotorhead, client: redis.Redis) -> None:
    """A server at its maxmemory refuses an append whole, and what was there is still read."""
    session = make(compaction="manual").session("s")
    session.append(numbered(4))
    client.config_set("maxmemory", 1)
    try:
        with pytest.raises(StoreError, match="maxmemory"):
            session.append(numbered(2, start=4))
        assert contents(session.load().messages) == ["m0", "m1", "m2", "m3"]
    finally:
        client.config_set("maxmemory", 0)


def test_a_user_without_rights(url: str, client: redis.Redis, namespace: str) -> None:
    """A refused login or command has another error than an unreachable server."""
    client.acl_setuser("reader", enabled=True, passwords=["+pw"], commands=["-@all", "+ping"], keys=["*"])
    path = url.removeprefix("unix://")
    with Motorhead.from_url(f"unix://reader:pw@{path}", namespace=namespace) as motorhead:
        with pytest.raises(StoreError, match="does not let") as caught:
            motorhead.session("s").load()
        assert not isinstance(caught.value, StoreUnavailableError)
    with (
        Motorhead.from_url(f"unix://reader:wrong@{path}", namespace=namespace) as motorhead,
        pytest.raises(StoreError, match="does not let"),
    ):
        motorhead.session("s").load()
    client.acl_deluser("reader")


@pytest.mark.parametrize(
    "wrong",
    [
        "",
        "localhost:6379",
        "ftp://localhost",
        "mysql://x",
        None,
        5,
        b"redis://x",
        "redis://h:port",
        "redis://[::1",
    ],
)
def test_a_url_that_is_not_of_redis(wrong: Any) -> None:
    """A URL of another scheme is refused with the list of those that work."""
    for make in (
        lambda: Motorhead.from_url(wrong).session("s").load(),
        lambda: MotorheadChatMessageHistory("s", url=wrong).messages,
    ):
        with pytest.raises(InvalidInputError, match=r"redis://|one of motorhead"):
            make()


def test_a_password_is_not_repeated() -> None:
    """The error about a wrong URL does not hold the URL."""
    with pytest.raises(InvalidInputError) as caught:
        Motorhead.from_url("amqp://bob:s3cret@host")
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(
    "wrong",
    [{"max_messages": 1}, {"max_messages": 0}, {"max_messages": "12"}, {"max_messages": 2.5}, {"max_messages": True},
     {"max_tokens": 0}, {"max_tokens": -5}, {"hard_limit": 3}, {"max_messages": 20, "hard_limit": 19}],
)  # fmt: skip
def test_a_window_that_is_too_small(wrong: dict[str, Any]) -> None:
    """A bound that is no whole number, or too small to be of use, is refused by its name."""
    with pytest.raises(InvalidInputError, match=list(wrong)[-1]):
        Window(**wrong)


def test_use_after_close(make: MakeMotorhead, url: str) -> None:
    """A closed handle refuses everything but being closed again, while others on the same connection go on."""
    one, other = make(), make()
    session, history = one.session("s"), one.history("s")
    one.close()
    one.close()
    for call in (lambda: session.append(numbered(1)), session.load, session.compact, session.delete, one.sessions,
                 lambda: history.messages, lambda: one.session("t").load()):  # fmt: skip
        with pytest.raises(ClosedError):
            call()
    other.session("s").append(numbered(1))


async def test_use_after_aclose(amake: MakeMotorhead) -> None:
    """The same for the async methods."""
    motorhead = amake()
    session = motorhead.session("s")
    await motorhead.aclose()
    await motorhead.aclose()
    for call in (lambda: session.aappend(numbered(1)), session.aload, session.acompact, session.adelete):
        with pytest.raises(ClosedError):
            await call()


def test_recall_without_embeddings(make: MakeMotorhead) -> None:
    """Recall without an embedding model says what it needs."""
    motorhead = make()
    for call in (lambda: motorhead.session("s").search("moon"), motorhead.retriever):
        with pytest.raises(RecallNotConfiguredError, match="embedding"):
            call()


@pytest.mark.parametrize("wrong", [3, "redis://localhost", object(), None])
def test_a_client_that_is_none(wrong: Any) -> None:
    """What is no Redis client is refused with the list of those that are."""
    with pytest.raises(InvalidInputError, match=r"redis\.Redis"):
        Motorhead(wrong)


def test_a_face_needs_one_way_to_redis(make: MakeMotorhead, url: str) -> None:
    """A face is given a Motorhead, a URL or a client, and options only where it makes its own Motorhead."""
    motorhead = make()
    for wrong in ({}, {"url": url, "motorhead": motorhead}, {"motorhead": url}, {"motorhead": motorhead, "ttl": 5}):
        with pytest.raises(InvalidInputError):
            MotorheadChatMessageHistory("s", **wrong)
        with pytest.raises(InvalidInputError):
            MotorheadMemory(session_id="s", **wrong)
    with pytest.raises(InvalidInputError, match="memory_keys"):
        MotorheadMemory(session_id="s", url=url, memory_keys="x")


def test_errors_are_one_family() -> None:
    """Every error of ours is a MotorheadError, and what is about an argument is a ValueError too."""
    from langchain_motorhead import exceptions

    errors = [value for value in vars(exceptions).values() if isinstance(value, type)]
    assert all(issubclass(error, MotorheadError) for error in errors)
    assert issubclass(InvalidInputError, ValueError)
    for error in errors:
        assert error.__name__ in (exceptions.__doc__ or "")


def test_a_fake_redis_will_do_for_a_users_own_tests() -> None:
    """Over fakeredis, sync and async, the package works as over a server."""
    server = fakeredis.FakeServer()
    client, other = fakeredis.FakeRedis(server=server), fakeredis.FakeAsyncRedis(server=server)
    with Motorhead(client, async_client=other, window=Window(max_messages=2), compaction="inline") as motorhead:
        session = motorhead.session("s")
        session.append([HumanMessage("I moved to Oslo in May."), *numbered(3)])
        assert session.load().total == 4
        assert session.load().summarized == 3
    with pytest.raises(InvalidInputError, match="Give both clients"):
        Motorhead(fakeredis.FakeRedis()).backend.require_redis().connection._make(None)


def test_a_folder_that_is_a_file(tmp_path: Path) -> None:
    """An embedded server that cannot start says why when it is first used."""
    (tmp_path / "file").write_text("")
    with Motorhead.from_url(f"embedded://{tmp_path}/file") as motorhead, pytest.raises(MotorheadError):
        motorhead.session("s").load()
