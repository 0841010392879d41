"""Runs scripts, each in a process of its own, and as many at once as there are Redis servers.

    python run_blocks.py FOLDER URL [URL ...]

A script in FOLDER that mentions `redis://localhost:6379` gets one of the URLs instead, of a server that is empty and
its own while it runs. What it prints goes to NAME.out and NAME.err beside it, its exit code to NAME.code.

Processes are forked from this one, which has imported the large libraries, but nothing of the package: that saves
seconds for each script.
"""

from __future__ import annotations

import importlib
import os
import signal
import sys
import warnings
from pathlib import Path

import redis

LIBRARIES = [
    "langchain.agents",
    "langchain_classic.chains",
    "langchain_core.runnables.history",
    "langchain_core.prompts",
    "langgraph.graph",
    "numpy",
    "orjson",
    "httpx",
    "redis.asyncio",
    "redisvl.index",
    "tiktoken",
]
DEFAULT_URL = "redis://localhost:6379"
TIMEOUT_SECONDS = 60


def main() -> None:
    """Run every script of the folder."""
    folder, urls = Path(sys.argv[1]), sys.argv[2:]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name in LIBRARIES:
            importlib.import_module(name)
    running: dict[int, tuple[Path, str]] = {}
    for script in sorted(folder.glob("*.py")):
        if not urls:
            urls.append(wait(running))
        url = urls.pop()
        with redis.Redis.from_url(url) as client:
            client.flushall()
        if not (process := os.fork()):
            run(script, url)
        running[process] = (script, url)
    while running:
        wait(running)


def wait(running: dict[int, tuple[Path, str]]) -> str:
    """Wait for one of the scripts to end. Returns the URL of the server that is free now."""
    process, status = os.wait()
    script, url = running.pop(process)
    script.with_suffix(".code").write_text(str(os.waitstatus_to_exitcode(status)))
    return url


def run(script: Path, url: str) -> None:
    """Run a script, as `python SCRIPT` would. Does not return."""
    for number, suffix in ((1, ".out"), (2, ".err")):
        file = os.open(script.with_suffix(suffix), os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(file, number)
    signal.alarm(TIMEOUT_SECONDS)
    sys.argv = [str(script)]
    names = {"__name__": "__main__", "__file__": str(script)}
    exec(compile(script.read_text().replace(DEFAULT_URL, url), script, "exec"), names)
    sys.exit()


if __name__ == "__main__":
    main()
