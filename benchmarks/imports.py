"""What a process pays before its first message is stored: imports, a client, the first append; beside peers.

    python benchmarks/imports.py [--url redis://localhost:6379] [--rounds 5] [--json FILE]

Each is done in new processes, in turns. `import` is the package alone, `first append` everything until two messages are
stored, with what that imports. LangMem has no storage of its own: it is measured by the import of its summaries, which
need a model before anything can be stored. CPU is that of the process, which is less sensitive than time to what else
runs. Modules are imported as bytecode, as pip installs them. Medians of the rounds, but for one that is not counted.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from measuring import server, tell, write

_FIRST = "import sys, time, json, os\nbegun = time.perf_counter()\n"
_LAST = (
    "\nused = os.times()\nprint(json.dumps({'s': time.perf_counter() - begun, 'CPU s': used.user + used.system, "
    "'modules': len(sys.modules)}))"
)
_MESSAGES = "from langchain_core.messages import AIMessage, HumanMessage\n"
_TURN = "[HumanMessage('hi'), AIMessage('hello')]"
_OURS = f"from langchain_motorhead import Motorhead\nMotorhead.from_url(sys.argv[1]).session('s').append({_TURN})"
_THEIRS = (
    "import redis\nfrom langchain_redis import RedisChatMessageHistory\n"
    "client = redis.Redis.from_url(sys.argv[1], protocol=2)\n"  # it does not understand the other
    f"RedisChatMessageHistory('s', redis_client=client).add_messages({_TURN})"
)
_WORKS = {
    "import: nothing": "",
    "import: langchain_motorhead": "import langchain_motorhead",
    "import: langchain_redis": "import langchain_redis",
    "import: langmem": "import langmem.short_term",
    "first append: langchain_motorhead": _MESSAGES + _OURS,
    "first append: langchain_redis": _MESSAGES + _THEIRS,
}


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--url", help="an empty Redis, emptied at the end; by default one of its own")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", type=Path, metavar="FILE", help="where to write the figures to")
    options = parser.parse_args()
    taken: dict[str, list[dict[str, float]]] = {name: [] for name in _WORKS}
    with server(options.url) as url, TemporaryDirectory() as folder:
        environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": folder}
        for at in range(-1, options.rounds):
            for name, work in _WORKS.items():
                command = [sys.executable, "-c", _FIRST + work + _LAST, url]
                done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)  # noqa: S603
                if at >= 0:
                    taken[name].append(json.loads(done.stdout.splitlines()[-1]))
    rows = {
        name: {column: statistics.median(each[column] for each in rounds) for column in rounds[0]}
        for name, rounds in taken.items()
    }
    tell("Before the first message is stored", list(next(iter(rows.values()))), rows)
    write(options.json, {"imports": rows})


if __name__ == "__main__":
    main()
