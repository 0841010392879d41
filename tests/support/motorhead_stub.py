"""The original Motorhead as its clients saw it, kept in memory: what it keeps of a message, and what it drops."""

from __future__ import annotations

import time
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

WINDOW = 12


class Original:
    """Its state, and the application that serves it.

    Args:
        managed: Whether it is the managed one, which asked for keys and wrapped its answers.
        answers: Statuses to answer the next requests with, without serving them.
    """

    def __init__(self, *, managed: bool = False, answers: tuple[int, ...] = ()) -> None:
        self.managed = managed
        self.answers = list(answers)
        self.sessions: dict[str, list[dict[str, str]]] = {}
        self.contexts: dict[str, str] = {}
        self.requests: list[tuple[str, str]] = []
        memory = "/sessions/{id:path}/memory"
        self.app = Starlette(
            routes=[
                Route("/", self._now),
                Route("/sessions", self._list),
                Route(memory, self._get),
                Route(memory, self._post, methods=["POST"]),
                Route(memory, self._delete, methods=["DELETE"]),
                Route("/sessions/{id:path}/retrieval", self._retrieve, methods=["POST"]),
            ]
        )

    def _answer(self, request: Request, value: Any) -> Response:
        if self.managed:
            if not (request.headers.get("x-metal-api-key") and request.headers.get("x-metal-client-id")):
                return PlainTextResponse("Unauthorized", 401)
            value = {"data": value}
        return JSONResponse(value)

    def _noted(self, request: Request) -> Response | None:
        self.requests.append((request.method, request.url.path))
        return PlainTextResponse("no", self.answers.pop(0)) if self.answers else None

    async def _now(self, request: Request) -> Response:
        return self._noted(request) or self._answer(request, {"now": int(time.time() * 1000)})

    async def _list(self, request: Request) -> Response:
        page, size = int(request.query_params.get("page", 1)), int(request.query_params.get("size", 10))
        if page > 100:
            return JSONResponse({"error": "page"}, 400)
        return self._noted(request) or self._answer(request, list(self.sessions)[(page - 1) * size : page * size])

    async def _get(self, request: Request) -> Response:
        id_ = request.path_params["id"]
        value = {
            "messages": self.sessions.get(id_, [])[::-1][:WINDOW],
            "context": self.contexts.get(id_),
            "tokens": 0,
        }
        return self._noted(request) or self._answer(request, value)

    async def _post(self, request: Request) -> Response:
        if refused := self._noted(request):
            return refused
        body = await request.json()
        if not all(isinstance(each["content"], str) for each in body["messages"]):
            return JSONResponse({"error": "JSON error"}, 400)
        kept = [{"role": each["role"], "content": each["content"]} for each in body["messages"]]
        id_ = request.path_params["id"]
        self.sessions[id_] = [*self.sessions.pop(id_, []), *kept]
        return self._answer(request, {"status": "Ok"})

    async def _delete(self, request: Request) -> Response:
        if refused := self._noted(request):
            return refused
        self.sessions.pop(request.path_params["id"], None)
        return self._answer(request, {"status": "Ok"})

    async def _retrieve(self, request: Request) -> Response:
        text = (await request.json())["text"]
        found = [each for each in self.sessions.get(request.path_params["id"], []) if text in each["content"]]
        return self._noted(request) or self._answer(request, [{**each, "dist": 0.25} for each in found][:10])
