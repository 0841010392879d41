"""A run whose process is killed with SIGKILL is resumed by another process from its checkpoint."""

from __future__ import annotations

import json
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

from langgraph.checkpoint.sqlite import SqliteSaver

from support import killed_agent
from support.factory import MakeMotorhead
from support.killed_agent import CALLS, KILLED_IN_CALL, OPTIONS, agent, shown
from support.redis_servers import wait_until


def test_killed_between_two_steps(make: MakeMotorhead, url: str, namespace: str, tmp_path: Path) -> None:
    """The model is shown the same beginning as before, also of shortened results, and every message is stored once."""
    tests = Path(killed_agent.__file__).parents[1]
    command = [sys.executable, "-m", "support.killed_agent", url, namespace, str(tmp_path)]
    child = subprocess.Popen(command, cwd=tests)
    try:
        wait_until(lambda: (tmp_path / "waiting").exists() or child.poll() is not None)
    finally:
        child.kill()
    assert child.wait() == -9
    before = json.loads((tmp_path / "prompts").read_text())
    assert len(before) == KILLED_IN_CALL
    motorhead = make(**OPTIONS)
    with SqliteSaver.from_conn_string(str(tmp_path / "checkpoints.sqlite")) as saver:
        made, model = agent(motorhead, saver)
        state = made.invoke(None, {"configurable": {"thread_id": "t"}})
    prompts = [*before, *map(shown, model.prompts)]
    assert len(prompts) == CALLS + 1
    assert [each[: len(last)] == last for last, each in pairwise(prompts)] == [True] * CALLS
    assert "read_result" in prompts[-1][-1][1]
    stored = [record.message for record in motorhead.session("t").transcript()]
    assert shown(stored) == shown(state["messages"])
    assert len(stored) == 2 * CALLS + 2
