"""Cluster pipelines: commands for keys of the same cluster node are sent in one round trip."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from typing import Any

from redis import exceptions
from redis.asyncio.cluster import PipelineCommand

from langchain_motorhead.storage.scripts import SCRIPTED

# The command was not executed. redis-py's client finds the node that it belongs to now.
_REDIRECTIONS = (
    exceptions.MovedError, exceptions.AskError, exceptions.TryAgainError, exceptions.ClusterDownError,
    exceptions.SlotNotCoveredError,
)  # fmt: skip
_CONNECTION_LOST = (exceptions.ConnectionError, exceptions.TimeoutError, OSError)
_SCRIPT_KEY_INDEX = 3


def by_node(client: Any, keys: Sequence[Any]) -> tuple[list[tuple[Any, list[int]]], dict[int, Exception]]:
    """Group keys by the nodes of a cluster that have them.

    Args:
        client: A sync or an async cluster client of redis-py.
        keys: The keys.

    Returns:
        Each node with the positions of its keys, and an error by the position of each key that no node has.
    """
    nodes: dict[str, tuple[Any, list[int]]] = {}  # by name, as nodes of redis-py 6 cannot be hashed
    homeless = dict[int, Exception]()
    for at, key in enumerate(keys):
        try:
            node = client.get_node_from_key(key)
            nodes.setdefault(node.name, (node, []))[1].append(at)
        except exceptions.SlotNotCoveredError as error:
            homeless[at] = error
    return list(nodes.values()), homeless


def reads_replicas(client: Any) -> bool:
    """Return whether a cluster client was told to read from replicas, too."""
    return bool(client.read_from_replicas or getattr(client, "load_balancing_strategy", None))


async def send_to_nodes(client: Any, commands: Sequence[tuple[Any, ...]], **options: Any) -> list[Any]:
    """Send scripts and reads to a cluster, and return a reply or an error for each.

    This replaces redis-py's own pipeline, which sends commands again that a lost node may have executed, and which does
    not look for the node that took over.

    Args:
        client: A `redis.asyncio.RedisCluster`.
        commands: The scripts, each with at least one key, and commands whose key follows their name.
        **options: Options of every command, as `execute_command` takes them.
    """
    batch = [PipelineCommand(at, *command, **options) for at, command in enumerate(commands)]
    keys = [command[_SCRIPT_KEY_INDEX if command[0] in SCRIPTED else 1] for command in commands]
    nodes, homeless = by_node(client, keys)
    for at, error in homeless.items():
        batch[at].result = error
    await asyncio.gather(*(_send_to_node(client, node, [batch[at] for at in places]) for node, places in nodes))
    for each in batch:
        if type(each.result) is exceptions.AskError:
            await _send_to_new_owner(client, each)
    for each in batch:  # one by one: after a slot has moved, redis-py may close connections that other commands use
        if isinstance(each.result, _REDIRECTIONS):
            try:
                each.result = await client.execute_command(*each.args, **options)
            except Exception as error:  # noqa: BLE001 - the error of this command alone
                each.result = error
    return [each.result for each in batch]


async def _send_to_node(client: Any, node: Any, batch: list[Any]) -> None:
    try:
        await node.execute_pipeline(batch)
    except _CONNECTION_LOST as error:
        for each in batch:
            each.result = error
    if any(isinstance(each.result, _CONNECTION_LOST) for each in batch):
        with contextlib.suppress(exceptions.RedisError, OSError):  # makes the client look for the node that took over
            await client.execute_command("PING", target_nodes=node)


async def _send_to_new_owner(client: Any, command: Any) -> None:
    """Send a command to the node that its slot is being moved to.

    redis-py would send ASKING over one connection to that node, and the command perhaps over another.
    """
    node = client.get_node(host=command.result.host, port=command.result.port)
    if node is not None:  # otherwise the client does not know the node yet
        await _send_to_node(client, node, [PipelineCommand(0, "ASKING"), command])
