"""A local server that speaks OpenAI's wire, and answers as scripted."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

KEY = "sk-secret-of-the-tests"


class Stub:
    """A server that answers chat completions as scripted.

    Attributes:
        url: Its base URL, as `OPENAI_BASE_URL` takes it.
        requests: What was asked.
        most: Most requests of one group that were under way at a time.
        group: Returns the group of a request. By default there is one.
        status: HTTP status to answer with.
        text: What to answer.
        delay: Seconds to wait before.
        headers: Further headers of an answer.
        raw: What to answer instead, whatever it is; None for an answer, and `b"hang up"` for none.
        say: What its message has beside the text.
        finish: Why it ended.
        gate: Waited for before answering.
    """

    def __init__(self) -> None:
        self.requests: list[Any] = []
        self.most, self._under_way, self._lock = 0, Counter[str](), threading.Lock()
        self.group: Callable[[Any], str] = lambda _: ""
        self.status, self.text, self.delay = 200, "Bob is going to Oslo.", 0.0
        self.headers: dict[str, str] = {}
        self.raw: bytes | None = None
        self.say: dict[str, Any] = {}
        self.finish = "stop"
        self.gate = threading.Event()
        self.gate.set()
        stub = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                stub.requests.append(asked)
                with stub.counted(stub.group(asked)):
                    time.sleep(stub.delay)
                    stub.gate.wait(30)
                if stub.raw == b"hang up":
                    self.close_connection = True
                    return
                body = json.dumps(stub.answer()).encode() if stub.raw is None else stub.raw
                streamed = stub.requests[-1].get("stream") and stub.status == 200 and stub.raw is None
                body = stub.events() if streamed else body
                try:
                    self.send_response(stub.status)
                    for header in stub.headers.items():
                        self.send_header(*header)
                    self.send_header("Content-Type", "text/event-stream" if streamed else "application/json")
                    self.send_header("Content-Length", str(len(body)))
                    self.end_headers()
                    self.wfile.write(body)
                except OSError:  # the client went away
                    pass

            def log_message(self, *arguments: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/v1"
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()

    @contextmanager
    def counted(self, group: str) -> Iterator[None]:
        """Count a request of a group that is under way."""
        with self._lock:
            self._under_way[group] += 1
            self.most = max(self.most, self._under_way[group])
        yield
        with self._lock:
            self._under_way[group] -= 1

    def events(self) -> bytes:
        """Make the body of a streamed answer: its words one by one, how it ended, and what it cost."""
        whole = self.answer()
        message = whole["choices"][0]["message"]
        text = message.get("content") or ""
        parts = text if len(text) > 10_000 else [f" {word}" if at else word for at, word in enumerate(text.split(" "))]
        deltas: list[dict[str, Any]] = [{**message, "content": ""}]
        deltas += [{"content": part} for part in ([parts] if isinstance(parts, str) else parts)]
        chunks: list[dict[str, Any]] = [
            {"choices": [{"index": 0, "delta": delta, "finish_reason": None}]} for delta in deltas
        ]
        chunks.append({"choices": [{"index": 0, "delta": {}, "finish_reason": self.finish}]})
        chunks.append({"choices": [], "usage": whole["usage"]})
        head = {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "gpt-4o-mini"}
        lines = [f"data: {json.dumps({**head, **chunk})}\n\n" for chunk in chunks]
        return "".join([*lines, "data: [DONE]\n\n"]).encode()

    def answer(self) -> dict[str, Any]:
        """Make the body of an answer."""
        if self.status != 200:
            return {"error": {"message": "not now", "type": "server_error", "code": None}}
        message = {"role": "assistant", "content": self.text, **self.say}
        return {
            "id": "c1", "object": "chat.completion", "created": 1, "model": "gpt-4o-mini",
            "choices": [{"index": 0, "finish_reason": self.finish, "message": message}],
            "usage": {"prompt_tokens": 90, "completion_tokens": 10, "total_tokens": 100},
        }  # fmt: skip
