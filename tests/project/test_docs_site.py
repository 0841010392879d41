"""The documentation builds without a warning, and the site loads nothing from other hosts."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from types import FunctionType

import pytest

import langchain_motorhead
from support.doc_blocks import ROOT

# What a browser loads by itself: not links, which a reader clicks.
LOADED = re.compile(r"<(?:script|img|iframe|source)\b[^>]*\bsrc=[\"']?([^\"'\s>]+)|<link\b([^>]*)>")
FROM_CSS = re.compile(r"(?:url\(|@import\s+)[\"']?(https?:[^\"')]+)")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with the site, built as `make docs` does."""
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--config-file", str(ROOT / "docs" / "mkdocs.yml")]
    environment = os.environ | {"NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(
        [*command, "--site-dir", str(folder)], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return folder


def members_of(name: str) -> set[str]:
    """List the public methods and properties of a public name that are written in the package itself."""
    value = getattr(langchain_motorhead, name)
    members = {key: member for each in reversed(getattr(value, "__mro__", ())) for key, member in vars(each).items()}
    code = {
        key: getattr(member, "fget", None) or getattr(member, "__func__", member) for key, member in members.items()
    }
    return {
        key
        for key, function in code.items()
        if isinstance(function, FunctionType)
        and function.__module__.startswith("langchain_motorhead")
        and not key.startswith("_")
    }


@pytest.mark.timeout(300)
def test_every_name_is_rendered(site: Path) -> None:
    """Each public name, and each method and property of it, has an anchor in the reference."""
    reference = "".join(page.read_text() for page in (site / "reference" / "api").glob("*.html"))
    for name in langchain_motorhead.__all__:
        assert f'id="langchain_motorhead.{name}"' in reference
        for member in members_of(name):
            assert f'id="langchain_motorhead.{name}.{member}"' in reference
    assert "append" in members_of("Session")


@pytest.mark.timeout(300)
def test_nothing_is_loaded_from_other_hosts(site: Path) -> None:
    """Scripts, styles, fonts and pictures all come from the site itself."""
    html = list(site.rglob("*.html"))
    assert len(html) > 20
    for page in html:
        text = page.read_text()
        for source, link in LOADED.findall(text):
            if source:
                assert not re.match(r"(https?:)?//", source), f"{page.name}: {source}"
            elif "stylesheet" in link or "preload" in link or "preconnect" in link or "icon" in link:
                assert not re.search(r"href=[\"']?(https?:)?//", link), f"{page.name}: {link}"
        # The theme fetches a renderer for these diagrams, and facts about a repository, from other hosts.
        assert 'class="mermaid"' not in text
        assert 'data-md-component="source"' not in text
    for style in site.rglob("*.css"):
        assert not FROM_CSS.findall(style.read_text()), style.name
