"""Scripts validate first, then write: an error of a script, whatever its arguments are, has changed nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import redis

from langchain_motorhead import StoreError
from langchain_motorhead.redis_io.connection import adopt
from langchain_motorhead.redis_io.embedded import acquire
from langchain_motorhead.redis_io.executor import Executor
from langchain_motorhead.storage.keys import from_member
from langchain_motorhead.storage.operation import Command, Operation
from langchain_motorhead.storage.scripts import SCRIPTS, Script
from support.script_calls import EPOCH, KEYS, calls, setup

BAD = ("x", "1.5", "nan", "", "1e3", "0x10", " 1", "99999999999999999999", "inf", "5,x")
NAMES = list(calls())
# Of these, some only change when a key expires.
READING = {
    "session_read", "session_snapshot", "marks_page", "item_page", "item_prune", "compaction_begin", "lease_renew",
    "index_begin", "transcript_read", "marks_find", "summaries_read", "primary_read", "sessions_exist",
    "search_node", "search_keys", "facts_begin", "facts_read",
}  # fmt: skip


@pytest.fixture(scope="module")
def server() -> Iterator[redis.Redis]:
    """A database of its own, whose keys are all looked at."""
    process = acquire("embedded://")
    with redis.Redis(unix_socket_path=str(process.socket), db=1) as client:
        yield client
    process.release()


def all_keys(server: redis.Redis) -> dict[bytes, Any]:
    """Give the values of all keys, and whether they expire."""
    return {key: (server.dump(key), server.pttl(key) >= 0) for key in server.scan_iter()}


def put_back(server: redis.Redis, keys: dict[bytes, Any]) -> None:
    """Make all keys what they were."""
    server.flushdb()
    for key, (value, expires) in keys.items():
        server.restore(key, 3_600_000 if expires else 0, value)


def begin(server: redis.Redis, name: str) -> str:
    """Put everything in place for a call. Returns the epoch of the session."""
    server.flushdb()
    executor, epoch = Executor(adopt(server)), ""
    for operation in setup(name):
        executor.run(known(operation, epoch))
        epoch = from_member(server.hget(KEYS.state, "epoch") or b"")
    return epoch


def known(operation: Operation[Any], epoch: str) -> Operation[Any]:
    """Give an operation on the session as it is now."""
    commands = tuple(
        each._replace(args=tuple(arg.replace(EPOCH, epoch) if isinstance(arg, str) else arg for arg in each.args))
        for each in operation.commands
    )
    return Operation(commands, operation.read)


def with_bad_numbers(operation: Operation[Any]) -> Iterator[tuple[Command, int, str]]:
    """Give each call with each of its numbers replaced by each text that is none."""
    for command in operation.commands:
        if isinstance(command.name, Script):
            for at, arg in enumerate(command.args):
                has_numbers = isinstance(arg, int) or (isinstance(arg, str) and arg.replace(",", "").isdigit())
                for bad in BAD if has_numbers else ():
                    yield command._replace(args=(*command.args[:at], bad, *command.args[at + 1 :])), at, bad


def test_every_script_is_called() -> None:
    """The calls that are tried here are those of all scripts."""
    assert {name.partition(" ")[0] for name in NAMES} == {*SCRIPTS, "post"}


@pytest.mark.parametrize("name", NAMES)
def test_a_script_does_its_work(server: redis.Redis, name: str) -> None:
    """With the numbers that the package sends, no call fails, and each that writes changes something."""
    epoch = begin(server, name)
    before = all_keys(server)
    Executor(adopt(server)).run(known(calls()[name], epoch))
    assert (all_keys(server) != before) == (name.removesuffix(" archived") not in READING), (
        "a call that is tried here has to do something"
    )


@pytest.mark.parametrize("name", NAMES)
def test_what_is_no_number_changes_nothing(server: redis.Redis, name: str) -> None:
    """A script that fails because of a number leaves every key as it was."""
    epoch = begin(server, name)
    executor, before = Executor(adopt(server)), all_keys(server)
    for command, at, bad in with_bad_numbers(known(calls()[name], epoch)):
        try:
            executor.run(Operation((command,), list))
        except StoreError:
            assert all_keys(server) == before, f"argument {at} was {bad!r}"
        else:
            put_back(server, before)


@pytest.mark.parametrize(
    "field",
    ["first", "size", "tokens", "failures", "indexed", "revision", "marks", "until", "archived", "chunks",
     "archive_bytes", "archive_from", "covered"],
)  # fmt: skip
@pytest.mark.parametrize("name", NAMES)
def test_a_damaged_session_is_left_as_it_is(server: redis.Redis, name: str, field: str) -> None:
    """A script that fails because a stored number is none leaves every key as it was."""
    epoch = begin(server, name)
    server.hset(KEYS.state, field, "1.5")
    before = all_keys(server)
    try:
        Executor(adopt(server)).run(known(calls()[name], epoch))
    except StoreError:
        assert all_keys(server) == before
