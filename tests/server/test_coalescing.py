"""Requests of one moment go to Redis together, and feel nothing of each other's faults."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest
import redis

from langchain_motorhead.server import Settings, create_app
from langchain_motorhead.storage.keys import session_keys
from support.factory import MakeMotorhead
from support.rest import said


async def test_reads_of_one_moment(
    amake: MakeMotorhead, client: redis.Redis, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Many at once are few round trips, each has its own session, and one at fault fails alone."""
    motorhead = amake()
    store = motorhead.backend.require_redis().driver.executor
    sent, piped = list[int](), store._apiped

    async def counted(packed: Any) -> Any:
        sent.append(len(packed))
        return await piped(packed)

    transport = httpx.ASGITransport(create_app(Settings(), motorhead=motorhead))
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as http:
        for at in range(40):
            await http.post(f"/sessions/s{at}/memory", json=said(f"m{at}"))
        await http.get("/sessions/s0/memory")  # the first read asks what server this is
        monkeypatch.setattr(store, "_apiped", counted)
        paths = [f"/sessions/s{at}/memory" for at in range(40)]
        answers = await asyncio.gather(*map(http.get, paths))
        assert [each.json()["messages"][0]["content"] for each in answers] == [f"m{at}" for at in range(40)]
        assert sum(sent) == 4 * 40
        assert len(sent) < 20

        state = session_keys(namespace, "s7").state
        client.delete(state)
        client.set(state, "foreign")
        answers = await asyncio.gather(*map(http.get, paths))
        assert [at for at, each in enumerate(answers) if each.status_code != 200] == [7]
        assert answers[7].json()["code"] == "wrong_key_type"

        async def broken(packed: Any) -> Any:
            raise ValueError("nobody thought of it")

        monkeypatch.setattr(store, "_apiped", broken)
        answers = await asyncio.wait_for(asyncio.gather(*map(http.get, paths)), 30)
        assert {each.status_code for each in answers} == {500}


async def test_who_leaves_takes_nobody_along(amake: MakeMotorhead) -> None:
    """A request that is cancelled while its read is under way leaves the others of the moment theirs."""
    transport = httpx.ASGITransport(create_app(Settings(), motorhead=amake()))
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as http:
        await http.post("/sessions/s/memory", json=said("m"))
        tasks = [asyncio.ensure_future(http.get("/sessions/s/memory")) for _ in range(6)]
        await asyncio.sleep(0)
        tasks[0].cancel()
        await asyncio.sleep(0)
        tasks[1].cancel()
        answers = await asyncio.gather(*tasks, return_exceptions=True)
        assert [getattr(each, "status_code", None) for each in answers[2:]] == [200] * 4
