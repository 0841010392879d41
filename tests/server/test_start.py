"""How `motorhead serve` starts: what is imported before its first answer, and what ends it."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

_FIRST_ANSWER = """
import asyncio, json, sys
from langchain_motorhead.server.app import create_app
from langchain_motorhead.cli.serve import read_settings
import httptools, uvicorn
app = create_app(read_settings({}))
app.state.warm.get = lambda: None  # what comes later does not come
found = []
async def receive():
    return {"type": "http.request", "body": b"", "more_body": False}
async def send(message):
    found.append(message)
async def main():
    path = "/sessions/first/memory"
    scope = {"type": "http", "method": "GET", "path": path, "raw_path": path.encode(), "query_string": b"",
             "headers": [(b"host", b"localhost")], "server": ("localhost", 80), "scheme": "http"}
    await app(scope, receive, send)
asyncio.run(main())
print(json.dumps([found[0]["status"], sorted({name.partition(".")[0] for name in sys.modules})]))
"""
_LATER = frozenset(
    "aiohttp jinja2 langchain_openai langchain_text_splitters langsmith mcp numpy openai redisvl tiktoken".split()
)


@pytest.mark.parametrize("model", ["none", "openai"])
def test_what_the_first_answer_does_not_import(url: str, model: str) -> None:
    """The first read is answered before the libraries of models, of the search and of the page are imported."""
    given = {"OPENAI_API_KEY": "sk-none", "MOTORHEAD_LONG_TERM_MEMORY": "true"} if model == "openai" else {}
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("OPENAI", "MOTORHEAD"))}
    ended = subprocess.run(
        [sys.executable, "-c", _FIRST_ANSWER], env=environment | {"REDIS_URL": url} | given,
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    status, imported = json.loads(ended.stdout)
    assert status == 200
    assert not _LATER & set(imported)


def test_a_model_that_cannot_be_built_ends_the_server(url: str) -> None:
    """A provider whose package is missing ends the command with 1, although the server listens already by then."""
    environment = {**os.environ, "REDIS_URL": url, "MOTORHEAD_MODEL": "xai:grok", "PORT": "0"}
    command = [sys.executable, "-m", "langchain_motorhead.cli", "serve"]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert ended.returncode == 1
    assert "'xai:grok' cannot be used as a chat model" in ended.stderr.splitlines()[-1]
    assert "Traceback" not in ended.stderr
