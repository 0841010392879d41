"""`/mcp`: the MCP server by streamable HTTP.

Each request is answered alone, so that any of several servers can answer it. There are no streams from the server: GET
is refused, as the protocol allows.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from functools import partial
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.types import Message, Receive, Scope, Send

from langchain_motorhead.exceptions import InvalidInputError, UnsupportedError
from langchain_motorhead.server import audit
from langchain_motorhead.server.http.request import RequestContext
from langchain_motorhead.tools.scope import ToolScope

if TYPE_CHECKING:
    from mcp.server.streamable_http_manager import StreamableHTTPSessionManager

    from langchain_motorhead.server.mcp.tools import McpAccess

_MISSING_EXTRA = (
    'this server has no MCP. Install it with the extra "mcp": pip install "langchain-motorhead[server,mcp]"'
)
_NO_USER = (
    "whose memory is it? Put the user into the URL of the MCP server, as in /mcp?user_id=bob, or the session, as in "
    "/mcp?session_id=1"
)
_ACCESS = "motorhead.mcp_access"
_ACTIONS = {"remember": "remember fact", "correct_fact": "correct fact", "forget_fact": "forget fact"}


class McpEndpoint:
    """The ASGI application of the path `/mcp`. The SDK is imported when the first request needs it."""

    def __init__(self) -> None:
        self._manager: asyncio.Future[StreamableHTTPSessionManager] | None = None
        self._task: asyncio.Task[None] | None = None
        self._ended = asyncio.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request.

        Raises:
            UnauthorizedError: The API key is missing or unknown.
            InvalidInputError: The URL names neither a user nor a session.
            UnsupportedError: The extra `mcp` is not installed.
        """
        asked = RequestContext(Request(scope, receive))
        motorhead = asked.motorhead
        user_id, session_id = asked.query_id("user_id"), asked.query_id("session_id")
        if user_id is None and session_id is None:
            raise InvalidInputError(_NO_USER)
        if find_spec("mcp") is None:
            raise UnsupportedError(_MISSING_EXTRA)
        body = _replay(await asked.json_bytes(), receive)
        manager = await self._started()
        from langchain_motorhead.server.mcp.tools import McpAccess

        whose = ToolScope(motorhead.backend, user_id, session_id)
        scope[_ACCESS] = McpAccess(whose, asked.settings.mcp_read_only, partial(_note, scope, user_id, session_id))
        await manager.handle_request(scope, body, send)

    async def close(self) -> None:
        """Stop, so that the next request starts anew."""
        if self._task is not None:
            self._ended.set()
            await asyncio.wait([self._task])
            self._task = self._manager = None
            self._ended = asyncio.Event()

    async def _started(self) -> StreamableHTTPSessionManager:
        if self._manager is None:
            self._manager = asyncio.get_running_loop().create_future()
            self._task = asyncio.create_task(self._run(self._manager))
        return await asyncio.shield(self._manager)

    async def _run(self, started: asyncio.Future[StreamableHTTPSessionManager]) -> None:
        """Keep the SDK's manager running. It has to end in the task in which it began."""
        try:
            manager = await asyncio.to_thread(_load)  # imports the SDK, off the event loop
        except Exception as error:  # noqa: BLE001 - the request gets it
            started.set_exception(error)
            self._manager = None
            return
        async with manager.run():
            started.set_result(manager)
            await self._ended.wait()


def _load() -> StreamableHTTPSessionManager:
    from mcp.server.streamable_http_manager import StreamableHTTPSessionManager

    from langchain_motorhead.server.mcp.tools import create_server

    return StreamableHTTPSessionManager(create_server(_access), json_response=True, stateless=True)


def _access(request: Any) -> McpAccess:
    access: McpAccess = request.scope[_ACCESS]
    return access


def _note(
    scope: Scope, user_id: str | None, session_id: str | None, tool: str, arguments: Mapping[str, Any], outcome: str
) -> None:
    """Note a change for the audit log, with the ids of what was changed."""
    ids = {"user_id": user_id, "session_id": session_id, "fact_id": arguments.get("fact_id")}
    named = {name: each for name, each in ids.items() if isinstance(each, str)}
    audit.note(scope, _ACTIONS.get(tool, tool), outcome=outcome, **named)


def _replay(body: bytes, receive: Receive) -> Receive:
    """Return what receives a body that was read already."""
    left: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive_again() -> Message:
        return left.pop() if left else await receive()

    return receive_again
