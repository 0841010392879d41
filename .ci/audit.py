"""Looks up known vulnerabilities of what `requirements.lock` pins. Where nobody can be asked, it says so and passes."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

LOCK = Path(__file__).parent.parent / "requirements.lock"
# Of what cannot be mended yet: the id of the vulnerability, and why it does not matter here.
ACCEPTED: dict[str, str] = {}
UNASKED = "not audited: pip-audit had no answer, as where there is no network"


def main() -> int:
    """Audit. Returns 1 if something is known to be vulnerable."""
    lock = LOCK.read_text()
    pins = re.findall(r"(?m)^[\w.-]+==[^\s;]+", lock)
    # One first: where that is not answered, none will be.
    report = ask(pins[0]) and ask("\n".join(pins))
    code, text = verdict(report)
    print(text)
    return code


def ask(pins: str) -> Any:
    """Ask pip-audit about pinned packages. Returns its report, or None if it had no answer."""
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
        file.write(pins)
        file.flush()
        line = [sys.executable, "-m", "pip_audit", "--disable-pip", "--no-deps", "--format", "json", "--timeout", "10"]
        run = subprocess.run([*line, "--requirement", file.name], capture_output=True, text=True, check=False)
    try:
        report = json.loads(run.stdout)
    except ValueError:
        return None
    return report if any("vulns" in each for each in report["dependencies"]) else None


def verdict(report: Any) -> tuple[int, str]:
    """Judge a report. Returns what to end with, and what to say."""
    if report is None:
        return 0, UNASKED
    known = [each for each in report["dependencies"] if "vulns" in each]
    found = [
        f"{each['name']} {each['version']}: {vulnerability['id']}, mended in {', '.join(vulnerability['fix_versions'])}"
        for each in known
        for vulnerability in each["vulns"]
        if vulnerability["id"] not in ACCEPTED
    ]
    skipped = len(report["dependencies"]) - len(known)
    said = f"{len(known)} packages audited, {skipped} unknown, {len(found)} vulnerabilities"
    return bool(found), "\n".join([said, *found])


if __name__ == "__main__":
    sys.exit(main())
