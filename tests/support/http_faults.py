"""A server that answers some requests itself, or fails after it has served them."""

from __future__ import annotations

from typing import Any

from starlette.types import Receive, Scope, Send


class Flaky:
    """Passes requests on to an application, or answers some of them itself, before or after.

    Args:
        app: The application.
        statuses: What to answer the next requests, None to pass them on; below 0 pass it on and answer that then.
        headers: Of those answers.
    """

    def __init__(self, app: Any, *statuses: int | None, headers: tuple[tuple[bytes, bytes], ...] = ()) -> None:
        self.app, self.statuses, self.headers, self.seen = app, list(statuses), list(headers), 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        self.seen += 1
        status = self.statuses.pop(0) if self.statuses else None
        if status is None:
            await self.app(scope, receive, send)
            return
        if status < 0:

            async def swallowed(_: Any) -> None:
                pass

            await self.app(scope, receive, swallowed)
        await send({"type": "http.response.start", "status": abs(status), "headers": self.headers})
        await send({"type": "http.response.body", "body": b"away"})
