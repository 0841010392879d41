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
print(json.dumps([found[0]["status"], sorted(sys.modules)]))
"""
_LATER = frozenset(
    "aiohttp jinja2 langchain_openai langchain_text_splitters langsmith mcp numpy openai redisvl tiktoken".split()
)
# What neither a read nor an append needs of this package: folders, and modules that are large or have large patterns.
_OURS_LATER = (
    "facts.learning.flow", "facts.learning.verification", "integrations", "models.summarizer_client",
    "recall.search.flow", "server.page.actions.catalog", "server.page.browsing", "sessions.checks.refusals",
    "sessions.compaction.closing_gaps", "summarizers.sentences", "transfer",
)  # fmt: skip
_OURS_FOR_SEARCH = ("recall.indexing.flow", "recall.words.time_words", "sessions.checks.wording")


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
    assert not _LATER & {name.partition(".")[0] for name in imported}
    later = _OURS_LATER if model == "openai" else (*_OURS_LATER, *_OURS_FOR_SEARCH)
    folders = tuple(f"langchain_motorhead.{each}." for each in later)
    assert [name for name in imported if f"{name}.".startswith(folders)] == []
    assert {"redis.asyncio", "langchain_motorhead.redis_io.fast_path"} <= set(imported)


def test_the_command_imports_no_other_command() -> None:
    """`motorhead serve` imports neither the modules of other commands nor what these print with, and so does each."""
    script = """
import json, sys
from langchain_motorhead.cli.main import _make_app
app = _make_app(sys.argv[1])
print(json.dumps([len(app.registered_commands) + len(app.registered_groups), sorted(sys.modules)]))
"""
    for command, module in (("serve", "serve"), ("export", "transfer"), ("sessions", "sessions.commands")):
        ended = subprocess.run([sys.executable, "-c", script, command], capture_output=True, text=True, check=True)
        count, imported = json.loads(ended.stdout)
        assert count == 1
        assert f"langchain_motorhead.cli.{module}" in imported
        others = {name for name in imported if name.startswith("langchain_motorhead.cli.")}
        assert not others & ({"langchain_motorhead.cli.doctor", "langchain_motorhead.cli.ui"})
        if command == "serve":
            assert "rich.console" not in imported
    ended = subprocess.run([sys.executable, "-c", script, "unknown"], capture_output=True, text=True, check=True)
    assert json.loads(ended.stdout)[0] == 12


def test_a_model_that_cannot_be_built_ends_the_server(url: str) -> None:
    """A provider whose package is missing ends the command with 1, although the server listens already by then."""
    environment = {**os.environ, "REDIS_URL": url, "MOTORHEAD_MODEL": "xai:grok", "PORT": "0"}
    command = [sys.executable, "-m", "langchain_motorhead.cli", "serve"]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert ended.returncode == 1
    assert "'xai:grok' cannot be used as a chat model" in ended.stderr.splitlines()[-1]
    assert "Traceback" not in ended.stderr
