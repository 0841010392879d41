"""What `/openapi.json` says of the server, and that whatever it allows or forbids to send breaks nothing."""

from __future__ import annotations

import re
import subprocess
import sys
from base64 import b64encode
from hashlib import sha256
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi.routing import APIRoute

from langchain_motorhead import HashingEmbeddings
from langchain_motorhead.server import Settings, create_app
from langchain_motorhead.server import docs_page as page
from langchain_motorhead.server.routes import extensions as beside
from langchain_motorhead.server.routes import health
from langchain_motorhead.server.routes import motorhead as wire
from support.factory import MakeMotorhead
from support.http_servers import served

CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"


def test_every_request_is_described(make: MakeMotorhead) -> None:
    """Each request says what it does and what it answers, which is never a 422; there is a page of it."""
    with served(create_app(Settings(), motorhead=lambda _: make())) as base:
        paths = httpx.get(f"{base}/openapi.json").json()["paths"]
        assert "text/html" in httpx.get(f"{base}/docs").headers["content-type"]
    assert len(paths) == 11
    for path, methods in paths.items():
        for request in methods.values():
            assert request["description"]
            assert {"200", "400", "503"} <= set(request["responses"])
            assert "422" not in request["responses"]
            named = {each["name"] for each in request["parameters"] if each["in"] == "path"}
            assert named == {each.strip("{}") for each in path.split("/") if each.startswith("{")}


class Page(HTMLParser):
    """Reads a page: what it shows, what it has, and whereto it refers."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.text, self.style, self.tags, self.attributes = "", "", set[str](), set[tuple[str, str | None]]()
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note a tag."""
        self.tags.add(tag)
        self.attributes.update(attrs)

    def handle_data(self, data: str) -> None:
        """Note text."""
        if self.lasttag == "style" and not self.style:
            self.style = data
        else:
            self.text += data


@pytest.mark.parametrize("keys", [None, {"key": "tenant"}], ids=["open", "with keys"])
def test_the_page_names_every_request_and_no_other_host(make: MakeMotorhead, keys: dict[str, str] | None) -> None:
    """The page shows each route with what may be sent and answered, and a browser takes all of it from this server."""
    app = create_app(Settings(api_keys=keys), motorhead=lambda _: make())
    with served(app) as base:
        answer = httpx.get(f"{base}/docs")
        paths = httpx.get(f"{base}/openapi.json").json()["paths"]
        assert httpx.head(f"{base}/docs").status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    whole = Page(answer.text)
    sections = [Page(section).text for section in answer.text.split("<h3>")[1:]]
    for router in (wire.router, beside.router, health.router, page.router):
        for route in router.routes:
            assert isinstance(route, APIRoute)
            assert route.path in whole.text
    assert "/openapi.json" in whole.text
    for path, methods in paths.items():
        for method, request in methods.items():
            heading = f"{method.upper()} {path}{request['description']}"
            (shown,) = [section for section in sections if section.startswith(heading)]
            for each in request["parameters"]:
                assert each["name"] in shown
            for status, answered in request["responses"].items():
                assert status == "200" or answered["description"] in shown
    assert '"k"?: integer, from 1, to 1000, default 10' in whole.text
    assert '"search_type"?: "hybrid" | "similarity" | "mmr", default hybrid' in whole.text
    assert ("x-metal-api-key" in whole.text) == bool(keys)
    assert not whole.tags & {"script", "link", "img", "iframe", "base", "form", "object", "embed"}
    assert {value for name, value in whole.attributes if name in ("href", "src", "action")} == {
        "openapi.json",
        "metrics",
    }
    assert "://" not in answer.text
    assert not re.search(r"url|@import|//", whole.style)
    digest = b64encode(sha256(whole.style.encode()).digest()).decode()
    allowed = answer.headers["content-security-policy"].split("; ")
    assert allowed[:2] == ["default-src 'none'", f"style-src 'sha256-{digest}'"]


def test_the_page_shows_text_as_text() -> None:
    """Whatever a description has in it, no tag comes of it."""
    odd = "<script>&"
    request: dict[str, Any] = {"tags": [odd], "description": odd, "responses": {"503": {"description": odd}}}
    request["parameters"] = [{"name": odd, "in": odd, "required": True, "schema": {"type": odd}, "description": odd}]
    request["requestBody"] = {"content": {"application/json": {"schema": {"type": "string", "description": odd}}}}
    info = {"title": odd, "summary": odd, "version": odd}
    made = page.render({"info": info, "paths": {odd: {"post": request}}}, asks_for_key=True)
    whole = Page(made)
    assert "script" not in whole.tags
    assert made.count("&lt;script&gt;&amp;") == whole.text.count(odd) == 13


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
