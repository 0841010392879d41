"""Operations of one turn of the event loop go to a cluster together, node by node."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from langchain_core.messages import HumanMessage
from redis import exceptions
from redis.asyncio.cluster import ClusterNode

from langchain_motorhead import Motorhead, WrongKeyTypeError
from langchain_motorhead.redis_io.cluster import send_to_nodes
from support.messages import contents

MANUAL: dict[str, Any] = {"compaction": "manual"}


async def test_many_sessions_share_round_trips(
    cluster_url: str, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sixty-four sessions at once are a few round trips to each node, and one that fails fails alone."""
    sent, send = list[int](), ClusterNode.execute_pipeline

    async def counting(self: ClusterNode, commands: Any) -> Any:
        sent.append(len(commands))
        return await send(self, commands)

    async with Motorhead.from_url(cluster_url, namespace=namespace, **MANUAL) as motorhead:
        sessions = [motorhead.session(f"s{at}") for at in range(64)]
        await asyncio.gather(*(each.adelete() for each in sessions))  # every node has the scripts
        await asyncio.gather(*(each.aappend(HumanMessage("first")) for each in sessions))
        await asyncio.gather(*(each.aload() for each in sessions))
        monkeypatch.setattr(ClusterNode, "execute_pipeline", counting)
        # All are asked for in one iteration of the loop: one alone, then batches of 16, each to at most three nodes.
        memories = await asyncio.gather(*(each.aload() for each in sessions))
        assert [contents(each.messages) for each in memories] == [["first"]] * 64
        assert sum(sent) == 64
        assert len(sent) <= 1 + 4 * 3
        sent.clear()
        # What a batch was answered goes on together, with the second script of an append.
        await asyncio.gather(*(each.aappend(HumanMessage(each.session_id)) for each in sessions))
        assert 64 <= sum(sent) <= 128
        assert len(sent) <= 2 * (1 + 4 * 3)
        memories = await asyncio.gather(*(each.aload() for each in sessions))
        assert [contents(each.messages) for each in memories] == [["first", f"s{at}"] for at in range(64)]
        assert sorted(await motorhead.asessions(size=100)) == sorted(each.session_id for each in sessions)
        client: Any = await motorhead.backend.require_redis().connection.async_client()
        await client.delete(sessions[3]._keys.messages)
        await client.set(sessions[3]._keys.messages, "foreign")
        answers = await asyncio.gather(*(each.aload() for each in sessions), return_exceptions=True)
        assert [at for at, each in enumerate(answers) if isinstance(each, BaseException)] == [3]
        assert isinstance(answers[3], WrongKeyTypeError)
        await client.delete(sessions[3]._keys.messages)
        await asyncio.gather(*(each.adelete() for each in sessions))


class Node:
    """A node that answers as scripted, one thing for each command; or loses the connection."""

    def __init__(self, *answers: Any) -> None:
        self.name = f"127.0.0.1:{id(self)}"
        self.answers = list(answers)
        self.asked: list[tuple[Any, ...]] = []

    async def execute_pipeline(self, batch: list[Any]) -> bool:
        """Answer a batch."""
        self.asked += [each.args for each in batch]
        for each in batch:
            each.result = self.answers.pop(0)
            if isinstance(each.result, OSError):
                raise each.result
        return False


class Client:
    """A client that knows where keys are, and carries out single commands."""

    def __init__(self, nodes: dict[str, Node]) -> None:
        self.nodes = nodes
        self.alone: list[tuple[Any, ...]] = []

    def get_node(self, host: str, port: int) -> Node | None:
        """Give the node of an address."""
        return self.nodes.get(f"{host}:{port}")

    def get_node_from_key(self, key: str) -> Node:
        """Give the node of a key."""
        if key not in self.nodes:
            raise exceptions.SlotNotCoveredError(key)
        return self.nodes[key]

    async def execute_command(self, *command: Any, **options: Any) -> Any:
        """Carry out a command."""
        self.alone.append(command)
        if command[-1] == "fails":
            raise exceptions.ResponseError("no")
        return f"alone {command[-1]}"


def script(key: str, value: str) -> tuple[Any, ...]:
    """Make a command."""
    return ("EVALSHA", "sha", 1, key, value)


async def test_what_belongs_elsewhere_is_sent_there() -> None:
    """A command that a node did not take is sent again by itself, and no other is."""
    moved, ask = exceptions.MovedError("1 h:1"), exceptions.AskError("1 h:1")
    client = Client({"a": Node("one", moved, "two"), "b": Node(ask, exceptions.ResponseError("bad"))})
    commands = [script("a", "1"), script("b", "2"), script("a", "3"), script("b", "4"), script("a", "5")]
    commands += [script("nowhere", "6"), script("nowhere", "fails")]
    replies = await send_to_nodes(client, commands)
    assert replies[:3] == ["one", "alone 2", "alone 3"]
    assert isinstance(replies[3], exceptions.ResponseError)
    assert replies[4:6] == ["two", "alone 6"]
    assert isinstance(replies[6], exceptions.ResponseError)
    assert sorted(command[-1] for command in client.alone) == ["2", "3", "6", "fails"]


async def test_where_a_slot_is_moved_to_is_asked() -> None:
    """ASKING and the command go together; a node that is not known, or has not all of it yet, is redis-py's matter."""
    asks = [exceptions.AskError(f"1 {address}") for address in ("new:1", "unknown:2", "new:1", "new:1")]
    new = Node("OK", "there", "OK", exceptions.TryAgainError("later"), OSError("lost"))
    client = Client({"a": Node(*asks), "new:1": new})
    replies = await send_to_nodes(client, [script("a", str(at)) for at in range(4)])
    assert replies[:3] == ["there", "alone 1", "alone 2"]
    assert isinstance(replies[3], OSError)
    assert [command[-1] for command in client.alone] == ["PING", "1", "2"]
    assert new.asked[:2] == [("ASKING",), script("a", "0")]


async def test_what_a_lost_node_may_have_carried_out_is_not_sent_again() -> None:
    """Each command of a lost node gets an error that says so, others do not, and the client looks for nodes again."""
    client = Client({"a": Node(OSError("lost")), "b": Node("fine", exceptions.ConnectionError("cut"))})
    commands = [script("a", "1"), script("a", "2"), script("b", "3"), script("b", "4")]
    replies = await send_to_nodes(client, commands)
    assert [type(each) for each in replies] == [OSError, OSError, str, exceptions.ConnectionError]
    assert client.alone == [("PING",), ("PING",)]
