"""Commands of the search module in a cluster, asked of every primary or of one, and reads of what they found.

A module that searches its own node only takes the name of an index for a key, and a node refuses keys of others. So on
each node the name ends with a hash tag of one of that node's slots. A module that searches the whole cluster takes the
plain name. It returns everything from each node, and the caller merges documents by key.
"""

from __future__ import annotations

import asyncio
from binascii import crc_hqx
from collections.abc import Iterable, MutableMapping, Sequence
from functools import lru_cache
from itertools import count
from typing import Any
from weakref import WeakKeyDictionary

from redis import exceptions
from redis.asyncio.cluster import PipelineCommand

from langchain_motorhead.redis_io.cluster import by_node
from langchain_motorhead.storage.scripts import SCRIPTS

_SLOTS = 16_384
# Spreads the choice of a node's slot, so that moving a few slots seldom moves the one that was chosen.
_SPREAD = 40_503
_ATTEMPTS = 3
_SEARCH_NODE, _SEARCH_KEYS = SCRIPTS["search_node"].source, SCRIPTS["search_keys"].source
# Whether the module takes names of indexes for keys, by client.
_KEYED: MutableMapping[Any, bool] = WeakKeyDictionary()
_MOVED = (
    exceptions.MovedError, exceptions.AskError, exceptions.ClusterDownError, exceptions.ConnectionError,
    exceptions.TimeoutError, OSError,
)  # fmt: skip
_TWO_NAMES = frozenset({"FT.ALIASADD", "FT.ALIASUPDATE"})
_HARMLESS = ("already exists", "no such index", "unknown index", "not found")


def search_nodes(client: Any, commands: Sequence[tuple[Any, ...]], near: str | None) -> list[Any]:
    """Send commands of the search module to all primaries at once, and return a merged reply or an error for each.

    If a node is lost, or a slot has moved, the commands are sent again to the nodes that there are now. They may be
    executed twice.

    Args:
        client: A `redis.RedisCluster`.
        commands: The commands.
        near: Only the node of this key is asked, or None for all.
    """
    for last in (*[False] * (_ATTEMPTS - 1), True):
        nodes = _nodes(client, near)
        if client not in _KEYED:
            _note_keyed(client, client.execute_command("EVAL", _SEARCH_KEYS, 0, target_nodes=nodes[0]))
        tags = _tags(client)
        asked = [_Asked(client.get_redis_connection(node), _named(commands, tags.get(node.name))) for node in nodes]
        replies = _merged(commands, [each.replies() for each in asked])
        if last or not any(map(_is_elsewhere, replies)):
            break
        client.nodes_manager.initialize()
    return replies


async def asearch_nodes(client: Any, commands: Sequence[tuple[Any, ...]], near: str | None) -> list[Any]:
    """Do the same with a `redis.asyncio.RedisCluster`. See `search_nodes`."""
    for last in (*[False] * (_ATTEMPTS - 1), True):
        nodes = _nodes(client, near)
        if client not in _KEYED:
            _note_keyed(client, await client.execute_command("EVAL", _SEARCH_KEYS, 0, target_nodes=nodes[0]))
        tags = _tags(client)
        asked = [_aask(node, _named(commands, tags.get(node.name))) for node in nodes]
        replies = _merged(commands, await asyncio.gather(*asked))
        if last or not any(map(_is_elsewhere, replies)):
            break
        await client.nodes_manager.initialize()
    return replies


def read_from_nodes(client: Any, commands: Sequence[tuple[Any, ...]]) -> list[Any]:
    """Send reads of one key each to the primaries that have the keys, and return a reply or an error for each.

    All nodes are asked before a reply is read. What a node does not answer is asked again through the client, which
    finds the node that has the key now.

    Args:
        client: A `redis.RedisCluster`.
        commands: The reads, each with its key after its name.
    """
    nodes, homeless = by_node(client, [command[1] for command in commands])
    asked = [
        (places, _Asked(client.get_redis_connection(node), [commands[at] for at in places])) for node, places in nodes
    ]
    found: dict[int, Any] = {**homeless}
    found |= {at: reply for places, each in asked for at, reply in zip(places, each.replies(), strict=True)}
    for at, reply in found.items():
        if isinstance(reply, _MOVED):
            try:
                found[at] = client.execute_command(*commands[at], NEVER_DECODE=True)
            except exceptions.RedisError as error:
                found[at] = error
    return [found[at] for at in range(len(commands))]


def _nodes(client: Any, near: str | None) -> list[Any]:
    return list(client.get_primaries()) if near is None else [client.get_node_from_key(near)]


class _Asked:
    """Commands that were sent to a node, whose replies are read later."""

    def __init__(self, node: Any, commands: Sequence[tuple[Any, ...]]) -> None:
        self._pool, self._count = node.connection_pool, len(commands)
        self._error: Exception | None = None
        self._connection: Any = None
        try:
            self._connection = self._pool.get_connection()
            self._connection.send_packed_command(self._connection.pack_commands(commands))
        except _MOVED as error:
            self._error = error

    def replies(self) -> list[Any]:
        """Read a reply or an error for each command."""
        found: list[Any] = []
        try:
            while self._error is None and len(found) < self._count:
                try:
                    found.append(self._connection.read_response(disable_decoding=True))
                except exceptions.ResponseError as error:
                    found.append(error)
                except _MOVED as error:
                    self._error = error
        finally:
            if self._connection is not None:
                if len(found) < self._count:
                    self._connection.disconnect()
                self._pool.release(self._connection)
        return found + [self._error] * (self._count - len(found))


