"""The Dockerfile and compose.yaml agree with the server: its settings, its command, its health."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

from langchain_motorhead.server import Settings
from langchain_motorhead.server.variables import variables
from support.http_servers import process

ROOT = Path(__file__).parents[2]
STEPS = [
    line.split(None, 1)
    for line in (ROOT / "Dockerfile").read_text().replace("\\\n", " ").splitlines()
    if line.strip() and not line.startswith("#")
]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text())
SERVICE, REDIS = COMPOSE["services"]["motorhead"], COMPOSE["services"]["redis"]


def last(instruction: str) -> str:
    """Give what an instruction of the final stage says."""
    stage = STEPS[max(at for at, (name, _) in enumerate(STEPS) if name == "FROM") :]
    [said] = [rest for name, rest in stage if name == instruction]
    return said


def test_every_variable_is_a_setting() -> None:
    """What the server is told is read by it, and left out in the environment it is as if it was not told."""
    known = {
        str(name) for field in Settings.model_fields.values() for name in getattr(field.validation_alias, "choices", ())
    }
    told = SERVICE["environment"]
    assert set(told) <= known
    assert {name: value for name, value in told.items() if name != "REDIS_URL" and value != f"${{{name}:-}}"} == {}
    assert told["REDIS_URL"] == "redis://redis:6379"
    assert set(re.findall(r"MOTORHEAD_\w+", (ROOT / "compose.yaml").read_text())) <= known
    assert Settings.model_config["env_ignore_empty"]


def test_ports() -> None:
    """The port is the default everywhere, and compose publishes it to this machine alone."""
    default = {name: value for name, value, _ in variables()}["PORT"]
    environment = dict(each.split("=", 1) for each in last("ENV").split())
    assert (last("EXPOSE"), environment["PORT"]) == (default, default)
    assert SERVICE["ports"] == [f"127.0.0.1:{default}:{default}"]


def test_the_user_is_not_root() -> None:
    """The server runs as a user that the image makes for it, known by a number, as orchestrators ask for."""
    assert int(last("USER")) > 0
    assert f"--uid {last('USER')} " in last("RUN")


def test_the_build_has_what_it_copies() -> None:
    """What is copied is there, is not ignored, and is all that the package is built of; the extra exists."""
    copied = [rest.split()[:-1] for name, rest in STEPS if name == "COPY" and not rest.startswith("--from")]
    ignored = (ROOT / ".dockerignore").read_text().split()
    for path in (path for paths in copied for path in paths):
        assert (ROOT / path).exists()
        assert f"!{path}" in ignored
    [build] = [rest for name, rest in STEPS if name == "RUN" and "pip install" in rest]
    assert build.endswith('".[server,mcp]"')


def test_a_stop_is_waited_for() -> None:
    """Compose waits longer than requests and summaries have, each of them, and starts the server when Redis answers."""
    assert int(SERVICE["stop_grace_period"].removesuffix("s")) > 2 * Settings().shutdown_timeout
    assert last("STOPSIGNAL") == "SIGTERM"
    assert SERVICE["depends_on"] == {"redis": {"condition": "service_healthy"}}
    assert REDIS["healthcheck"]["test"] == ["CMD", "redis-cli", "ping"]


def test_redis_keeps_what_it_acknowledged() -> None:
    """It writes an append-only file to a volume, and evicts nothing."""
    command = REDIS["command"]
    options = dict(zip(command[1::2], command[2::2], strict=True))
    assert (options["--appendonly"], options["--maxmemory-policy"]) == ("yes", "noeviction")
    assert REDIS["volumes"] == ["redis:/data"]
    assert "redis" in COMPOSE["volumes"]
    assert REDIS["image"] == "redis:8"


def test_health(url: str, namespace: str) -> None:
    """The health check passes with a server that was started by the image's command, and fails without one."""
    command = json.loads(last("CMD"))
    assert command == ["motorhead", "serve", "--host", "0.0.0.0"]
    check = json.loads(last("HEALTHCHECK").partition("CMD ")[2])
    assert check[:2] == ["python", "-c"]  # a program of the image, which a machine that runs the tests may not have

    def checked(port: str) -> int:
        environment = os.environ | {"PORT": port}
        return subprocess.run(
            [sys.executable, *check[1:]], env=environment, capture_output=True, check=False
        ).returncode

    # To this machine alone, as no test is to be reached from elsewhere: the option is tried with another address.
    options = ["127.0.0.1" if each == "0.0.0.0" else each for each in command[2:]]
    with process(*options, REDIS_URL=url, MOTORHEAD_NAMESPACE=namespace, MOTORHEAD_API_KEYS="") as (_, base):
        port = base.rpartition(":")[2]
        assert checked(port) == 0
    assert checked(port) == 1
