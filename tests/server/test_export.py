"""The export of a session over HTTP."""

from __future__ import annotations

import asyncio
import gc
import tempfile
from typing import Any

import pytest
from starlette.types import Message

from langchain_motorhead.server import Settings, create_app
from langchain_motorhead.server.routes import exports
from support.factory import MakeMotorhead
from support.messages import numbered


@pytest.mark.parametrize("leaves", [True, False])
async def test_the_file_of_an_export_is_closed(
    make: MakeMotorhead, monkeypatch: pytest.MonkeyPatch, leaves: bool
) -> None:
    """It is closed when the answer ends, and also if the client disconnects before, without a garbage collection."""
    files, parts, begun = list[Any](), list[bytes](), asyncio.Event()

    def opened(size: int) -> Any:
        files.append(tempfile.SpooledTemporaryFile(size))  # noqa: SIM115 - closed by what is tested
        return files[-1]

    async def receive() -> Message:
        await begun.wait()
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        if message["type"] == "http.response.body":
            parts.append(message["body"])
            if leaves:
                begun.set()
                await asyncio.sleep(600)  # it reads no more

    monkeypatch.setattr(exports, "SpooledTemporaryFile", opened)
    motorhead = make()
    motorhead.session("s").append(numbered(3))
    app = create_app(Settings(), motorhead=motorhead)
    path = "/sessions/s/export"
    scope = {
        "type": "http", "asgi": {"version": "3.0", "spec_version": "2.3"}, "method": "GET", "path": path,
        "raw_path": path.encode(), "query_string": b"", "headers": [],
    }  # fmt: skip
    gc.disable()
    try:
        await app(scope, receive, send)
        (file,) = files
        assert file.closed
    finally:
        gc.enable()
    assert parts[0].startswith(b'{"export":1}')
    assert len(parts) == (1 if leaves else 2)