async def _aask(node: Any, commands: Sequence[tuple[Any, ...]]) -> list[Any]:
    batch = [PipelineCommand(at, *command, NEVER_DECODE=True) for at, command in enumerate(commands)]
    try:
        await node.execute_pipeline(batch)
    except _MOVED as error:
        return [error for _ in batch]
    return [each.result for each in batch]


def _is_elsewhere(reply: Any) -> bool:
    """Return whether a node is lost, or does not have a slot that it had."""
    return isinstance(reply, _MOVED) or (isinstance(reply, Exception) and "non local key" in str(reply))


def _note_keyed(client: Any, position: Any) -> None:
    if int(position) >= 0:  # otherwise a module may be loaded later
        _KEYED[client] = int(position) > 0


def _tags(client: Any) -> dict[str, str]:
    """Return the end of the indexes' names on each primary; nothing if they have the same name on all."""
    if not _KEYED.get(client, False):
        return {}
    cache, count = client.nodes_manager.slots_cache, len(client.get_primaries())
    tags: dict[str, str] = {}
    for at in range(_SLOTS):
        nodes = cache.get(slot := at * _SPREAD % _SLOTS)
        if nodes and nodes[0].name not in tags:
            tags[nodes[0].name] = f"{{{_tag(slot)}}}"
            if len(tags) == count:
                break
    return tags


def _named(commands: Sequence[tuple[Any, ...]], tag: str | None) -> list[tuple[Any, ...]]:
    """Return the commands with the names that their indexes have on a node."""
    if tag is None:
        return list(commands)
    named = []
    for name, index, *rest in commands:
        if name in _TWO_NAMES:
            rest[0] = f"{rest[0]}{tag}"
        search = (name, f"{index}{tag}", *rest)
        named.append(_in_script(search) if name == "FT.SEARCH" else search)
    return named


def _in_script(search: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return the script that does a search and then reads the fields that it is to return."""
    args, fields, scored = list(search), list[Any](), ""
    if "RETURN" in args:
        at = args.index("RETURN")
        stop = at + 2 + int(args[at + 1])
        fields = args[at + 2 : stop]
        args[at:stop] = ["NOCONTENT"]
    if "SORTBY" in args:
        scored = args[args.index("SORTBY") + 1]
        args.append("WITHSORTKEYS")
        fields = [field for field in fields if field != scored]
    elif "WITHSCORES" in args:
        scored = "score"
    return ("EVAL", _SEARCH_NODE, 0, len(fields), *fields, scored, *args)


@lru_cache(maxsize=1024)
def _tag(slot: int) -> str:
    return next(text for each in count() if crc_hqx((text := str(each)).encode(), 0) % _SLOTS == slot)


def _merged(commands: Sequence[tuple[Any, ...]], nodes: Sequence[Sequence[Any]]) -> list[Any]:
    """Return one reply for each command."""
    return [
        _merge(str(command[0]), replies) for command, replies in zip(commands, zip(*nodes, strict=True), strict=True)
    ]


def _merge(name: str, replies: Sequence[Any]) -> Any:
    failed = [reply for reply in replies if isinstance(reply, Exception)]
    if name in ("FT.SEARCH", "FT.INFO"):
        if failed:
            return failed[0]
        return _joined(replies) if name == "FT.SEARCH" else next(filter(_is_filling, replies), replies[0])
    # An index that one node has already, or no longer has, is no failure if it is new to another.
    serious = [error for error in failed if not any(text in str(error).lower() for text in _HARMLESS)]
    done = [reply for reply in replies if not isinstance(reply, Exception)]
    return (serious or done or failed)[0]


def _joined(replies: Sequence[Any]) -> Any:
    """Join results of a search, as lists (RESP2) or as maps (RESP3)."""
    if not isinstance(replies[0], dict):
        return [sum(int(reply[0]) for reply in replies), *(each for reply in replies for each in reply[1:])]
    joined = dict(replies[0])
    for name, value in replies[0].items():
        if _text(name) == "results":
            joined[name] = [row for reply in replies for row in reply[name]]
        elif _text(name) == "total_results":
            joined[name] = sum(int(reply[name]) for reply in replies)
        else:
            joined[name] = value
    return joined


def _is_filling(info: Any) -> bool:
    pairs: Iterable[tuple[Any, Any]] = (
        info.items() if isinstance(info, dict) else zip(info[::2], info[1::2], strict=False)
    )
    said = {_text(name): value for name, value in pairs}
    return bool(int(said.get("indexing", 0))) or float(said.get("percent_indexed", 1)) < 1


def _text(name: Any) -> str:
    return name.decode() if isinstance(name, bytes) else str(name)
