"""Error translation: redis-py's and Redis' errors become the errors of this package, which say what was stored."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from langchain_motorhead.exceptions import (
    IndexMissingError,
    SearchUnavailableError,
    StoreError,
    StoreFullError,
    StoreUnavailableError,
    WrongKeyTypeError,
)
from langchain_motorhead.storage.operation import Command
from langchain_motorhead.storage.scripts import SCRIPTS

# redis-py's error after too many redirections from node to node.
_REDIRECTED = "TTL exhausted"
# The errors of redis-py's two kinds of pools when all connections are in use, the second after waiting for one.
_POOL_IS_FULL = ("Too many connections", "No connection available")
# Part of redis-py's errors when a connection cannot be made, and of no other.
_CONNECTING = " connecting to "
# What redis-py says if a server refuses the commands of a cluster.
_NO_CLUSTER = ("Cluster mode is not enabled", "command is not allowed")
_NO_PRIMARY = "No master found"
_SENTINEL_ADVICE = (
    ". If the Sentinels have a password of their own, add ?sentinel_password=PASSWORD to the URL, and "
    "&sentinel_username=USER if they have users"
)
# What Redis and redis-py say without a password (the third is the answer to RESP3's handshake), and with a wrong one.
_NO_PASSWORD = ("Authentication required", "NOAUTH", "HELLO must be called with the client already authenticated")
_WRONG_PASSWORD = ("WRONGPASS", "invalid username-password pair")


# Commands that prepare an index, so that a refusal is not the fault of a query.
_MAKING = frozenset({"FT.CREATE", "FT.INFO", "FT.ALIASADD", "FT.ALIASUPDATE"})
# What services say of a command that they do not have.
_NOT_AVAILABLE = re.compile(r"not available|not supported|unsupported command|not allowed|disabled|not permitted", re.I)
# Refusals that are about this moment, or about an index that exists.
_PASSING = re.compile(
    r"already exists|^(?:LOADING|BUSY|OOM|READONLY|MASTERDOWN|MISCONF|TRYAGAIN|CLUSTERDOWN|WRONGTYPE)|OOM "
)


class NotSentError(Exception):
    """Raised if an error of redis-py occurred before any command was sent. Its `__cause__` is that error."""


def as_replies(error: Exception, commands: Sequence[Command]) -> list[Any]:
    """Return the error as the reply to each command.

    Raises:
        Exception: The error itself, if it comes neither from Redis nor from the network.
    """
    from redis.exceptions import RedisClusterException, RedisError

    if not isinstance(error, RedisError | RedisClusterException | OSError | NotSentError):
        raise error
    return [error] * len(commands)


def is_pool_full(error: BaseException) -> bool:
    """Return whether redis-py had no free connection for a command, which was not sent."""
    from redis import exceptions

    return isinstance(error, exceptions.ConnectionError) and str(error).startswith(_POOL_IS_FULL)


def is_connect_error(error: BaseException) -> bool:
    """Return whether redis-py could not connect. Nothing was sent then, if its client does not retry commands."""
    from redis import exceptions

    is_network = isinstance(error, exceptions.ConnectionError | exceptions.TimeoutError)
    return is_network and (_CONNECTING in str(error) or str(error).startswith(_NO_PRIMARY))


def is_no_script(error: Exception) -> bool:
    """Return whether Redis does not know a script that was called by its SHA."""
    from redis.exceptions import NoScriptError

    return isinstance(error, NoScriptError)


def is_cross_slot(error: Exception) -> bool:
    """Return whether Redis refused a command because its keys belong to several cluster slots. It did nothing then."""
    return "CROSSSLOT" in str(error) or "hash to the same slot" in str(error)


def cause_of(error: Exception) -> Exception:
    """Return the error of redis-py that a reply stands for."""
    return error.__cause__ if isinstance(error, NotSentError) and isinstance(error.__cause__, Exception) else error


def translate_error(error: Exception, command: Command) -> StoreError:
    """Return this package's error for an error of redis-py or of Redis.

    Args:
        error: What redis-py raised or returned as a reply, or a `NotSentError`.
        command: The command that failed.
    """
    from redis import exceptions

    was_sent, error = not isinstance(error, NotSentError), cause_of(error)
    text, advice = str(error).rstrip("."), ""
    if text.startswith(_NO_PRIMARY):
        # The rest describes the Sentinels' clients with all their settings, in redis-py before 7 the passwords too.
        text = text.partition(" : ")[0]
        error.args = (text,)
        advice = _SENTINEL_ADVICE
    if isinstance(error, exceptions.RedisError | exceptions.RedisClusterException) and (
        translated := _translate_access_error(error, text, command)
    ):
        return translated
    if is_pool_full(error):
        return StoreUnavailableError(
            f"all connections of the Redis client's pool are in use ({text}). Give the client a larger "
            f"max_connections, or make fewer calls at once{_outcome_note(command, was_sent=was_sent)}"
        )
    if isinstance(error, exceptions.ConnectionError | exceptions.TimeoutError | OSError):
        return StoreUnavailableError(
            f"Redis cannot be reached: {text}. Check the URL, and that the server is up{advice}"
            f"{_outcome_note(command, was_sent=was_sent)}"
        )
    # A server before version 7 wraps the error of a script's command in its own.
    if "WRONGTYPE" in text:
        return WrongKeyTypeError(
            f"one of the keys {', '.join(command.keys)} holds data that this package did not write. "
            "Use another namespace or session_id, or rename that key"
        )
    if (
        isinstance(command.name, str)
        and command.name.startswith("FT.")
        and (mapped := _translate_search_error(error, command.name)) is not None
    ):
        return mapped
    if isinstance(error, exceptions.RedisClusterException):
        advice = "Check the URL, and that its nodes are up"
        if any(sign in text for sign in _NO_CLUSTER):
            advice = (
                "This server does not offer the commands of a cluster. Connect with redis:// and without "
                "?cluster=true, also to one endpoint in front of a cluster, such as Redis Enterprise"
            )
        return StoreUnavailableError(f"the Redis cluster cannot be reached: {text}. {advice}")
    if isinstance(error, exceptions.ClusterError | exceptions.TryAgainError) or "NOREPLICAS" in text:
        text = text.replace(_REDIRECTED, "a slot is being moved, or the nodes disagree about its owner")
        return StoreUnavailableError(
            f"Redis does not accept this now: {text}. {_written(command)}. "
            "Try again when all its nodes are up and connected"
        )
    return _translate_refusal(error, command, text)


def _translate_refusal(error: Exception, command: Command, text: str) -> StoreError:
    """Return the error for a command that a server, which is reachable, did not execute."""
    from redis import exceptions

    if isinstance(error, exceptions.MovedError | exceptions.AskError) or "don't hash to the same slot" in text:
        return StoreError("this Redis is a node of a cluster. Connect with redis+cluster://, or with ?cluster=true")
    if isinstance(error, exceptions.OutOfMemoryError) or "OOM command not allowed" in text:
        return StoreFullError(f"Redis has reached its maxmemory and is full. {_written(command)}. Give it more memory")
    if isinstance(error, exceptions.ReadOnlyError) or "READONLY" in text:
        return StoreError(
            "Redis is a read-only replica. Connect to the primary, or through Sentinel or a cluster client"
        )
    return StoreError(f"Redis refused: {text}")


def _translate_access_error(error: Exception, text: str, command: Command) -> StoreError | None:
    """Return the error for a missing or wrong password, or a missing permission; None for other errors."""
    from redis import exceptions

    if any(sign in text for sign in _NO_PASSWORD):
        return StoreError(
            "Redis requires a password. Put it into the URL: redis://:PASSWORD@host:6379, or "
            "redis://USER:PASSWORD@host:6379 with a user name. A client of your own takes it as its argument password"
        )
    if isinstance(error, exceptions.AuthenticationError) or any(sign in text for sign in _WRONG_PASSWORD):
        return StoreError(
            f"Redis does not let this user in: {text}. Check the user name and the password in the URL, "
            "redis://USER:PASSWORD@host:6379, or those of the client"
        )
    if isinstance(error, exceptions.NoPermissionError) or "ACL failure" in text:
        if is_search(command):
            return SearchUnavailableError(
                f"recall needs the commands of the search module, which this user may not call: {text}. Grant them "
                "with ACL SETUSER, +@search. Messages and summaries work without them"
            )
        return StoreError(f"Redis does not let this user do this: {text}. Grant it with ACL SETUSER")
    return None


def _written(command: Command) -> str:
    """Return what was written although a command was refused. In a cluster, a session is listed in a second step."""
    if command.name is not SCRIPTS["registry_add"]:
        return "Nothing was written"
    return "The messages were stored, but their session is not listed yet: the next append does that"


def _outcome_note(command: Command, *, was_sent: bool) -> str:
    """Return what an append without a reply may have stored; nothing for other commands."""
    if command.name is not SCRIPTS["session_append"]:
        return ""
    if not was_sent:
        return ". Nothing was stored"
    return ". The messages may have been stored: append them again, which stores messages with ids only once"


def is_search(command: Command) -> bool:
    """Return whether a command is one of the search module."""
    return isinstance(command.name, str) and command.name.startswith("FT.")


def _translate_search_error(error: Exception, name: str) -> StoreError | None:
    """Return the error for a search command that this Redis cannot execute, or whose index is missing; None for others.

    Many services refuse these commands in words of their own, or have a search module that cannot make our index. So
    every refusal to make an index means that there is no search, except for those that pass.
    """
    from redis import exceptions

    text = str(error)
    moved = isinstance(error, exceptions.MovedError | exceptions.AskError)
    if moved or "hash to the same slot" in text or "non local key" in text:
        return SearchUnavailableError(
            "a node of the cluster does not search its index now, because a slot is being moved. Search again later. "
            "Messages and summaries work without it"
        )
    if "unknown command" in text.lower():
        return SearchUnavailableError(
            "a search needs the search module, which this Redis does not have. Use Redis 8 or Redis Stack, for example "
            "docker run -p 6379:6379 redis:8. Messages and summaries work without it"
        )
    if re.search("no such index|unknown index|index.*not found", text, re.IGNORECASE):
        return IndexMissingError(f"Redis refused: {text}")
    if not _PASSING.search(text) and (name in _MAKING or _NOT_AVAILABLE.search(text)):
        return SearchUnavailableError(
            f"recall needs a search module that understands {name} as Redis 8 and Redis Stack do, and this server "
            f"refuses it: {text}. Messages and summaries work without it"
        )
    return None
