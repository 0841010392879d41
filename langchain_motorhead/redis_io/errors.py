"""Translate redis-py's errors into the package's, and say what was written."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from langchain_motorhead.exceptions import (
    IndexMissingError,
    MotorheadError,
    SearchUnavailableError,
    StoreError,
    StoreUnavailableError,
    WrongKeyTypeError,
)
from langchain_motorhead.storage.operation import Command
from langchain_motorhead.storage.scripts import SCRIPTS

# What redis-py says when it was sent from node to node too often.
_REDIRECTED = "TTL exhausted"


def _as_replies(error: Exception, commands: Sequence[Command]) -> list[Any]:
    """Give the error in the place of each reply; what is no error of Redis or the network is raised."""
    from redis.exceptions import RedisClusterException, RedisError

    if isinstance(error, MotorheadError) or not isinstance(error, RedisError | RedisClusterException | OSError):
        raise error
    return [error] * len(commands)


def _is_no_script(error: Exception) -> bool:
    from redis.exceptions import NoScriptError

    return isinstance(error, NoScriptError)


def translate_error(error: Exception, command: Command) -> StoreError:
    """Return the error of this package for an error of redis-py or of Redis itself."""
    from redis import exceptions

    text = str(error).rstrip(".")
    if isinstance(error, exceptions.AuthenticationError | exceptions.NoPermissionError) or "ACL failure" in text:
        return StoreError(f"Redis does not let this user in, or not do this: {text}")
    if isinstance(error, exceptions.ConnectionError | exceptions.TimeoutError | OSError):
        return StoreUnavailableError(
            f"Redis cannot be reached: {text}. Check the URL, and that the server is up{_outcome_note(command)}"
        )
    # A server before 7 wraps the error of a script's command in its own.
    if "WRONGTYPE" in text:
        return WrongKeyTypeError(
            f"one of the keys {', '.join(command.keys)} holds something that is not of this package. "
            "Give another namespace or session_id, or move that key"
        )
    if (
        isinstance(command.name, str)
        and command.name.startswith("FT.")
        and (mapped := _translate_search_error(error)) is not None
    ):
        return mapped
    if isinstance(error, exceptions.RedisClusterException):
        return StoreUnavailableError(
            f"the Redis cluster cannot be reached: {text}. Check the URL, and that its nodes are up"
        )
    if isinstance(error, exceptions.ClusterError | exceptions.TryAgainError) or "NOREPLICAS" in text:
        text = text.replace(_REDIRECTED, "a slot is being moved, or its nodes do not agree whose it is")
        return StoreUnavailableError(
            f"Redis does not take this now: {text}. {_written(command)}. Try again when its nodes are up and in touch"
        )
    if isinstance(error, exceptions.MovedError | exceptions.AskError) or "don't hash to the same slot" in text:
        return StoreError("this Redis is a node of a cluster. Connect with redis+cluster://, or with ?cluster=true")
    if isinstance(error, exceptions.OutOfMemoryError) or "OOM command not allowed" in text:
        return StoreError(f"Redis is at its maxmemory and takes no more. {_written(command)}. Give it more memory")
    if isinstance(error, exceptions.ReadOnlyError) or "READONLY" in text:
        return StoreError(
            "Redis is a read-only replica. Connect to the primary, or through Sentinel or a cluster client"
        )
    return StoreError(f"Redis refused: {text}")


def _written(command: Command) -> str:
    """Say what was written although a command was refused: in a cluster, a session is listed in a step of its own."""
    if command.name != "ZADD":
        return "Nothing was written"
    return "The messages were stored, but their session is not listed yet: the next append does that"


def _outcome_note(command: Command) -> str:
    """Say what may have come of an append whose answer was lost."""
    if command.name is not SCRIPTS["session_append"]:
        return ""
    return ". The messages may have been stored: append them again, which stores those that have ids once"


def _translate_search_error(error: Exception) -> StoreError | None:
    """Map what a Redis without the search module, or without the index, says to one of its commands."""
    from redis import exceptions

    text = str(error)
    if isinstance(error, exceptions.MovedError | exceptions.AskError) or "hash to the same slot" in text:
        return SearchUnavailableError(
            "recall needs a search module that searches all of a cluster, and this does not. Use Redis 8. Messages "
            "and summaries go on without it"
        )
    if "unknown command" in text.lower():
        return SearchUnavailableError(
            "recall needs the search module, which this Redis has not. Use Redis 8 or Redis Stack, such as "
            "docker run -p 6379:6379 redis:8. Messages and summaries go on without it"
        )
    if re.search("no such index|unknown index|index.*not found", text, re.IGNORECASE):
        return IndexMissingError(f"Redis refused: {text}")
    return None
