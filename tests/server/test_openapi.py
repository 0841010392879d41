"""What `/openapi.json` says of the server, and that whatever it allows or forbids to send breaks nothing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import httpx

from langchain_motorhead import HashingEmbeddings
from langchain_motorhead.server import Settings, create_app
from support.factory import MakeMotorhead
from support.http_servers import served

CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"


def test_every_request_is_described(make: MakeMotorhead) -> None:
    """Each request says what it does and what it answers, which is never a 422; there is a page of it."""
    with served(create_app(Settings(), motorhead=lambda _: make())) as base:
        paths = httpx.get(f"{base}/openapi.json").json()["paths"]
        assert "text/html" in httpx.get(f"{base}/docs").headers["content-type"]
    assert len(paths) == 25
    for path, methods in paths.items():
        for request in methods.values():
            assert request["description"]
            assert {"200", "400", "503"} <= set(request["responses"])
            assert "422" not in request["responses"]
            named = {each["name"] for each in request["parameters"] if each["in"] == "path"}
            assert named == {each.strip("{}") for each in path.split("/") if each.startswith("{")}


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
