"""The command `chat`, in processes of its own, talking to a server on this machine that speaks OpenAI's wire."""

from __future__ import annotations

import json
import os
import pty
import select
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from langchain_core.language_models import FakeListChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage, HumanMessage

import langchain_motorhead
from langchain_motorhead import Motorhead, Window
from langchain_motorhead.cli.main import main
from langchain_motorhead.cli.repl import Repl
from support.factory import MakeMotorhead
from support.messages import contents, numbered

COMMAND = [sys.executable, "-m", "langchain_motorhead.cli.main", "chat"]
# The same, with what it reads from as its controlling terminal. A job of a shell ignores Ctrl-C from the start.
CONTROLLED = """
import os, signal
os.close(os.open(os.ttyname(0), os.O_RDWR))
signal.signal(signal.SIGINT, signal.default_int_handler)
from langchain_motorhead.cli.main import main
main()
"""


class Stub:
    """A server that streams what the test gives it, the same id each time.

    Attributes:
        requests: Messages that were asked with.
        answers: What to answer each time: words, None to break off after them, or a status alone.
        go_on: Set to let an answer end that waits for it at a None.
    """

    def __init__(self, *answers: list[str | None] | int) -> None:
        self.requests: list[list[dict[str, Any]]] = []
        self.answers, self.go_on = list(answers), threading.Event()
        stub = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                if not asked.get("stream") or "You keep the memory" in str(asked["messages"][0]):
                    self.send_json(stub.summary())
                    return
                stub.requests.append(asked["messages"])
                answer = stub.answers.pop(0)
                if isinstance(answer, int):
                    self.send_response(answer)
                    self.end_headers()
                    return
                self.send_response(200)
                self.send_header("Content-Type", "text/event-stream")
                self.end_headers()
                try:
                    for word in answer:
                        if word is None:
                            stub.go_on.wait(60)
                            return
                        self.wfile.write(b"data: " + json.dumps(stub.chunk(word)).encode() + b"\n\n")
                        self.wfile.flush()
                    self.wfile.write(b"data: [DONE]\n\n")
                except OSError:  # the client went away
                    pass

            def send_json(self, value: Any) -> None:
                body = json.dumps(value).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *arguments: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/v1"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def chunk(self, word: str) -> dict[str, Any]:
        """Make a piece of an answer."""
        choice = {"index": 0, "delta": {"role": "assistant", "content": word}, "finish_reason": None}
        return {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice]}

    def summary(self) -> dict[str, Any]:
        """Make the answer to what does not ask for a stream: summaries."""
        choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "They met."}}
        return {"id": "c2", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice]}

    @property
    def environment(self) -> dict[str, str]:
        """Give an environment that points to it."""
        root = str(Path(langchain_motorhead.__file__).parent.parent)
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("OPENAI", "MOTORHEAD"))}
        return {**kept, "OPENAI_API_BASE": self.url, "PYTHONPATH": root, "TERM": "dumb"}

    def close(self) -> None:
        """Stop it."""
        self.go_on.set()
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def stubs() -> Iterator[list[Stub]]:
    """Stubs that are stopped at the end."""
    made: list[Stub] = []
    yield made
    for stub in made:
        stub.close()


def test_piped(stubs: list[Stub], url: str, namespace: str, make: MakeMotorhead) -> None:
    """Each turn is stored and remembered, a failure of the model costs no message, and commands do what they say."""
    stub = Stub(["Hello", " \x1b[31mBob!"], 400, ["Bob", "."])
    stubs.append(stub)
    typed = [
        "I'm Bob from Oslo", "", "/nonsense", "Are you there?", "What's my name?", "/compact", "/window", "/summary",
        "/search", "/search oslo", "/help", "/quit", "not read any more",
    ]  # fmt: skip
    options = ["--redis-url", url, "--namespace", namespace, "--session", "s", "--user", "bob"]
    done = subprocess.run(
        [*COMMAND, *options, "--max-messages", "4", "--embeddings", "hashing"],
        input="\n".join(typed), capture_output=True, text=True, env=stub.environment, check=False,
    )  # fmt: skip
    assert done.returncode == 1  # the model failed once, and two commands
    said = ["I'm Bob from Oslo", "Hello \x1b[31mBob!", "Are you there?", "What's my name?", "Bob."]
    session = make(compaction="manual").session("s", "bob")
    memory = session.load()
    assert (memory.total, memory.summarized, memory.summary) == (5, 3, "They met.\nHuman said: I'm Bob from Oslo")
    assert contents(memory.messages) == said[3:]
    assert isinstance(memory.messages[-1], AIMessage)
    asked = [message["content"] for message in stub.requests[2]]  # a third request: the model's summary has its own
    assert asked == said[:4]
    out, errors = done.stdout, done.stderr.splitlines()
    assert "\x1b" not in out
    assert out.startswith("Hello \\x1b[31mBob!\nBob.\n")
    assert "\nhuman: What's my name?\nai: Bob.\n(2 messages in the window, 3 summarized)\nThey met.\n" in out
    assert "\nhuman: I'm Bob from Oslo\n" in out  # found, though it is summarized
    assert "/compact " in out
    assert [line for line in errors if "there is no command /nonsense" in line]
    assert [line for line in errors if line.startswith("Error: the model failed (") and "400" in line]
    assert [line for line in errors if not line.startswith("Error: ")] == []


