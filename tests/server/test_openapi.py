"""Whatever `/openapi.json` allows or forbids to send breaks nothing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from langchain_motorhead import HashingEmbeddings
from langchain_motorhead.server import Settings, create_app
from support.factory import MakeMotorhead
from support.http_servers import served

CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"


def test_fuzzed(make: MakeMotorhead, tmp_path: Path) -> None:
    """Requests made of the description, and against it, find no server error, and only answers that it describes."""
    app = create_app(Settings(), motorhead=lambda _: make(embeddings=HashingEmbeddings(32)))
    with served(app) as base:
        command = [
            sys.executable,
            "-m",
            "schemathesis.cli",
            "run",
            f"{base}/openapi.json",
            "--no-color",
            "--checks",
            CHECKS,
        ]
        options = ["--max-examples", "25", "--workers", "2", "--seed", "1", "--phases", "examples,fuzzing,stateful"]
        run = subprocess.run([*command, *options], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
