"""Finds calls that block an event loop, in scripts that run in a fresh process, where the first calls are seen too."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from blockbuster import BlockBuster, BlockingError

# CPython 3.11 crashes at its exit after these were patched, unless its output is unbuffered. Taking back the patch does
# not help.
_UNSAFE = ("io.BufferedWriter.write", "io.TextIOWrapper.write")

# Their import takes tens of milliseconds or more. BlockBuster does not look into imports.
_SLOW = frozenset(
    {
        "numpy",
        "redisvl",
        "Stemmer",
        "tiktoken",
        "tqdm",
        "langchain_motorhead.facts.learning.dates",
        "langchain_motorhead.recall.search.flow",
        "langchain_motorhead.sessions.checks.wording",
    }
)


class _Imports:
    """Refuses the first import of a slow library on an event loop."""

    def find_spec(self, name: str, path: object = None, target: object = None) -> None:
        """Find nothing, so that others do."""
        if name in _SLOW:
            try:
                asyncio.get_running_loop()
            except RuntimeError:
                return
            raise BlockingError(f"import of {name}")


@contextmanager
def nothing_blocks() -> Iterator[None]:
    """Raise `BlockingError` from each call that blocks a running event loop, until the end of the `with` block.

    Buffered writes to files are not seen. Reads, `os` calls, sockets, locks, sleeps and imports of slow libraries are.
    """
    buster = BlockBuster()
    for name in _UNSAFE:
        del buster.functions[name]
    buster.activate()
    imports = _Imports()
    sys.meta_path.insert(0, imports)
    try:
        yield
    finally:
        sys.meta_path.remove(imports)
        buster.deactivate()


def run_script(script: str, *arguments: str) -> tuple[int, str]:
    """Run Python source in a fresh process, which can import what its caller can. Warnings are errors.

    Args:
        script: What is run.
        arguments: What it finds in `sys.argv`, from the second entry on.

    Returns:
        Its exit code, and what it wrote to its standard error.
    """
    code = f"import sys\nsys.path[:] = {sys.path!r}\n{script}"
    command = [sys.executable, "-W", "error", "-c", code, *arguments]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    return run.returncode, run.stderr
