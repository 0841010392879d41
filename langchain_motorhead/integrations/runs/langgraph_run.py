"""What LangGraph knows of the current run and does not say in its public interface.

Everything here is read from the config that LangGraph gives a node. If a version of LangGraph has it elsewhere, the
functions return None or False, and a run that ends abnormally stores less.
"""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import Future, wait
from typing import Any

from langchain_core.messages import BaseMessage
from langgraph.config import get_config

_sentinels: weakref.WeakSet[Any] = weakref.WeakSet()


def current_config() -> Mapping[str, Any]:
    """Return the config of the current node, or an empty one outside of a graph."""
    try:
        return get_config()
    except RuntimeError:
        return {}


def run_object(config: Mapping[str, Any]) -> object | None:
    """Return an object that exists exactly as long as the current run of the current graph: a subgraph has its own."""
    submit = getattr(_internal(config, "call"), "keywords", {}).get("submit")
    method = submit() if isinstance(submit, weakref.WeakMethod) else submit
    return getattr(method, "__self__", None)


def call_at_end(run: object, end: Callable[[], None]) -> bool:
    """Call a function when a sync run ends in whatever way, before the caller gets control. Return whether it will be.

    LangGraph cancels what is left of a run's work when the run ends, and waits for it. So a piece of work that never
    begins is put there.
    """
    work = getattr(run, "tasks", None)
    if not isinstance(work, dict):
        return False
    sentinel: Future[None] = Future()
    run_ref = weakref.ref(run)

    def ended(_: Any) -> None:
        tasks: dict[Future[Any], Any] = getattr(run_ref(), "tasks", {})
        wait([task for task in tuple(tasks) if task not in _sentinels])  # such as a model that is still answering
        end()

    _sentinels.add(sentinel)  # an agent may have two memories, which must not wait for each other
    sentinel.add_done_callback(ended)
    work[sentinel] = (True, False)  # cancel it at the end; do not raise what it raised
    return True


def await_at_end(run: object, end: Callable[[], Awaitable[None]]) -> bool:
    """Await a function when an async run ends in whatever way. See `call_at_end`."""
    work = getattr(run, "tasks", None)
    if not isinstance(work, dict):
        return False
    run_ref = weakref.ref(run)

    async def sentinel() -> None:
        try:
            await asyncio.get_running_loop().create_future()
        except asyncio.CancelledError:
            tasks = [task for task in getattr(run_ref(), "tasks", ()) if task not in _sentinels]
            if tasks:
                await asyncio.wait(tasks)
            await end()
            raise

    task = asyncio.get_running_loop().create_task(sentinel())
    _sentinels.add(task)
    work[task] = (True, False)
    return True


def has_checkpointer(config: Mapping[str, Any]) -> bool:
    """Return whether the state of the run is kept, so that the thread can go on with it."""
    return bool(_internal(config, "checkpointer"))


def output_of(config: Mapping[str, Any]) -> Sequence[tuple[str, Any]]:
    """Return the list to which the current node's output will be added when the node has ended without an error."""
    written = getattr(_internal(config, "send"), "__self__", ())
    return written if hasattr(written, "__iter__") else ()


def output_messages(output: Sequence[tuple[str, Any]]) -> list[BaseMessage]:
    """List the messages in the output of a node."""
    values = [value for channel, value in tuple(output) if channel == "messages"]
    messages = [each for value in values for each in (value if isinstance(value, list) else [value])]
    return [message for message in messages if isinstance(message, BaseMessage)]


def may_be_changed(config: Mapping[str, Any], own_node: str) -> bool:
    """Return whether the graph has middleware that may still change or refuse an answer of the model.

    Args:
        config: The config of the node.
        own_node: Name of the node that does not count.
    """
    arguments = getattr(_internal(config, "read"), "args", ())
    channels = next((each for each in arguments if isinstance(each, Mapping) and "messages" in each), None)
    if channels is None:
        return True
    names = [name.removeprefix("branch:to:") for name in channels if isinstance(name, str)]
    return any(name.endswith((".after_model", ".after_agent")) and name != own_node for name in names)


def _internal(config: Mapping[str, Any], name: str) -> Any:
    return (config.get("configurable") or {}).get(f"__pregel_{name}")
