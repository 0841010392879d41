"""Scripts sent to a cluster together: those for keys of one node in one round trip."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from typing import Any

from redis import exceptions
from redis.asyncio.cluster import PipelineCommand

# Said before anything was carried out: redis-py's client finds where the command belongs by now.
_ELSEWHERE = (
    exceptions.MovedError, exceptions.AskError, exceptions.TryAgainError, exceptions.ClusterDownError,
    exceptions.SlotNotCoveredError,
)  # fmt: skip
_LOST = (exceptions.ConnectionError, exceptions.TimeoutError, OSError)
_FIRST_KEY = 3


async def send_to_nodes(client: Any, commands: Sequence[tuple[Any, ...]], **options: Any) -> list[Any]:
    """Send scripts, and give a reply or an error for each.

    redis-py's own pipeline sends again what a lost node may have carried out, and never looks for its heir.

    Args:
        client: A `redis.asyncio.RedisCluster`.
        commands: Scripts, each with one key at least.
        **options: Of each.
    """
    batch = [PipelineCommand(at, *command, **options) for at, command in enumerate(commands)]
    nodes: dict[Any, list[Any]] = {}
    for each in batch:
        try:
            nodes.setdefault(client.get_node_from_key(each.args[_FIRST_KEY]), []).append(each)
        except exceptions.SlotNotCoveredError as error:
            each.result = error
    await asyncio.gather(*(_to_node(client, node, some) for node, some in nodes.items()))
    for each in batch:
        if type(each.result) is exceptions.AskError:
            await _to_heir(client, each)
    for each in batch:  # one after the other: for some that moved, redis-py closes what others wait at
        if isinstance(each.result, _ELSEWHERE):
            try:
                each.result = await client.execute_command(*each.args, **options)
            except Exception as error:  # noqa: BLE001 - it is that command's own
                each.result = error
    return [each.result for each in batch]


async def _to_node(client: Any, node: Any, batch: list[Any]) -> None:
    try:
        await node.execute_pipeline(batch)
    except _LOST as error:
        for each in batch:
            each.result = error
    if any(isinstance(each.result, _LOST) for each in batch):
        with contextlib.suppress(exceptions.RedisError, OSError):  # so that the client looks who took over
            await client.execute_command("PING", target_nodes=node)


async def _to_heir(client: Any, command: Any) -> None:
    """Send a script to the node that its slot is being moved to.

    redis-py says ASKING over one connection to that node, and may send the command over another.
    """
    node = client.get_node(host=command.result.host, port=command.result.port)
    if node is not None:  # else it is not known yet
        await _to_node(client, node, [PipelineCommand(0, "ASKING"), command])
