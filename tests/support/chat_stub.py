"""A local server that speaks OpenAI's wire, and streams scripted answers, some of which wait or break off."""

from __future__ import annotations

import json
import os
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import langchain_motorhead


class ChatStub:
    """A server that streams what the test gives it, the same id each time.

    Attributes:
        requests: Messages that were asked with.
        answers: What to answer each time: words, None to break off after them, or a status alone.
        go_on: Set to let an answer end that waits for it at a None.
    """

    def __init__(self, *answers: list[str | None] | int) -> None:
        self.requests: list[list[dict[str, Any]]] = []
        self.answers, self.go_on = list(answers), threading.Event()
        stub = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                if not asked.get("stream") or "You keep the memory" in str(asked["messages"][0]):
                    self.send_json(stub.summary())
                    return
                stub.requests.append(asked["messages"])
                answer = stub.answers.pop(0)
                if isinstance(answer, int):
                    self.send_response(answer)
                    self.end_headers()
                    return
                self.send_response(200)
                self.send_header("Content-Type", "text/event-stream")
                self.end_headers()
                try:
                    for word in answer:
                        if word is None:
                            stub.go_on.wait(60)
                            return
                        self.wfile.write(b"data: " + json.dumps(stub.chunk(word)).encode() + b"\n\n")
                        self.wfile.flush()
                    self.wfile.write(b"data: [DONE]\n\n")
                except OSError:  # the client went away
                    pass

            def send_json(self, value: Any) -> None:
                body = json.dumps(value).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *arguments: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/v1"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def chunk(self, word: str) -> dict[str, Any]:
        """Make a piece of an answer."""
        choice = {"index": 0, "delta": {"role": "assistant", "content": word}, "finish_reason": None}
        return {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice]}

    def summary(self) -> dict[str, Any]:
        """Make the answer to what does not ask for a stream: summaries."""
        choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "They met."}}
        return {"id": "c2", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice]}

    @property
    def environment(self) -> dict[str, str]:
        """Give an environment that points to it."""
        root = str(Path(langchain_motorhead.__file__).parent.parent)
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("OPENAI", "MOTORHEAD"))}
        return {**kept, "OPENAI_API_BASE": self.url, "PYTHONPATH": root, "TERM": "dumb"}

    def close(self) -> None:
        """Stop it."""
        self.go_on.set()
        self.server.shutdown()
        self.server.server_close()
