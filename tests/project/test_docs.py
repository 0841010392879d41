"""The documentation is complete, and what it names exists: options, errors, public names, commands, links, modules."""

from __future__ import annotations

import inspect
import io
import re
import shlex
import sys
import tomllib
from contextlib import redirect_stdout

import pytest

import langchain_motorhead
from langchain_motorhead import Options, RemoteOptions, exceptions
from langchain_motorhead.cli.main import main
from support.doc_blocks import PAGES, ROOT, pages, shell_lines

CONTRIBUTING = ROOT / "CONTRIBUTING.md"
OPTIONS = (PAGES / "reference" / "options.md").read_text()
ERRORS = (PAGES / "reference" / "errors.md").read_text()
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PROJECT = PYPROJECT["project"]
TEXTS = "\n".join(page.read_text() for page in [*pages(), CONTRIBUTING])
REPOSITORY = PROJECT["urls"]["Homepage"]
LINK = re.compile(r"\]\(([^)\s]+)\)")


def test_readme_is_short() -> None:
    """The README has 160 lines at most; details are in the pages."""
    assert len((ROOT / "README.md").read_text().splitlines()) <= 160


def test_every_option_is_in_the_table() -> None:
    """Each option has a row on the page of options."""
    for name in {*Options.__annotations__, *RemoteOptions.__annotations__}:
        assert f"\n| `{name}` |" in OPTIONS


def test_every_error_is_in_the_table() -> None:
    """Each error has a row on the page of errors."""
    for name, value in vars(exceptions).items():
        if isinstance(value, type):
            assert f"\n| `{name}` |" in ERRORS


def test_every_public_name_has_a_docstring() -> None:
    """What can be imported from the package says what it promises, and so do its public methods."""
    for name in langchain_motorhead.__all__:
        value = getattr(langchain_motorhead, name)
        if inspect.isclass(value) or inspect.isfunction(value):
            assert value.__doc__, name
            for attribute, method in vars(value).items():
                if inspect.isfunction(method) and not attribute.startswith("_"):
                    assert method.__doc__, f"{name}.{attribute}"


def test_every_public_name_is_in_the_reference() -> None:
    """The API reference has an entry for each name that can be imported from the package, and for no other."""
    entries = re.findall(r"(?m)^::: langchain_motorhead\.(\w+)$", TEXTS)
    assert sorted(entries) == langchain_motorhead.__all__


def test_make_targets_exist() -> None:
    """Each `make TARGET` that a text mentions is in the Makefile."""
    targets = set(re.findall(r"(?m)^([a-z-]+):.*##", (ROOT / "Makefile").read_text()))
    named = set(re.findall(r"(?m)(?:^|`)make ([a-z-]+)", TEXTS))
    assert {"demo", "test", "check", "docs"} <= named <= targets


def test_extras_exist() -> None:
    """Each extra that a text installs is declared, and the overview lists all of them."""
    named = {name for names in re.findall(r"langchain-motorhead\[([a-z,]+)\]", TEXTS) for name in names.split(",")}
    named |= {name for names in re.findall(r'install "\.\[([a-z,]+)\]"', TEXTS) for name in names.split(",")}
    declared = set(PROJECT["optional-dependencies"])
    assert named <= declared
    overview = (PAGES / "index.md").read_text()
    assert set(re.findall(r"(?m)^\| `([a-z]+)` \|", overview)) == declared


def test_scripts_and_files_exist() -> None:
    """Each benchmark and notebook that a text names is there."""
    named = re.findall(r"\b((?:benchmarks|notebooks)/[\w.-]+\.(?:py|ipynb))", TEXTS)
    assert named
    for path in named:
        assert (ROOT / path).exists(), path


def help_of(words: list[str]) -> str:
    """Show the help of a command of `motorhead`.

    Args:
        words: What follows `motorhead`, up to its first option.

    Raises:
        AssertionError: There is no such command.
    """
    shown = io.StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(shown):
        patch.setenv("COLUMNS", "300")
        patch.setattr(sys, "argv", ["motorhead", *words, "--help"])
        with pytest.raises(SystemExit) as end:
            main()
    assert end.value.code == 0, words
    return shown.getvalue()


def named_commands() -> list[str]:
    """List what the texts say of `motorhead`: lines of shell blocks, and commands in the text."""
    lines = [line[line.index("motorhead ") :] for line in shell_lines() if re.search(r"(^|[= |])motorhead ", line)]
    return sorted({*lines, *re.findall(r"`(motorhead [^`]+)`", TEXTS)})


@pytest.mark.parametrize("line", named_commands())
def test_commands_exist(line: str) -> None:
    """Each command of `motorhead` that a text shows exists, with its options."""
    words = shlex.split(line.partition("|")[0])[1:]
    given = [word for word in words if word.startswith("-") and word != "-"]
    help_text = help_of(words[: words.index(given[0])] if given else words)
    assert set(given) <= set(re.findall(r"(?<![\w-])--?[a-z][\w-]*", help_text))


def test_links_lead_somewhere() -> None:
    """What README and CONTRIBUTING link to is there, and so is what the pages link to in the repository."""
    for page in (ROOT / "README.md", CONTRIBUTING):
        for target in LINK.findall(page.read_text()):
            if not target.startswith("http"):
                assert (ROOT / target.partition("#")[0]).exists(), target
    linked = [target for target in LINK.findall(TEXTS) if target.startswith(f"{REPOSITORY}/blob/main/")]
    assert linked
    for target in [*linked, PROJECT["urls"]["Documentation"], PROJECT["urls"]["Changelog"]]:
        assert (ROOT / target.removeprefix(f"{REPOSITORY}/blob/main/").partition("#")[0]).exists(), target


def test_links_work_on_pypi() -> None:
    """The README that PyPI shows has no relative link and no relative picture."""
    text = (ROOT / "README.md").read_text()
    for each in PYPROJECT["tool"]["hatch"]["metadata"]["hooks"]["fancy-pypi-readme"]["substitutions"]:
        text = re.sub(each["pattern"], each["replacement"], text)
    links = LINK.findall(text)
    assert len(links) > 10
    assert all(link.startswith("https://") for link in links)
    assert f"({REPOSITORY}/blob/main/CONTRIBUTING.md)" in text
    assert re.search(r"!\[[^\]]+\]\(https://raw\.githubusercontent\.com/\S+\.svg\)", text)


def test_contributing_names_what_is_there() -> None:
    """The map of the modules is of this package, and names where the compaction rule is."""
    text = CONTRIBUTING.read_text()
    for name in re.findall(r"`((?:\w+/)*\w+\.(?:py|lua)|(?:\w+/)+)`", text):
        of_root = name.startswith(("tests/", "benchmarks/", "langchain_motorhead/"))
        folder = ROOT if of_root else ROOT / "langchain_motorhead"
        assert (folder / name).exists(), name
    assert "`plan` in `sessions/compaction/window.py`" in text
