"""A model and an embedding model that answer at once, on OpenAI's wire: `python openai_server.py PORT`.

The model answers with the newest order that the prompt names, or NONE; a text's vector says which words it has.
"""

from __future__ import annotations

import base64
import re
import struct
import sys
import zlib

import orjson
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

DIMENSIONS = 1536


def main() -> None:
    """Serve on a port of this machine."""
    routes = [
        Route("/v1/chat/completions", complete, methods=["POST"]),
        Route("/v1/embeddings", embed, methods=["POST"]),
    ]
    uvicorn.run(Starlette(routes=routes), port=int(sys.argv[1]), log_level="warning", access_log=False)


async def complete(request: Request) -> Response:
    """Answer, as a stream if that is asked for."""
    asked = orjson.loads(await request.body())
    orders = re.findall(r"order (\d{6})", asked["messages"][-1]["content"])
    text = f"The user has placed the order {orders[-1]}." if orders else "NONE"
    usage = {"prompt_tokens": 90, "completion_tokens": 10, "total_tokens": 100}
    whole = {"id": "c1", "created": 1, "model": asked["model"], "object": "chat.completion"}
    if not asked.get("stream"):
        choices = [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": text}}]
        return Response(orjson.dumps({**whole, "choices": choices, "usage": usage}), media_type="application/json")
    whole["object"] = "chat.completion.chunk"
    pieces = [({"role": "assistant", "content": each}, None) for each in re.findall(r"\S+\s*", text)]
    events = [
        {**whole, "choices": [{"index": 0, "delta": delta, "finish_reason": end}]}
        for delta, end in [*pieces, ({}, "stop")]
    ]
    events.append({**whole, "choices": [], "usage": usage})
    body = b"".join(b"data: " + orjson.dumps(each) + b"\n\n" for each in events) + b"data: [DONE]\n\n"
    return Response(body, media_type="text/event-stream")


async def embed(request: Request) -> Response:
    """Return a vector for each text."""
    asked = orjson.loads(await request.body())
    texts = [asked["input"]] if isinstance(asked["input"], str) else asked["input"]
    vectors = [vector(text) for text in texts]
    encoded = asked.get("encoding_format") == "base64"
    data = [
        {
            "object": "embedding",
            "index": at,
            "embedding": base64.b64encode(struct.pack(f"<{DIMENSIONS}f", *each)).decode() if encoded else each,
        }
        for at, each in enumerate(vectors)
    ]
    usage = {"prompt_tokens": 10, "total_tokens": 10}
    body = {"object": "list", "data": data, "model": asked["model"], "usage": usage}
    return Response(orjson.dumps(body), media_type="application/json")


def vector(text: str) -> list[float]:
    """Return a vector of the words of a text."""
    found = [0.0] * DIMENSIONS
    for word in text.split():
        found[zlib.crc32(word.encode()) % DIMENSIONS] = 0.1
    return found


if __name__ == "__main__":
    main()
