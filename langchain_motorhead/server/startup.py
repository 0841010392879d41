"""What happens when the server starts: Redis is asked whether it answers, and what later requests need is imported."""

from __future__ import annotations

import asyncio
import ctypes
import gc
import logging
import sys
from collections.abc import Iterable, Iterator
from importlib import import_module

from langchain_motorhead.backends.redis import RedisBackend
from langchain_motorhead.exceptions import MotorheadError
from langchain_motorhead.redis_io.urls import prepare
from langchain_motorhead.server.json_logs import describe_error
from langchain_motorhead.server.tenants import Tenants
from langchain_motorhead.storage.operation import Command, Operation

logger = logging.getLogger(__name__)

READY_TIMEOUT_SECONDS = 2.0
"""How long Redis may take to answer before the server says that it is not ready."""

# Imported after the first answers, because they or what they import take long.
_LATER = (
    "langchain_motorhead.facts.erasure",
    "langchain_motorhead.handles.user",
    "langchain_motorhead.backends.redis_facts",
    "langchain_motorhead.runtime.rebuilds",
    "langchain_motorhead.integrations.retriever",
    "langchain_motorhead.transfer.exporter",
)
# How long an import may keep the interpreter lock while the event loop waits for it.
_SWITCH_INTERVAL_SECONDS = 0.0002
_FIRST_WAIT_SECONDS, _MAX_WAIT_SECONDS = 0.5, 30.0


async def ping(redis: RedisBackend) -> None:
    """Send a command to Redis that needs an answer.

    Raises:
        MotorheadError: Redis cannot be reached, or refuses.
        TimeoutError: It does not answer.
    """
    # A command with a key, so that a cluster client knows which node to ask.
    operation = Operation((Command("EXISTS", ("motorhead:ready",)),), lambda _: None)
    await asyncio.wait_for(redis.aexecute(operation), READY_TIMEOUT_SECONDS)


async def await_redis(redis: RedisBackend) -> None:
    """Ask Redis until it answers, with growing pauses. Log the first failure, and the answer that ends them.

    The server starts anyway: in a composition of containers, Redis may start after it. `/ready` says no until then.
    """
    failed = False
    for wait in _pauses():
        try:
            await ping(redis)
        except (MotorheadError, TimeoutError) as error:
            if not failed:
                cause = str(error) if isinstance(error, MotorheadError) else "it does not answer"
                logger.error(
                    "Redis cannot be used: %s. The server runs, answers requests with 503, and keeps trying", cause
                )
            failed = True
            await asyncio.sleep(wait)
        except Exception as error:  # noqa: BLE001 - the check must not end the server
            logger.error("Redis cannot be used: %s", describe_error(error))
            return
        else:
            if failed:
                logger.info("Redis answers now")
            return


def import_client() -> None:
    """Import the client of Redis. All requests need it, so the server listens afterwards."""
    prepare()


def warm_up(tenants: Tenants, modules: Iterable[str] = (), *, owns_process: bool) -> None:
    """Import what later requests need, and build the models. It takes seconds, so call it in a thread.

    Args:
        tenants: Tenants of the application.
        modules: Further modules to import.
        owns_process: Whether nothing but the server runs in this process. Its garbage collector then stands still
            meanwhile, and never again visits what was imported: a full collection stops the event loop for as long as
            it takes to visit everything. And the event loop, which loses the interpreter lock at every system call,
            gets it back sooner than usual.

    Raises:
        InvalidInputError: A model cannot be built.
    """
    interval = sys.getswitchinterval()
    if owns_process:
        gc.disable()
        sys.setswitchinterval(_SWITCH_INTERVAL_SECONDS)
    try:
        for name in (*_LATER, *modules):
            import_module(name)
        tenants.warm_up()
    finally:
        if owns_process:
            sys.setswitchinterval(interval)
            gc.freeze()
            gc.enable()
            _return_memory()


def _return_memory() -> None:
    """Give the system the memory that imports needed for a time: 20 MB and more where modules had to be compiled.

    Only glibc keeps so much, and has a function for it. This thread has an arena of its own for what it allocates.
    """
    if sys.platform == "linux" and (trim := getattr(ctypes.CDLL(None), "malloc_trim", None)) is not None:
        trim(0)


def _pauses() -> Iterator[float]:
    wait = _FIRST_WAIT_SECONDS
    while True:
        yield wait
        wait = min(2 * wait, _MAX_WAIT_SECONDS)
