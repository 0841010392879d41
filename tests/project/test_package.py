"""The package as a whole: what it exports, what it imports, and how its modules may depend on each other."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import langchain_motorhead
from langchain_motorhead.storage.scripts import _LIBRARIES, INCLUDE

ROOT = Path(langchain_motorhead.__file__).parent
LUA = ROOT / "storage" / "lua"
TESTS = Path(__file__).parents[1]


def test_exported_members() -> None:
    """`__all__` is the public face, exactly: all of it can be had, and nothing of it is private."""
    assert sorted(langchain_motorhead.__all__) == langchain_motorhead.__all__
    for name in langchain_motorhead.__all__:
        assert not name.startswith("_")
        assert getattr(langchain_motorhead, name) is not None
        assert name in dir(langchain_motorhead)
    exported = {name for names in langchain_motorhead._HOMES.values() for name in names}
    assert exported == set(langchain_motorhead.__all__)


def test_importing_the_package_is_light() -> None:
    """Importing it loads no other library, and what needs no Redis or LangGraph loads neither."""
    script = """
import sys
import langchain_core.messages
before = set(sys.modules)
import langchain_motorhead
from langchain_motorhead.storage.scripts import _LIBRARIES
assert not {name for name in set(sys.modules) - before if not name.startswith("langchain_motorhead")} - {"importlib"}
from langchain_motorhead import Motorhead
Motorhead.from_url("redis://localhost")
assert not {"redis", "redisvl", "langgraph", "numpy", "typer", "rich"} & set(sys.modules), "too much"
facts = {name for name in sys.modules if "motorhead" in name and ("fact" in name or "learner" in name)}
assert facts <= {"langchain_motorhead.facts", "langchain_motorhead.facts.config"}, facts
"""
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (run.returncode, run.stderr) == (0, "")


def test_modules_are_small() -> None:
    """No module, and no file of tests, grows far beyond what one can read in a sitting."""
    for folder in (ROOT, TESTS):
        for path in folder.rglob("*.py"):
            assert len(path.read_text().splitlines()) <= 320, path.relative_to(folder)


def test_folders_are_small() -> None:
    """A newcomer sees at a glance what is in a folder: at most 16 modules; and in the package: at most 30 rooms."""
    for folder in (ROOT, *(path for path in ROOT.rglob("*") if path.is_dir())):
        assert len(list(folder.glob("*.py"))) <= 16, folder.relative_to(ROOT)
    rooms = {path.stem for path in ROOT.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()}
    assert len(rooms - {"__init__"}) <= 30


PARTS = {each for names in _LIBRARIES.values() for each in names} | {
    found for path in LUA.glob("*.lua") for found in INCLUDE.findall(path.read_text())
}


def test_scripts_are_all_used() -> None:
    """Every Lua script is an operation's, and says what its keys and arguments are; but for what goes into others."""
    code = "".join(path.read_text() for path in ROOT.rglob("*.py"))
    assert {path.stem for path in LUA.glob("lib_*.lua")} == PARTS
    for path in {*LUA.glob("*.lua")} - {LUA / f"{name}.lua" for name in PARTS}:
        assert f'SCRIPTS["{path.stem}"]' in code
        assert path.read_text().count("-- KEYS") == path.read_text().count("-- ARGV") == 1
