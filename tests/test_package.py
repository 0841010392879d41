"""The package as a whole: what it exports, what it imports, and how its modules may depend on each other."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import langchain_motorhead
from langchain_motorhead.storage.scripts import _LIBRARIES

ROOT = Path(langchain_motorhead.__file__).parent

# Floor by floor, from the ground: a module imports none of its own floor's later rows, and nothing of the floors above.
FLOORS = [
    ["exceptions"],
    ["wire", "keys", "identity", "plain", "item_paths", "item_filters", "transcript"],
    ["codec", "items", "tokens"],
    ["window"],
    ["operations"],
    ["compaction_operations", "listing", "recall_operations"],
    ["search_operations"],
    ["flows", "item_operations"],
    ["index_making", "loading", "side_by_side", "sessions"],
    ["compaction", "following", "prompting"],
    ["terms"],
    ["batching", "calls", "concealing", "fusion", "hashing", "embedded", "twins", "urls", "usage", "sentences"],
    ["clients", "cluster", "lanes", "pipelining"],
    ["connection", "summarizing", "extractive"],
    ["summarization", "embedding", "recall"],
    ["schema"],
    ["index_setup", "item_index", "hits"],
    ["indexing", "item_searching"],
    ["searching", "item_flows", "reindexing"],
    ["store", "background", "outage", "turns"],
    ["drivers"],
    ["engine"],
    ["appending", "options"],
    ["local", "backend"],
    ["remote", "session"],
    ["client"],
    ["doctor"],
    ["faces"],
    ["history", "graph_store", "retriever"],
    ["memory", "running"],
    ["graph", "middleware"],
    ["demo"],
    ["cli"],
]
# What a module may need only when a function of it is called, so that it can be made by name: a face by its client.
ON_CALL = {
    ("client", "graph_store"),
    ("client", "history"),
    ("client", "memory"),
    ("client", "remote"),
    ("client", "retriever"),
    ("connection", "embedded"),
}
PURE = [name for names in FLOORS[:10] for name in names]


def imports_of(path: Path) -> set[tuple[str, bool]]:
    """List the modules of this package that a file imports, and whether it does so when it is itself imported."""
    tree = ast.parse(path.read_text())
    typing_only = {
        id(node)
        for block in ast.walk(tree)
        if isinstance(block, ast.If) and ast.unparse(block.test) == "TYPE_CHECKING"
        for node in ast.walk(block)
    }
    found = set()
    for node in ast.walk(tree):
        if id(node) in typing_only or not isinstance(node, ast.Import | ast.ImportFrom):
            continue
        names = [node.module or ""] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names]
        if names == ["langchain_motorhead"] and isinstance(node, ast.ImportFrom):
            names = [f"langchain_motorhead.{alias.name}" for alias in node.names]
        for name in names:
            if name.startswith("langchain_motorhead."):
                found.add((name.split(".")[1], node in tree.body))
    return found


def test_lower_floors_import_nothing_above_them() -> None:
    """Every module has a floor, and imports only from below it."""
    floor = {name: at for at, names in enumerate(FLOORS) for name in names}
    modules = {path.stem: path for path in ROOT.glob("*.py") if path.stem != "__init__"}
    assert {*modules, "demo", "remote"} == set(floor)
    for name, path in modules.items():
        for imported, at_once in imports_of(path):
            if (name, imported) in ON_CALL and not at_once:
                continue
            assert floor.get(imported, -1) < floor[name], f"{name} imports {imported}"


def test_pure_modules_do_no_io() -> None:
    """The modules that decide import no client, no event loop and no clock."""
    for name in PURE:
        tree = ast.parse((ROOT / f"{name}.py").read_text())
        for node in ast.walk(tree):
            if isinstance(node, ast.Import | ast.ImportFrom):
                names = (
                    [node.module or ""] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names]
                )
                assert not {each.split(".")[0] for each in names} & {"redis", "asyncio", "socket", "time", "redisvl"}, (
                    name
                )


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
assert not {name for name in set(sys.modules) - before if not name.startswith("langchain_motorhead")} - {"importlib"}
from langchain_motorhead import Motorhead
Motorhead.from_url("redis://localhost")
assert not {"redis", "redisvl", "langgraph", "numpy", "typer", "rich"} & set(sys.modules), "too much"
"""
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (run.returncode, run.stderr) == (0, "")


def test_modules_are_small() -> None:
    """No module grows far beyond what one can read in a sitting."""
    for path in ROOT.rglob("*.py"):
        assert len(path.read_text().splitlines()) <= 320, path.name


BEFORE_OTHERS = {each for names in _LIBRARIES.values() for each in names}


def test_scripts_are_all_used() -> None:
    """Every Lua script is an operation's, and says what its keys and arguments are; but for what goes before others."""
    code = "".join(path.read_text() for path in ROOT.rglob("*.py"))
    folder = ROOT / "storage" / "lua"
    assert {path.stem for path in folder.glob("lib_*.lua")} == BEFORE_OTHERS
    for path in {*folder.glob("*.lua")} - {folder / f"{name}.lua" for name in BEFORE_OTHERS}:
        assert f'SCRIPTS["{path.stem}"]' in code
        assert path.read_text().count("-- KEYS") == path.read_text().count("-- ARGV") == 1
