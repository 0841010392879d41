"""The benchmarks run, and write what they found. What they find is no test's."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from support.http_servers import process

BENCH = Path(__file__).parents[2] / "benchmarks" / "bench.py"


def test_figures_and_a_plot(tmp_path: Path) -> None:
    """Each part gives ratios for all that it compares, and the plot is drawn."""
    command = [sys.executable, str(BENCH), "--quick", "--folder", str(tmp_path), "--only", "session"]
    command += ["summaries", "summary_quality"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.rstrip().endswith(str(tmp_path / "bench.png"))
    assert (tmp_path / "bench.png").read_bytes().startswith(b"\x89PNG")
    session = json.loads((tmp_path / "session.json").read_text())
    assert set(session["times"]) == {
        f"{what}, {size}" for what in ("read", "append", "open and read") for size in (10, "1,000")
    }
    assert all(len(row) == 6 and all(ratio > 0 for ratio in row.values()) for row in session["times"].values())
    wire = session["wire"]
    assert [wire[f"{what}: motorhead"]["round trips"] for what in ("read", "append")] == [1, 1]
    bare, ours = (session["memory"][name]["bytes a message"] for name in ("a bare list", "motorhead"))
    assert ours <= 1.1 * bare
    tokens = json.loads((tmp_path / "summaries.json").read_text())["tokens"]
    assert tokens["motorhead, 12"]["in all"] < tokens["each turn"]["in all"] < tokens["again"]["in all"]
    quality = json.loads((tmp_path / "summary_quality.json").read_text())["rows"]["no model"]
    assert 0 < quality["numbers"] <= 1
    assert 0 < quality["size"] < 1
    assert (quality["invented"], quality["answers"], quality["tokens"]) == (0, 0, 0)


@pytest.mark.parametrize("remembers", [False, True])
def test_beside_a_motorhead_at_an_address(url: str, namespace: str, tmp_path: Path, *, remembers: bool) -> None:
    """A server at an address is measured as ours is: each kind of request, with the CPU and memory of its process.

    With long-term memory, a search is measured; without, everything else.
    """
    command = [sys.executable, str(BENCH), "--quick", "--folder", str(tmp_path), "--only", "motorheads"]
    settings = {"MOTORHEAD_LONG_TERM_MEMORY": str(remembers).lower(), "MOTORHEAD_EMBEDDINGS": "hashing"}
    with process(REDIS_URL=url, MOTORHEAD_NAMESPACE=namespace, MOTORHEAD_LOG_LEVEL="critical", **settings) as (_, peer):
        options = ["--motorhead", peer, "--motorhead-redis", url]
        done = subprocess.run([*command, *options], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    rows = json.loads((tmp_path / "motorheads.json").read_text())["motorheads"]
    kinds = ("retrieval",) if remembers else ("GET", "POST", "compacting POST", "compacting POST, 8 clients")
    assert set(rows) == {f"{kind}: {which}" for kind in kinds for which in ("ours", "original")}
    assert all(row["a second"] > 0 and row["p99 ms"] >= row["p50 ms"] > 0 for row in rows.values())
    assert all(row["over 2 s"] >= 0 and row["Redis µs"] > 0 for row in rows.values())
    if sys.platform == "linux":  # elsewhere only root sees who listens on a port
        assert all(row["CPU µs"] >= 0 and row["memory MB"] > 0 for row in rows.values())
