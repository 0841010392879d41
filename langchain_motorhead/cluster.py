"""Scripts sent to a cluster together: those for keys of one node in one round trip."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from typing import Any

from redis import exceptions
from redis.asyncio.cluster import PipelineCommand

# Said before anything was carried out: redis-py's client finds where the command belongs by now.
_ELSEWHERE = (exceptions.MovedError, exceptions.AskError, exceptions.TryAgainError, exceptions.ClusterDownError)
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
    replies: list[Any] = [None] * len(commands)
    nodes: dict[Any, list[int]] = {}
    alone: list[int] = []
    for at, command in enumerate(commands):
        try:
            nodes.setdefault(client.get_node_from_key(command[_FIRST_KEY]), []).append(at)
        except exceptions.SlotNotCoveredError:
            alone.append(at)

    async def to_node(node: Any, places: Sequence[int]) -> None:
        batch = [PipelineCommand(at, *commands[at], **options) for at in places]
        try:
            await node.execute_pipeline(batch)
        except _LOST as error:
            for each in batch:
                each.result = error
        for at, each in zip(places, batch, strict=True):
            replies[at] = each.result
        alone.extend(at for at in places if isinstance(replies[at], _ELSEWHERE))
        if any(isinstance(each.result, _LOST) for each in batch):
            with contextlib.suppress(exceptions.RedisError, OSError):  # so that the client looks who took over
                await client.execute_command("PING", target_nodes=node)

    await asyncio.gather(*(to_node(node, places) for node, places in nodes.items()))
    for at in alone:  # one after the other: for some that moved, redis-py closes what others wait at
        try:
            replies[at] = await client.execute_command(*commands[at], **options)
        except Exception as error:  # noqa: BLE001 - it is that command's own
            replies[at] = error
    return replies
