"""Every Python block of README and documentation runs on its own, prints what the page shows, and type-checks."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from langchain_motorhead import Motorhead
from langchain_motorhead.redis_io.embedded import acquire
from langchain_motorhead.server import Settings, create_app
from support.doc_blocks import ROOT, Block, python_blocks
from support.http_servers import served

RUNNER = ROOT / "tests" / "support" / "run_blocks.py"
BLOCKS = python_blocks()
AT_ONCE = 3


def write(folder: Path, server: str = "http://localhost:8000") -> None:
    """Write each block as a script, with the address of a server in place of the documented one."""
    for block in BLOCKS:
        (folder / f"{block.name}.py").write_text(block.code.replace("http://localhost:8000", server))


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Folder with what each block printed and its exit code. Each ran in a process and on a Redis of its own."""
    folder = tmp_path_factory.mktemp("blocks")
    homes = [tmp_path_factory.mktemp("redis") for _ in range(AT_ONCE + 1)]
    servers = [acquire(f"embedded://{quote(str(home))}") for home in homes]
    try:
        urls = [server.url for server in servers]
        app = create_app(Settings(), motorhead=lambda _: Motorhead.from_url(f"{urls[0]}?db=0"))
        with served(app) as server:
            write(folder, server)
            subprocess.run([sys.executable, str(RUNNER), str(folder), *urls[1:]], check=True, timeout=300)
        yield folder
    finally:
        for each in servers:
            each.release()


def test_there_are_blocks() -> None:
    """The README has a block for each integration, and the pages have many."""
    assert len([block for block in BLOCKS if block.name.startswith("README")]) >= 4
    assert len(BLOCKS) >= 20


@pytest.mark.timeout(300)
@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block.name)
def test_block_runs(block: Block, results: Path) -> None:
    """A block runs as it stands but for the URL, without a key, and prints what the page shows after it."""
    printed = {suffix: (results / f"{block.name}.{suffix}").read_text() for suffix in ("code", "out", "err")}
    assert printed["code"] == "0", printed["err"]
    assert "Traceback" not in printed["err"]
    if block.output is not None:
        assert printed["out"] == block.output


@pytest.mark.timeout(300)
def test_blocks_pass_mypy(tmp_path: Path) -> None:
    """With --strict, mypy finds nothing in the blocks."""
    write(tmp_path)
    command = [sys.executable, "-m", "mypy", "--config-file", str(ROOT / "pyproject.toml"), "--strict"]
    done = subprocess.run(
        [*command, *map(str, tmp_path.glob("*.py"))], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.timeout(300)
def test_blocks_pass_pyright(tmp_path: Path) -> None:
    """Pyright finds no error in the blocks."""
    write(tmp_path)
    config = {"typeCheckingMode": "standard", "pythonVersion": "3.11", "include": ["."]}
    (tmp_path / "pyrightconfig.json").write_text(json.dumps(config))
    command = [sys.executable, "-m", "basedpyright", "--project", str(tmp_path), "--pythonpath", sys.executable]
    done = subprocess.run([*command, "--outputjson"], capture_output=True, text=True, check=False)
    problems = json.loads(done.stdout)["generalDiagnostics"]
    assert not [f"{Path(each['file']).stem}: {each['message']}" for each in problems if each["severity"] == "error"]
    assert done.returncode == 0, done.stdout
