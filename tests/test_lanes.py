"""Connections that are kept between calls: alive, given back, and only where nobody else needs or watches them."""

from __future__ import annotations

import os
import select
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import fakeredis
import pytest
import redis
import redis.asyncio
from langchain_core.messages import HumanMessage
from servers import Lasting

from langchain_motorhead import Motorhead, StoreUnavailableError
from langchain_motorhead.redis_io.fast_path import AsyncPinnedConnections, PinnedConnections, pinned_for

ECHO = ("EVAL", "return ARGV", 0)
MANUAL: dict[str, Any] = {"compaction": "manual"}


def echo(*values: object) -> tuple[Any, ...]:
    """Give a command that answers what it is given."""
    return (*ECHO, *values)


def connections(client: redis.Redis, name: str) -> int:
    """Count a client's connections."""
    return sum(each["name"] == name for each in client.client_list())


def test_a_connection_is_kept(url: str, client: redis.Redis) -> None:
    """Calls one after the other use one connection, and threads at once have one each, of which some are kept."""
    with redis.Redis.from_url(url, client_name="kept") as mine:
        lane = pinned_for(mine)
        assert isinstance(lane, PinnedConnections)
        assert lane is pinned_for(mine)
        for at in range(5):
            assert lane.send([echo(at), echo("b")]) == [[b"%d" % at], [b"b"]]
        assert connections(client, "kept") == 1
        together = threading.Barrier(40)

        def work() -> None:
            together.wait()
            for at in range(50):
                assert lane.send([echo(at)]) == [[b"%d" % at]]

        threads = [threading.Thread(target=work) for _ in range(40)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(lane._idle) <= 16
        lane.release_all()
        assert not mine.connection_pool._in_use_connections


def test_an_error_is_in_the_place_of_its_reply(url: str) -> None:
    """What a command answers is its own, and the connection goes on."""
    with redis.Redis.from_url(url) as mine:
        lane = pinned_for(mine)
        good, bad, after = lane.send([echo(1), ("EVAL", "return nonsense(", 0), echo(2)])
        assert (good, after) == ([b"1"], [b"2"])
        assert isinstance(bad, redis.ResponseError)
        assert lane.send([echo(3)]) == [[b"3"]]


async def test_an_error_is_in_the_place_of_its_reply_async(url: str) -> None:
    """What a command answers is its own, and the connection goes on."""
    async with redis.asyncio.Redis.from_url(url, client_name="akept") as mine:
        lane = pinned_for(mine)
        assert isinstance(lane, AsyncPinnedConnections)
        good, bad, after = await lane.send([echo(1), ("EVAL", "return nonsense(", 0), echo(2)])
        assert (good, after) == ([b"1"], [b"2"])
        assert isinstance(bad, redis.ResponseError)
        assert await lane.send([echo(3)]) == [[b"3"]]
        await lane.release_all()


def test_a_restart_between_two_calls_is_not_noticed(tmp_path: Path) -> None:
    """A connection that the server has closed meanwhile is not used."""
    server = Lasting(tmp_path)
    server.start()
    try:
        with Motorhead.from_url(server.url, **MANUAL) as motorhead:
            session = motorhead.session("s")
            session.append(HumanMessage("one"))
            server.kill()
            server.start()
            session.append(HumanMessage("two"))
            assert session.load().total == 2
            server.kill()
            with pytest.raises(StoreUnavailableError):
                session.load()
            server.start()
            assert session.load().total == 2
    finally:
        server.kill()


async def test_a_restart_between_two_calls_is_not_noticed_async(tmp_path: Path) -> None:
    """A connection that the server has closed meanwhile is not used."""
    server = Lasting(tmp_path)
    server.start()
    try:
        async with Motorhead.from_url(server.url, **MANUAL) as motorhead:
            session = motorhead.session("s")
            await session.aappend(HumanMessage("one"))
            server.kill()
            server.start()
            await session.aappend(HumanMessage("two"))
            assert (await session.aload()).total == 2
            server.kill()
            with pytest.raises(StoreUnavailableError):
                await session.aload()
            server.start()
            assert (await session.aload()).total == 2
    finally:
        server.kill()


@pytest.mark.parametrize("module", [redis, redis.asyncio])
async def test_what_is_late_is_not_taken_for_the_next_answer(url: str, module: Any) -> None:
    """After a limit was passed the connection is another one."""
    mine = module.Redis.from_url(url, socket_timeout=0.2, retry=None)
    lane = pinned_for(mine)
    slow = ("EVAL", "local at = redis.call('TIME') repeat local now = redis.call('TIME') until "
            "(now[1] - at[1]) * 1000000 + now[2] - at[2] > 600000 return 'late'", 0)  # fmt: skip

    async def send(*commands: Any) -> list[Any]:
        answer = lane.send(commands)
        return list(await answer if isinstance(lane, AsyncPinnedConnections) else answer)

    assert await send(echo(1)) == [[b"1"]]
    with pytest.raises(redis.TimeoutError):
        await send(slow)
    with redis.Redis.from_url(url) as patient:
        patient.ping()
    assert await send(echo(2)) == [[b"2"]]
    await mine.aclose() if module is redis.asyncio else mine.close()


def test_a_child_has_its_own(url: str, namespace: str) -> None:
    """A process that was forked sends nothing over its parent's connection."""
    with Motorhead.from_url(url, namespace=namespace, **MANUAL) as motorhead:
        session = motorhead.session("s")
        session.append(HumanMessage("parent"))
        child = os.fork()
        if not child:
            for at in range(50):
                session.append(HumanMessage(f"child {at}"))
            os._exit(0 if session.load().total >= 51 else 1)
        for at in range(50):
            session.append(HumanMessage(f"parent {at}"))
        assert os.waitpid(child, 0)[1] == 0
        assert session.load().total == 101


@pytest.mark.parametrize("given", [True, False])
def test_nothing_is_kept_after_the_end(url: str, client: redis.Redis, namespace: str, given: bool) -> None:
    """A closed handle has no connection; a user's client has all of its own back."""
    with redis.Redis.from_url(url, client_name=namespace.replace(" ", "-")) as mine:
        name = str(mine.connection_pool.connection_kwargs["client_name"])
        options = {"client": mine} if given else {"url": f"{url}?client_name={name}"}
        motorhead = Motorhead(**options, **MANUAL) if given else Motorhead.from_url(options["url"], **MANUAL)
        motorhead.session("s").load()
        assert connections(client, name) == 1
        motorhead.close()
        if given:
            assert not mine.connection_pool._in_use_connections
            assert mine.ping()
        else:
            assert connections(client, name) == 0


@pytest.mark.parametrize(
    "make",
    [
        lambda url: redis.Redis.from_url(url, max_connections=8),
        lambda url: redis.Redis.from_url(url, single_connection_client=True),
        lambda url: type("Mine", (redis.Redis,), {}).from_url(url),  # type: ignore[attr-defined]
        lambda _: fakeredis.FakeRedis(),
    ],
    ids=["a small pool", "one connection", "a subclass", "fakeredis"],
)
def test_others_are_left_to_their_client(url: str, make: Callable[[str], redis.Redis]) -> None:
    """What may need its connections, or does more than redis-py's own client, is asked as ever."""
    with make(url) as mine:
        assert pinned_for(mine) is None


@pytest.mark.parametrize("module", [redis, redis.asyncio])
async def test_who_watches_calls_sees_them(url: str, module: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tracing wraps the client's call, before or after it was first used: then all goes through that."""
    mine = module.Redis.from_url(url)
    assert pinned_for(mine) is not None
    original = module.Redis.execute_command

    def traced(self: Any, *args: Any, **options: Any) -> Any:
        return original(self, *args, **options)

    monkeypatch.setattr(module.Redis, "execute_command", traced)
    assert pinned_for(mine) is None
    monkeypatch.undo()
    assert pinned_for(mine) is not None
    await mine.aclose() if module is redis.asyncio else mine.close()


def test_without_poll(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a connection cannot be looked at, none is kept."""
    monkeypatch.delattr(select, "poll")
    with redis.Redis.from_url(url) as mine:
        assert pinned_for(mine) is None
