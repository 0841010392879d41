"""What `rest.py` measures the server against, each in a process: `python rest_servers.py plain|bare|asgi|model PORT`.

plain: a Starlette handler that runs one pipeline of redis.asyncio, answers the same body, and does nothing else.
bare: answers the same bytes whatever is asked, without reading it: what the client can do at most.
asgi: a function without a framework, on uvicorn, that answers a session of ten messages, or that messages were stored.
model: speaks OpenAI's wire, and takes two seconds for an answer.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from typing import Any

import orjson
import redis.asyncio
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

TEXT = " ".join(f"word{at % 7}" for at in range(60))
RECORD = orjson.dumps({"role": "Human", "content": TEXT})
COUNTS = b'],"context":null,"tokens":0,"total":12,"summarized":0,"backlog":0,"failures":0,"epoch":"0123456789abcdef"}'
SECONDS = 2.0


def plain(port: int) -> None:
    """Serve the same two requests by hand."""
    client = redis.asyncio.Redis.from_url(os.environ["REDIS_URL"])

    async def get(request: Request) -> Response:
        name = request.path_params["session_id"]
        async with client.pipeline(transaction=False) as pipeline:
            pipeline.hmget(f"plain:{name}:state", "summary", "first", "tokens")
            pipeline.lrange(f"plain:{name}", -12, -1)
            (summary, first, tokens), records = await pipeline.execute()
        rest = {
            "context": summary, "tokens": int(tokens or 0), "total": int(first or 0) + len(records), "summarized": 0,
            "backlog": 0, "failures": 0, "epoch": "0123456789abcdef",
        }  # fmt: skip
        body = b'{"messages":[' + b",".join(reversed(records)) + b"]," + orjson.dumps(rest)[1:]
        return Response(body, media_type="application/json")

    async def post(request: Request) -> Response:
        name, now = request.path_params["session_id"], time.time_ns() // 1_000
        messages = orjson.loads(await request.body())["messages"]
        async with client.pipeline(transaction=False) as pipeline:
            pipeline.rpush(f"plain:{name}", *(orjson.dumps(message) for message in messages))
            pipeline.hset(f"plain:{name}:state", mapping={"updated": now})
            pipeline.zadd("plain:sessions", {name: now})
            await pipeline.execute()
        return Response(b'{"status":"Ok"}', media_type="application/json")

    path = "/sessions/{session_id}/memory"
    app = Starlette(routes=[Route(path, get, methods=["GET"]), Route(path, post, methods=["POST"])])
    uvicorn.run(app, port=port, log_level="warning", access_log=False)


class Bare(asyncio.Protocol):
    """Answers each packet with the bytes of a session."""

    ANSWER = b'{"messages":[' + b",".join([RECORD] * 12) + COUNTS
    ANSWER = b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(ANSWER) + ANSWER

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the connection."""
        self.transport: Any = transport

    def data_received(self, data: bytes) -> None:
        """Answer."""
        self.transport.write(self.ANSWER)


async def bare(port: int) -> None:
    """Serve the same bytes."""
    server = await asyncio.get_running_loop().create_server(Bare, "127.0.0.1", port)
    await server.serve_forever()


def asgi(port: int) -> None:
    """Serve bytes by a function on uvicorn, whatever is asked."""
    session = b'{"messages":[' + b",".join([RECORD] * 10) + COUNTS
    answers = {"GET": session, "POST": b'{"status":"Ok"}'}

    async def app(scope: Any, receive: Any, send: Any) -> None:
        while (await receive()).get("more_body"):
            pass
        body = answers[scope["method"]]
        headers = [(b"content-length", b"%d" % len(body)), (b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    uvicorn.run(app, port=port, log_level="warning", access_log=False, lifespan="off")


def model(port: int) -> None:
    """Serve as a slow model."""

    async def complete(request: Request) -> Response:
        await request.body()
        await asyncio.sleep(SECONDS)
        message = {"role": "assistant", "content": TEXT}
        body = {
            "id": "c1", "object": "chat.completion", "created": 1, "model": "slow",
            "choices": [{"index": 0, "finish_reason": "stop", "message": message}],
            "usage": {"prompt_tokens": 90, "completion_tokens": 10, "total_tokens": 100},
        }  # fmt: skip
        return Response(orjson.dumps(body), media_type="application/json")

    app = Starlette(routes=[Route("/v1/chat/completions", complete, methods=["POST"])])
    uvicorn.run(app, port=port, log_level="warning", access_log=False)


if __name__ == "__main__":
    import uvloop

    which, at = sys.argv[1], int(sys.argv[2])
    if which == "bare":
        uvloop.run(bare(at))
    else:
        {"plain": plain, "asgi": asgi, "model": model}[which](at)
