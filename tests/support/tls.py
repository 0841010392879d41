"""TLS in front of a server: what a `rediss://` URL reaches, for the servers of wheels speak none themselves."""

from __future__ import annotations

import asyncio
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress


@contextmanager
def behind_tls(where: str | int, context: ssl.SSLContext) -> Iterator[tuple[int, list[int]]]:
    """End TLS on a port of this machine, and pass on to a Unix socket or another port.

    Yields:
        The port, and how many bytes each client has sent through.
    """
    loop, passed = asyncio.SelectorEventLoop(), list[int]()
    busy: set[asyncio.Task[None]] = set()

    async def pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter, at: int | None) -> None:
        with suppress(OSError):
            while data := await source.read(1 << 16):
                if at is not None:
                    passed[at] += len(data)
                sink.write(data)
                await sink.drain()
        sink.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        passed.append(0)
        far_reader, far_writer = await (
            asyncio.open_unix_connection(where)
            if isinstance(where, str)
            else asyncio.open_connection("127.0.0.1", where)
        )
        task = asyncio.current_task()
        assert task is not None
        busy.add(task)
        try:
            await asyncio.gather(pump(reader, far_writer, len(passed) - 1), pump(far_reader, writer, None))
        finally:
            busy.discard(task)
            for each in (writer, far_writer):
                each.close()
                with suppress(OSError):
                    await each.wait_closed()

    async def start() -> asyncio.Server:
        loop.set_exception_handler(lambda loop, told: None)  # handshakes that fail are what is tested
        return await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)

    async def stop(server: asyncio.Server) -> None:
        server.close()
        for task in list(busy):
            task.cancel()
        await asyncio.gather(*busy, return_exceptions=True)

    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    server = asyncio.run_coroutine_threadsafe(start(), loop).result(20)
    try:
        yield server.sockets[0].getsockname()[1], passed
    finally:
        asyncio.run_coroutine_threadsafe(stop(server), loop).result(20)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(20)
        loop.close()
