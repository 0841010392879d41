"""How much disk an installation takes: the package alone, with each extra, and with all of them.

    python benchmarks/install_size.py [--project .] [--json FILE] [EXTRA ...]

Each row is one installation into an empty folder, by uv where there is one, else by pip. A package that two extras
share counts in both rows. Sizes are blocks on disk, bytecode included, as `du -sm` counts them.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

ROOT = Path(__file__).parent.parent
BLOCK_BYTES = 512
MEGABYTE = 1 << 20


def main() -> None:
    """Measure, and print a row for each installation."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("extras", nargs="*", metavar="EXTRA", help="extras to measure; by default all of them")
    parser.add_argument("--project", type=Path, default=ROOT, help="folder with the pyproject.toml to install")
    parser.add_argument("--json", type=Path, metavar="FILE", help="where to write the figures to")
    options = parser.parse_args()
    extras = options.extras or extras_of(options.project)
    base = measure(options.project)
    figures = {"": base}
    print(f"{'extra':<12}{'MB':>6}{'more than the base':>20}{'packages':>10}")
    print(row("(none)", base, base), flush=True)
    for extra in extras:
        figures[extra] = measure(options.project, extra)
        print(row(f"[{extra}]", figures[extra], base), flush=True)
    if options.json:
        options.json.write_text(json.dumps(figures, indent=2))


def extras_of(project: Path) -> list[str]:
    """List the extras that a project declares."""
    return list(tomllib.loads((project / "pyproject.toml").read_text())["project"]["optional-dependencies"])


def measure(project: Path, extra: str = "") -> dict[str, float]:
    """Install a project into an empty folder, with an extra if one is given. Returns `megabytes` and `packages`."""
    uv = shutil.which("uv")
    pip = [uv, "pip", "install", "--compile-bytecode"] if uv else [sys.executable, "-m", "pip", "install", "--compile"]
    requirement = f"{project.resolve()}[{extra}]" if extra else str(project.resolve())
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([*pip, "--quiet", "--target", folder, requirement], check=True)  # noqa: S603 - uv or pip
        return weigh(Path(folder))


def weigh(folder: Path) -> dict[str, float]:
    """Add up what was installed into a folder. Returns `megabytes` and `packages`."""
    size = sum(path.lstat().st_blocks for path in folder.rglob("*")) * BLOCK_BYTES
    return {"megabytes": round(size / MEGABYTE, 1), "packages": len(list(folder.glob("*.dist-info")))}


def row(name: str, figures: dict[str, float], base: dict[str, float]) -> str:
    """Write a row of the table."""
    more = figures["megabytes"] - base["megabytes"]
    return f"{name:<12}{figures['megabytes']:>6.0f}{more:>20.0f}{figures['packages']:>10}"


if __name__ == "__main__":
    main()
