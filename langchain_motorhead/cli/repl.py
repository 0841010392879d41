"""The REPL of `chat`: takes one line at a time, prints the answer, and stores both. Knows nothing of options."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import typer
from langchain_core.messages import BaseMessage, HumanMessage, message_chunk_to_message

from langchain_motorhead.backends.redis import RedisBackend
from langchain_motorhead.cli.common import counted, shown, stderr
from langchain_motorhead.exceptions import MotorheadError
from langchain_motorhead.models.redaction import redact

if TYPE_CHECKING:
    from langchain_motorhead.handles.session import Session
    from langchain_motorhead.sessions.load import Memory

_HELP = """\
/window         show the messages that the model sees verbatim
/summary        show the summary that it sees of all earlier messages
/search WORDS   search the messages
/compact        summarize the oldest messages now
/delete         delete this session and all its data
/help           show this help
/quit           end the chat, as Ctrl-D does
Ctrl-C stops an answer. A line that begins with a blank is never a command."""
_MAX_FOUND = 5
_MAX_ERROR_CHARS = 400
_MAX_GREETING_CHARS = 300


class Repl:
    """A conversation with a model in a session.

    Args:
        session: The session.
        model: A chat model.
        searches: Whether the session is indexed.

    Attributes:
        failures: How many lines failed so far.
    """

    def __init__(self, session: Session, model: Any, *, searches: bool) -> None:
        self._session = session
        self._model = model
        self._searches = searches
        self._answering = False
        self._said: Any = None
        self.failures = 0

    def greet(self) -> None:
        """Say which model talks, in which session, what that remembers, and how to get help."""
        name = next(
            (value for each in ("model_name", "model") if isinstance(value := getattr(self._model, each, None), str)),
            type(self._model).__name__,
        )
        user = "" if self._session.user_id is None else f" of {self._session.user_id}"
        talk = shown(f"{name}, session {self._session.session_id}{user}")
        _print_note(f"{talk}. /help lists the commands, Ctrl-D ends the chat")
        try:
            memory = self._session.load()
        except MotorheadError as error:
            self._complain(str(error))
            return
        if not memory.total:
            _print_note("nothing was said yet")
            return
        _print_note(f"{counted(memory.total, 'message')} so far, {memory.summarized} of them in the summary")
        if memory.summary is not None:
            _print_note(shown(_beginning(memory.summary)))

    def take(self, line: str) -> bool:
        """Execute a line, and return whether to continue."""
        text = line.strip()
        if not text:
            return True
        name, _, rest = text.partition(" ")
        if line.startswith("/") and name == "/quit":
            return False
        try:
            if line.startswith("/"):
                self._command(name, rest.strip())
            else:
                self._turn(text)
        except MotorheadError as error:
            self._complain(str(error))
        except KeyboardInterrupt:  # during a command
            typer.echo()
        return True

    def _turn(self, text: str) -> None:
        """Store the user's message, ask the model, and store its answer, even an incomplete one."""
        with self._stoppable():
            self._session.append(HumanMessage(text))
            prompt = self._session.load().as_messages()
            self._said = None
            try:
                self._answer(prompt)
            except KeyboardInterrupt:
                typer.echo(" …", nl=False)
            if self._said is not None and str(self._said.text).strip():
                typer.echo()
                # Some models give all their messages the same id.
                self._session.append(message_chunk_to_message(self._said), unless_known=False)

    def _answer(self, prompt: list[BaseMessage]) -> None:
        """Print an answer as it arrives, and keep it."""
        self._answering = True
        try:
            for chunk in self._model.stream(prompt):
                self._said = chunk if self._said is None else self._said + chunk
                typer.echo(shown(str(chunk.text), lines=True), nl=False)
        except Exception as error:  # noqa: BLE001 - providers' errors have no common base class
            if self._said is not None:
                typer.echo()
            self._complain(
                f"the model failed ({type(error).__name__}: {redact(str(error), self._model)}). The messages are stored"
            )
        finally:
            self._answering = False

    @contextmanager
    def _stoppable(self) -> Iterator[None]:
        """Let Ctrl-C stop the answer only, and not the storing of messages."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return

        def stop(*_: object) -> None:
            if self._answering:
                self._answering = False
                raise KeyboardInterrupt

        before = signal.signal(signal.SIGINT, stop)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, before)

    def _command(self, name: str, rest: str) -> None:
        commands: dict[str, Callable[[], object]] = {
            "/window": self._window,
            "/summary": self._summary,
            "/search": lambda: self._search(rest),
            "/compact": self._compact,
            "/delete": self._delete,
            "/help": lambda: typer.echo(_HELP),
        }
        if name not in commands:
            self._complain(f"there is no command {name}. /help lists the commands")
            return
        commands[name]()

    def _window(self) -> None:
        memory = self._session.load()
        for message in memory.messages:
            _print_text(f"{message.type}: {message.text}")
        _print_note(f"{counted(len(memory.messages), 'message')} in the window, {memory.summarized} summarized")
        _print_failures(memory)

    def _summary(self) -> None:
        memory = self._session.load()
        if memory.summary is None:
            _print_note("there is no summary yet")
        else:
            _print_text(memory.summary)
        _print_failures(memory)

    def _search(self, words: str) -> None:
        if not words:
            self._complain("enter the words to search for: /search WORDS")
        elif not self._searches:
            wanted = words.casefold().split()
            found = [each for each in self._session.load().messages if all(w in each.text.casefold() for w in wanted)]
            for message in found[-_MAX_FOUND:]:
                _print_text(f"{message.type}: {message.text}")
            _print_note(f"{len(found)} found in the window. With --embeddings NAME, all messages are searched")
        else:
            if isinstance(self._session._backend, RedisBackend):
                self._session._backend.maintenance.index(self._session._keys, explicit=True, wait=True)
            documents = self._session.search(words, k=_MAX_FOUND)
            for document in documents:
                _print_text(f"{document.metadata['role']}: {document.page_content}")
            _print_note(f"{len(documents)} found")

    def _compact(self) -> None:
        report = self._session.compact()
        _print_note(f"{counted(report.summarized, 'message')} summarized")

    def _complain(self, text: str) -> None:
        self.failures += 1
        line = shown(" ".join(text.split()))
        stderr().print(f"Error: {line[:_MAX_ERROR_CHARS]}", style="red")

    def _delete(self) -> None:
        _print_note("deleted" if self._session.delete() else "there was nothing to delete")


def _print_text(text: str) -> None:
    typer.echo(shown(text, lines=True))


def _print_note(text: str) -> None:
    typer.secho(f"({text})", dim=True)


def _beginning(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _MAX_GREETING_CHARS else f"{line[:_MAX_GREETING_CHARS]} …"


def _print_failures(memory: Memory) -> None:
    if memory.failures:
        _print_note(f"the last {counted(memory.failures, 'summary', 'summaries')} failed; no message is lost")
