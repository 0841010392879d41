"""The command `chat`, in processes of its own, talking to a server on this machine that speaks OpenAI's wire."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest
from langchain_core.language_models import FakeListChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage, HumanMessage

from langchain_motorhead import Motorhead, Window
from langchain_motorhead.cli.chat.repl import Repl
from langchain_motorhead.cli.main import main
from support.chat_stub import ChatStub
from support.factory import MakeMotorhead
from support.messages import contents, numbered

COMMAND = [sys.executable, "-m", "langchain_motorhead.cli.main", "chat"]


@pytest.fixture
def stubs() -> Iterator[list[ChatStub]]:
    """ChatStubs that are stopped at the end."""
    made: list[ChatStub] = []
    yield made
    for stub in made:
        stub.close()


def test_piped(stubs: list[ChatStub], url: str, namespace: str, make: MakeMotorhead) -> None:
    """Each turn is stored and remembered, a failure of the model costs no message, and commands do what they say."""
    stub = ChatStub(["Hello", " \x1b[31mBob!"], 400, ["Bob", "."])
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


def test_interrupt_of_a_pipe(stubs: list[ChatStub], url: str, namespace: str, make: MakeMotorhead) -> None:
    """With piped input, Ctrl-C ends the command with 130: no later line is sent, and what was said is stored."""
    stub = ChatStub(["one", None], ["never"])
    stubs.append(stub)
    command = [*COMMAND, "--redis-url", url, "--namespace", namespace, "--session", "s"]
    with subprocess.Popen(command, stdin=-1, stdout=-1, stderr=-1, text=True, env=stub.environment) as process:
        try:
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write("a\nb\n")
            process.stdin.flush()
            assert process.stdout.read(3) == "one"
            process.send_signal(signal.SIGINT)
            _, errors = process.communicate(timeout=100)
        finally:
            process.kill()
    assert (process.returncode, errors, len(stub.requests)) == (130, "", 1)
    assert contents(make(compaction="manual").session("s").load().messages) == ["a", "one"]


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
    assert "MOTORHEAD_MODEL=gpt" not in err  # it was named by --model
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
    """A model that gives all of its answers the same id, and breaks off in each after what was said.

    Attributes:
        prompts: What it was asked.
    """

    def __init__(self) -> None:
        self.prompts: list[list[BaseMessage]] = []

    def stream(self, prompt: list[BaseMessage]) -> Iterator[AIMessageChunk]:
        """Answer with the last words."""
        self.prompts.append(prompt)
        yield AIMessageChunk(content=str(prompt[-1].content), id="same")
        raise ConnectionError("gone")


def test_greeting(make: MakeMotorhead, capsys: pytest.CaptureFixture[str]) -> None:
    """The chat says which model, session and user it is, and what it remembers, without control characters."""
    motorhead = make(compaction="manual", window=Window(max_messages=2))
    session, bob = motorhead.session("trip\x1b[2J", "bob"), motorhead.user("bob")
    session.append(numbered(5))
    session.compact()
    Repl(session, FakeListChatModel(responses=[]), bob, searches=False).greet()
    out = capsys.readouterr().out
    assert "FakeListChatModel, session trip\\x1b[2J of bob. /help lists the commands" in out
    assert "(5 messages so far, 4 of them in the summary)\n(summary: " in out
    assert "m0" in out
    assert "fact" not in out
    for fact in ("Lives in Oslo", "Has a dog", "Likes tea", "Plays chess"):
        bob.remember(fact)
    model = Parrot()
    talk = Repl(session, model, bob, searches=False)
    talk.greet()
    told = capsys.readouterr().out.splitlines()[-1]
    assert (told[:20], told.count("; ")) == ("(4 facts about bob: ", 2)
    assert told.endswith(". /facts lists them)")
    assert all(talk.take(line) for line in ("/facts", "hi"))
    out = capsys.readouterr().out
    assert "Lives in Oslo\n" in out
    assert "(4 facts known. motorhead facts shows where each was said)" in out
    assert "Lives in Oslo" in str(model.prompts[0][0].content)  # the model knows it too


def test_help_and_hints(make: MakeMotorhead, capsys: pytest.CaptureFixture[str]) -> None:
    """The help fits 80 columns; a command that there is not gets a hint; a pasted text is no command."""
    talk = Repl(make(compaction="manual").session("s"), Parrot(), searches=False)
    assert all(talk.take(line) for line in ("/help", "/facts", "/sum", "/serach x", "/nonsense", "/usr/bin\n/etc"))
    out, err = capsys.readouterr()
    assert max(map(len, out.splitlines())) <= 80
    assert "(whose facts? Begin the chat with --user ID)" in out
    hints = [line.partition(". ")[2] for line in err.splitlines()[:3]]
    assert hints == ["Did you mean /summary?", "Did you mean /search?", "/help lists the commands"]
    assert out.endswith("/usr/bin\n/etc\n\n")


def test_answers_of_the_same_id(make: MakeMotorhead, capsys: pytest.CaptureFixture[str]) -> None:
    """Each answer is stored, whatever its id, and also if its model failed in the middle of it."""
    session = make(compaction="manual").session("s")
    talk = Repl(session, Parrot(), searches=False)
    assert all(talk.take(line) for line in ("one\n", "two\n"))
    messages = session.load().messages
    assert contents(messages) == ["one", "one", "two", "two"]
    assert [type(message) for message in messages] == [HumanMessage, AIMessage] * 2
    assert capsys.readouterr().err.count("ConnectionError: gone") == 2


def test_a_reader_that_has_gone(make: MakeMotorhead, monkeypatch: pytest.MonkeyPatch) -> None:
    """Output that cannot be written ends the chat, is no failure of the model, and what was said is stored."""

    class Closed(io.StringIO):
        def write(self, text: str) -> int:
            raise BrokenPipeError(len(text))

    session = make(compaction="manual").session("s")
    talk = Repl(session, FakeListChatModel(responses=["hello"]), searches=False)
    monkeypatch.setattr(sys, "stdout", Closed())
    with pytest.raises(BrokenPipeError):
        talk.take("hi")
    assert talk.failures == 0
    assert contents(session.load().messages) == ["hi", "h"]


def test_a_redis_that_is_away(capsys: pytest.CaptureFixture[str]) -> None:
    """An error says what cannot be stored, the model is not asked, and the conversation may go on."""
    with Motorhead.from_url("redis://127.0.0.1:1", compaction="manual") as motorhead:
        assert Repl(motorhead.session("s"), None, searches=False).take("hi")
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("Error: Redis cannot be reached")
    assert len(err.splitlines()) == 1
