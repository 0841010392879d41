"""The export of one session over HTTP, as JSON Lines: complete, or an error instead."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from tempfile import SpooledTemporaryFile
from typing import IO

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from langchain_motorhead import Motorhead
from langchain_motorhead.server.http.errors import NotFoundError
from langchain_motorhead.server.http.openapi import ApiRoute
from langchain_motorhead.server.http.openapi_errors import OF_USER
from langchain_motorhead.server.http.request import RequestContext
from langchain_motorhead.server.schemas.requests import UserQuery

_MAX_IN_MEMORY = 1 << 20
_READ_BYTES = 1 << 16
_MEDIA_TYPE = "application/x-ndjson"
_EXAMPLE = (
    '{"export":1}\n'
    '{"session":"alice-2025-06-01","namespace":"default","messages":[{"role":"Human","content":"I live in Oslo."}]}\n'
    '{"end":1}\n'
)


async def get_export(request: Request) -> Response:
    """Return a session as JSON Lines, which `motorhead import` reads."""
    asked = RequestContext(request)
    return await export(asked.motorhead, asked.path_id("session_id"), asked.query_id("user_id"))


async def export(motorhead: Motorhead, session_id: str, user_id: str | None = None) -> Response:
    """Return the answer with a session as JSON Lines. It is read as a whole before the answer begins.

    Args:
        motorhead: Where the session is.
        session_id: Id of the session.
        user_id: Id of the user whose session it is, or None.

    Raises:
        NotFoundError: There is no such session.
        StoreError: Redis could not be reached, or the session could not be read.
    """
    file = await asyncio.to_thread(_write, motorhead, session_id, user_id)
    headers = {"Content-Disposition": 'attachment; filename="session.jsonl"', "Cache-Control": "no-store"}
    return _FileResponse(file, headers)


def _write(motorhead: Motorhead, session_id: str, user_id: str | None) -> IO[bytes]:
    from langchain_motorhead.transfer.exporter import export_lines
    from langchain_motorhead.transfer.jsonl import first_line, last_line

    count = 0

    def report(_: object) -> None:
        nonlocal count
        count += 1

    file = SpooledTemporaryFile(_MAX_IN_MEMORY)  # noqa: SIM115 - closed when it was sent
    try:
        file.write(first_line())
        file.writelines(export_lines(motorhead, user_id=user_id, session_ids=[session_id], report=report))
        file.write(last_line(count))
        if not count:
            raise NotFoundError(f"there is no session {session_id!r:.200}")
    except BaseException:
        file.close()
        raise
    file.seek(0)
    return file


def _read(file: IO[bytes]) -> Iterator[bytes]:
    while part := file.read(_READ_BYTES):
        yield part


class _FileResponse(StreamingResponse):
    """An answer with the rest of a file, which is closed in the end, also if the client disconnects before."""

    def __init__(self, file: IO[bytes], headers: Mapping[str, str]) -> None:
        super().__init__(_read(file), headers=headers, media_type=_MEDIA_TYPE)
        self._file = file

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the answer."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            await asyncio.to_thread(self._file.close)  # it may have gigabytes to free


EXPORT_ROUTE = ApiRoute(
    "GET", "/sessions/{session_id}/export", get_export, tag="Extensions", summary="Export a session",
    query=UserQuery, answer=str, answer_text="The session, a JSON object a line.", media_type=_MEDIA_TYPE,
    example=_EXAMPLE, errors=(*OF_USER, "not_found"),
)  # fmt: skip
