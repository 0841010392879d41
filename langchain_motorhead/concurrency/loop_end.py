"""Clean-up at the end of an event loop, as the event loop itself does it for async generators.

`asyncio.run`, pytest-asyncio, uvicorn and others close all async generators before they close their event loop. So an
async generator that waits forever shows the end while the loop can still close connections.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable


async def at_loop_end(clean_up: Callable[[], Awaitable[object]]) -> AsyncGenerator[None, None]:
    """Await a function when the running event loop ends, or when the returned generator is closed before.

    Nothing happens if the loop is closed without an end, by `loop.close()` alone.

    Args:
        clean_up: Awaited on that event loop, once. It must not raise.

    Returns:
        The generator. It has to be kept: it is closed when nothing refers to it any more.
    """
    generator = _wait(clean_up)
    await anext(generator)
    return generator


async def _wait(clean_up: Callable[[], Awaitable[object]]) -> AsyncGenerator[None, None]:
    try:
        yield
    finally:
        await clean_up()