def test_terminal(stubs: list[Stub], tmp_path: Path) -> None:
    """Ctrl-C stops the answer alone, and what came of it is stored; Ctrl-D ends; the Redis is one of one's own."""
    stub = Stub(["one", " two", None], ["three"])
    stubs.append(stub)
    near, far = pty.openpty()
    environment = {**stub.environment, "XDG_DATA_HOME": str(tmp_path)}
    environment.pop("REDIS_URL", None)
    process = subprocess.Popen(
        [sys.executable, "-c", CONTROLLED, "chat"],
        stdin=far, stdout=far, stderr=far, env=environment, start_new_session=True,
    )  # fmt: skip
    os.close(far)
    seen = b""

    def until(text: bytes, again: bytes = b"") -> None:
        nonlocal seen
        while text not in seen:
            if again and not select.select([near], [], [], 10)[0]:
                os.write(near, again)  # the prompt was shown before it listened
                continue
            seen += os.read(near, 1024)
        seen = seen.split(text, 1)[1]

    try:
        until(b"session chat. /help lists the commands")
        until(b"nothing was said yet")
        until(b"> ")
        os.write(near, b"count\n")
        until(b"one two")
        os.write(near, b"\x03")
        until(b"> ")
        os.write(near, b"go on\n")
        until(b"three")
        until(b"> ")
        os.write(near, b"\x03")
        until(b"> ", again=b"\x03")
        os.write(near, b"\x04")
        assert process.wait(60) == 0
    finally:
        process.kill()
        process.wait()
        os.close(near)
    with Motorhead.from_url(f"embedded://{tmp_path / 'motorhead'}") as motorhead:
        assert contents(motorhead.session("chat").load().messages) == ["count", "one two", "go on", "three"]
    assert [message["content"] for message in stub.requests[1]] == ["count", "one two", "go on"]


@pytest.mark.parametrize("options", [[], ["--model", "gpt-nameless"], ["--model", "nobody:knows"]])
def test_without_a_model(
    options: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without a model, or with one that cannot be made, it says what to do."""
    for name in os.environ:
        if name.startswith(("OPENAI", "MOTORHEAD", "AZURE")):
            monkeypatch.delenv(name)
    monkeypatch.setattr(sys, "argv", ["motorhead", "chat", *options])
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code == 1
    out, err = capsys.readouterr()
    assert (out, len(err.splitlines())) == ("", 1)
    assert "OPENAI_BASE_URL" in err or "OPENAI_API_BASE" in err or "init_chat_model" in err


def test_commands_without_recall(make: MakeMotorhead, capsys: pytest.CaptureFixture[str]) -> None:
    """Without an index, the window is searched; a session that is deleted is gone, and a conversation goes on."""
    motorhead = make(compaction="manual")
    talk = Repl(motorhead.session("s"), None, searches=False)
    motorhead.session("s").append([{"role": "user", "content": "I live in Oslo"}, {"role": "ai", "content": "Oh"}])
    assert all(talk.take(line) for line in ("/search OSLO live", "/summary", "/delete", "/delete", "/window"))
    assert not talk.take("/quit")
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "human: I live in Oslo"
    assert lines[1].startswith("(1 found")
    assert lines[2:] == [
        "(there is no summary yet)", "(deleted)", "(there was nothing to delete)",
        "(0 messages in the window, 0 summarized)",
    ]  # fmt: skip
    assert motorhead.sessions() == []


class Parrot:
    """A model that gives all of its answers the same id, and breaks off in each after what was said."""

    def stream(self, prompt: list[BaseMessage]) -> Iterator[AIMessageChunk]:
        """Answer with the last words."""
        yield AIMessageChunk(content=str(prompt[-1].content), id="same")
        raise ConnectionError("gone")


def test_greeting(make: MakeMotorhead, capsys: pytest.CaptureFixture[str]) -> None:
    """The chat says which model, session and user it is, and what the session remembers, without control characters."""
    session = make(compaction="manual", window=Window(max_messages=2)).session("trip\x1b[2J", "bob")
    session.append(numbered(5))
    session.compact()
    Repl(session, FakeListChatModel(responses=[]), searches=False).greet()
    out = capsys.readouterr().out
    assert "FakeListChatModel, session trip\\x1b[2J of bob. /help lists the commands" in out
    assert "(5 messages so far, 4 of them in the summary)" in out
    assert "m0" in out


def test_answers_of_the_same_id(make: MakeMotorhead, capsys: pytest.CaptureFixture[str]) -> None:
    """Each answer is stored, whatever its id, and also if its model failed in the middle of it."""
    session = make(compaction="manual").session("s")
    talk = Repl(session, Parrot(), searches=False)
    assert all(talk.take(line) for line in ("one\n", "two\n"))
    messages = session.load().messages
    assert contents(messages) == ["one", "one", "two", "two"]
    assert [type(message) for message in messages] == [HumanMessage, AIMessage] * 2
    assert capsys.readouterr().err.count("ConnectionError: gone") == 2


def test_a_redis_that_is_away(capsys: pytest.CaptureFixture[str]) -> None:
    """An error says what cannot be stored, the model is not asked, and the conversation may go on."""
    with Motorhead.from_url("redis://127.0.0.1:1", compaction="manual") as motorhead:
        assert Repl(motorhead.session("s"), None, searches=False).take("hi")
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("Error: Redis cannot be reached")
    assert len(err.splitlines()) == 1
