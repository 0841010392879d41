"""The page `/docs`: Swagger UI, served by this server alone."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import httpx
import pytest

from langchain_motorhead.server import Settings, create_app
from langchain_motorhead.server.http.docs_page import _PAGE
from support.blocking import run_script
from support.factory import MakeMotorhead
from support.http_servers import served

CHROMIUM = shutil.which("chromium")
OPTIONS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --enable-logging=stderr --virtual-time-budget=20000 --dump-dom"
).split()
TYPES = {"js": "text/javascript", "css": "text/css"}


@pytest.fixture
def http(make: MakeMotorhead) -> Iterator[httpx.Client]:
    """A client of a server."""
    with (
        served(create_app(Settings(), motorhead=lambda _: make())) as base,
        httpx.Client(base_url=base, timeout=30) as client,
    ):
        yield client


FIRST = """
import asyncio, httpx
from langchain_motorhead.server import Settings, create_app
from support.blocking import nothing_blocks


async def main():
    transport = httpx.ASGITransport(create_app(Settings()))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as http:
        with nothing_blocks():
            for path in ("/docs", "/docs/swagger-ui.js", "/openapi.json"):
                assert (await http.get(path)).status_code == 200


asyncio.run(main())
"""


def test_the_first_request_does_not_block() -> None:
    """The document is built, and the files are found, outside of the event loop."""
    code, errors = run_script(FIRST)
    assert code == 0, errors


class Page(HTMLParser):
    """Collects what a page loads, and its inline scripts and styles."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.addresses, self.links, self.inline = list[str](), list[str](), ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note what a tag refers to."""
        values = dict(attrs)
        (self.links if tag == "a" else self.addresses).extend(
            value for name in ("href", "src", "action") if (value := values.get(name))
        )
        self.inline += "".join(name for name in values if name.startswith("on") or name == "style")

    def handle_data(self, data: str) -> None:
        """Note an inline script or style."""
        if self.lasttag in ("script", "style"):
            self.inline += data.strip()


def test_the_page_loads_nothing_from_other_hosts(http: httpx.Client) -> None:
    """Every file of the page is one that this server has, and the page may load nothing else."""
    answer = http.get("/docs")
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    page = Page(answer.text)
    assert not page.inline
    assert "://" not in answer.text
    files = [address for address in page.addresses if address != "data:,"]
    assert sorted(files) == ["docs/start.js", "docs/swagger-ui.css", "docs/swagger-ui.js"]
    for address in (*files, *page.links):
        file = http.get(f"/{address}")
        assert file.status_code == 200
        expected = TYPES.get(address.rpartition(".")[2], "application/json")
        assert file.headers["content-type"].partition(";")[0] == expected
    assert "://" not in http.get("/docs/start.js").text
    assert http.get("/docs/other.js").status_code == http.get("/docs/..%2F__init__.py").status_code == 404


def test_the_pages_policy_is_strict(http: httpx.Client) -> None:
    """A browser refuses inline scripts and styles, `eval`, and everything from other hosts."""
    policy = http.get("/docs").headers["content-security-policy"]
    directives = {name: values.split() for name, _, values in (each.partition(" ") for each in policy.split("; "))}
    assert directives["default-src"] == ["'none'"]
    assert {value for values in directives.values() for value in values} == {"'none'", "'self'", "data:"}
    assert [name for name, values in directives.items() if "data:" in values] == ["img-src"]


def test_the_title_is_text() -> None:
    """The only text that is put into the page's HTML is the title."""
    assert _PAGE.count("{") == _PAGE.count("{title}") == 1


@pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed")
def test_a_browser_shows_every_request(http: httpx.Client, tmp_path: Path) -> None:
    """A browser shows each request of the document, and the policy blocks nothing that the page needs."""
    shown = subprocess.run(
        [str(CHROMIUM), *OPTIONS, f"--user-data-dir={tmp_path}", str(http.base_url.join("/docs"))],
        capture_output=True, text=True, check=True, timeout=100,
    )  # fmt: skip
    for methods in http.get("/openapi.json").json()["paths"].values():
        for request in methods.values():
            assert f"operations-{request['tags'][0].replace(' ', '_')}-{request['operationId']}" in shown.stdout
    assert "Content Security Policy" not in shown.stderr
