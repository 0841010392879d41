"""Versions of a summary over REST, by the remote client, and in the command line."""

from __future__ import annotations

import json
import sys

import httpx
import pytest

from langchain_motorhead import InvalidInputError, Motorhead, UnsupportedError, Window
from langchain_motorhead.cli.main import main
from langchain_motorhead.server import Settings, create_app
from support.factory import MakeMotorhead
from support.http_servers import served
from support.messages import numbered
from support.summarizers import SEPARATOR, AsyncLedger


@pytest.fixture
def motorhead(make: MakeMotorhead) -> Motorhead:
    """A session with two versions of its summary, and another user's."""
    made = make(llm=AsyncLedger(), window=Window(max_messages=4), compaction="manual")
    for start in (0, 6):
        made.session("s").append(numbered(6, start))
        made.session("s").compact()
    made.session("anns", "ann").append(numbered(2))
    return made


def test_over_rest_and_by_the_client(motorhead: Motorhead, make: MakeMotorhead) -> None:
    """The paths do what the methods do, and the remote client has the same methods with the same results."""
    session = motorhead.session("s")
    with served(
        create_app(Settings(), motorhead=lambda _: make(llm=AsyncLedger(), window=Window(max_messages=4)))
    ) as base:
        http = httpx.Client(base_url=f"{base}/sessions/s")
        remote = Motorhead.from_url(base)
        there = remote.session("s")
        local = session.summaries()
        listed = http.get("/summaries").json()
        assert [(each["start"], each["stop"], each["author"]) for each in listed] == [(0, 4, "model"), (4, 10, "model")]
        assert there.summaries() == local
        assert http.get("/summary").json() == {"summary": local[-1].text, "summarized": 10, "written_by": "model"}
        assert httpx.get(f"{base}/sessions/s").json()["versions"] == 2

        refused = http.put("/summary", json={"text": "Room 999 is free."})
        assert (refused.status_code, refused.json()["code"]) == (400, "invalid_input")
        with pytest.raises(InvalidInputError, match="cannot be used as the summary"):
            there.set_summary("Room 999 is free.")
        assert http.put("/summary", json={"text": "By hand.", "override": True}).json() == {"status": "Ok"}
        assert http.get("/summary").json()["written_by"] == "client"
        there.set_summary("By hand again.", override=True)
        assert session.load().summary == "By hand again."

        done = http.post("/rebuild", json={"wait": True}).json()
        assert done == {"status": "Ok", "messages": 10, "batches": 1, "tokens": done["tokens"]}
        assert session.load().summary == SEPARATOR.join(f"m{at}" for at in range(10))
        in_chunks = http.post(
            "/rebuild", content=iter([b'{"wait"', b": true}"]), headers={"Content-Type": "application/json"}
        )
        assert in_chunks.json()["messages"] == 10
        assert there.rebuild_summary().messages == 10
        nothing = there.rebuild_summary(wait=False)
        assert nothing is None, "the server goes on"
        assert http.post("/rebuild").json()["messages"] == http.post("/rebuild", json={}).json()["messages"] == 0
        assert http.post("/rebuild", json={"prompt": "x", "wait": True}).status_code == 400
        with pytest.raises(UnsupportedError, match="its own summarizer"):
            there.rebuild_summary(AsyncLedger())
        with pytest.raises(InvalidInputError, match="prompt must be a string"):
            there.rebuild_summary(prompt=5)  # type: ignore[call-overload]
        with pytest.raises(InvalidInputError, match="must be a string, not int"):
            there.set_summary(5)  # type: ignore[arg-type]
        for method, path in (("GET", "/summaries"), ("GET", "/summary"), ("POST", "/rebuild")):
            answer = http.request(method, f"{base}/sessions/anns{path}", params={"user_id": "bob"})
            assert answer.status_code == (200 if method == "POST" else 400)
        http.close()
        remote.close()


def test_in_the_command_line(
    motorhead: Motorhead, url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The commands list versions, replace the summary, and make it again."""

    def run(*args: str) -> tuple[int, str]:
        where = ("--url", url, "--namespace", motorhead.namespace)
        monkeypatch.setattr(sys, "argv", ["motorhead", "sessions", *args, *where])
        with pytest.raises(SystemExit) as end:
            main()
        found = capsys.readouterr()
        return int(end.value.code or 0), found.out + found.err

    code, out = run("summaries", "s", "--json")
    assert (code, [each["stop"] for each in json.loads(out)]) == (0, [4, 10])
    code, out = run("summaries", "s")
    assert (code, "0 to 3" in out, "4 to 9" in out) == (0, True, True)
    assert "2 versions of the summary" in run("show", "s")[1]
    assert run("set-summary", "s", "Room 999 is free.")[0] == 1
    assert run("set-summary", "s", "By hand.", "--override") == (0, "replaced\n")
    code, out = run("rebuild", "s")
    assert (code, "10 messages summarized again" in out) == (0, True)
    assert motorhead.session("s").load().written_by == "extract"
    assert run("rebuild", "none")[0] == run("summaries", "none")[0] == 1
