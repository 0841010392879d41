"""The REPL of `chat`: takes one line at a time, prints the answer, and stores both. Knows nothing of options."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from difflib import get_close_matches
from shutil import get_terminal_size
from textwrap import fill
from typing import TYPE_CHECKING, Any

import typer
from langchain_core.messages import BaseMessage, BaseMessageChunk, HumanMessage, message_chunk_to_message

from langchain_motorhead.backends.redis import RedisBackend
from langchain_motorhead.cli.common import shown, stderr
from langchain_motorhead.exceptions import MotorheadError, UnsupportedError
from langchain_motorhead.messages.wording import counted
from langchain_motorhead.models.redaction import redact

if TYPE_CHECKING:
    from langchain_motorhead.facts.model import Fact
    from langchain_motorhead.handles.session import Session
    from langchain_motorhead.handles.user import User
    from langchain_motorhead.sessions.load import Memory

_COMMANDS = {
    "/window": "show the messages that the model sees verbatim",
    "/summary": "show the summary that it sees of all earlier messages",
    "/facts": "show what is known about the user",
    "/search WORDS": "search the messages",
    "/compact": "summarize the oldest messages now",
    "/delete": "delete this session and all its data",
    "/help": "show this help",
    "/quit": "end the chat, as Ctrl-D does",
}
_HELP = "\n".join(
    [
        *(f"{command:<16}{about}" for command, about in _COMMANDS.items()),
        "Ctrl-C stops an answer. A line that begins with a blank is never a command,",
        "and is not kept in the history. Alt-Enter begins a new line.",
    ]
)
COMPLETIONS = {command.removesuffix("WORDS"): about for command, about in _COMMANDS.items()}
"""The commands as they are completed, with what each does."""

_MAX_FOUND = 5
_MAX_ERROR_CHARS = 400
_MAX_GREETING_CHARS = 300
_MAX_GREETING_FACTS = 3
# Size of the user's profile in each prompt.
_PROFILE_TOKENS = 256


class Repl:
    """A conversation with a model in a session.

    Args:
        session: The session.
        model: A chat model.
        user: What is known about the user of the session; None for none.
        searches: Whether the session is indexed.

    Attributes:
        failures: How many lines failed so far.
        was_interrupted: Whether Ctrl-C stopped an answer or a command.
    """

    def __init__(self, session: Session, model: Any, user: User | None = None, *, searches: bool) -> None:
        self._session = session
        self._model = model
        self._user = user
        self._searches = searches
        self._answering = False
        self._said: Any = None
        self.failures = 0
        self.was_interrupted = False

    def greet(self) -> None:
        """Say which model talks, in which session, what that remembers, and how to get help."""
        name = next(
            (value for each in ("model_name", "model") if isinstance(value := getattr(self._model, each, None), str)),
            type(self._model).__name__,
        )
        user = "" if self._session.user_id is None else f" of {self._session.user_id}"
        talk = f"{name}, session {self._session.session_id}{user}"
        _print_note(f"{talk}. /help lists the commands, Ctrl-D ends the chat")
        try:
            memory = self._session.load()
            facts = self._known()
        except MotorheadError as error:
            self._complain(str(error))
            return
        if memory.total:
            _print_note(f"{counted(memory.total, 'message')} so far, {memory.summarized} of them in the summary")
        else:
            _print_note("nothing was said yet")
        if memory.summary is not None:
            _print_note(f"summary: {_beginning(memory.summary)}")
        if facts:
            told = "; ".join(fact.text for fact in facts[:_MAX_GREETING_FACTS])
            more = ". /facts lists them" if len(facts) > _MAX_GREETING_FACTS else ""
            _print_note(f"{counted(len(facts), 'fact')} about {self._session.user_id}: {_beginning(told)}{more}")

    def take(self, line: str) -> bool:
        """Execute a line, and return whether to continue."""
        text = line.strip()
        if not text:
            return True
        name, _, rest = text.partition(" ")
        is_command = line.startswith("/") and "\n" not in text  # what was pasted may begin with a path
        if is_command and name == "/quit":
            return False
        try:
            if is_command:
                self._command(name, rest.strip())
            else:
                self._turn(text)
        except MotorheadError as error:
            self._complain(str(error))
        except KeyboardInterrupt:  # during a command
            self.was_interrupted = True
            typer.echo()
        return True

    def _turn(self, text: str) -> None:
        """Store the user's message, ask the model, and store its answer, even an incomplete one."""
        with self._stoppable():
            self._session.append(HumanMessage(text))
            prompt = self._load().as_messages()
            self._said = None
            try:
                self._answer(prompt)
            except KeyboardInterrupt:
                self.was_interrupted = True
                typer.echo(" …", nl=False)
            finally:  # an answer is also stored if it cannot be printed
                if has_text := self._said is not None and bool(str(self._said.text).strip()):
                    # Some models give all their messages the same id.
                    self._session.append(message_chunk_to_message(self._said), unless_known=False)
            if has_text:
                typer.echo()

    def _load(self) -> Memory:
        """Return the memory of the session for the next prompt, with the profile of its user."""
        if self._user is not None:
            try:
                return self._session.load(profile_tokens=_PROFILE_TOKENS)
            except UnsupportedError:  # the original server knows nothing about users
                self._user = None
        return self._session.load()

    def _known(self) -> list[Fact]:
        """Return the facts about the user, the most important ones first."""
        if self._user is not None:
            try:
                return self._user.facts()
            except UnsupportedError:
                self._user = None
        return []

    def _answer(self, prompt: list[BaseMessage]) -> None:
        """Print an answer as it arrives, and keep it."""
        self._answering = True
        try:
            for chunk in self._received(prompt):
                self._said = chunk if self._said is None else self._said + chunk
                typer.echo(shown(str(chunk.text), lines=True), nl=False)
        finally:
            self._answering = False

    def _received(self, prompt: list[BaseMessage]) -> Iterator[BaseMessageChunk]:
        """Return an iterator over the chunks of an answer, which says if the model fails."""
        try:
            yield from self._model.stream(prompt)
        except Exception as error:  # noqa: BLE001 - providers' errors have no common base class
            if self._said is not None:
                typer.echo()
            self._complain(
                f"the model failed ({type(error).__name__}: {redact(str(error), self._model)}). The messages are stored"
            )

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
            "/facts": self._facts,
            "/search": lambda: self._search(rest),
            "/compact": self._compact,
            "/delete": self._delete,
            "/help": lambda: typer.echo(_HELP),
        }
        if name not in commands:
            known = (*commands, "/quit")
            similar = [each for each in known if each.startswith(name)] or get_close_matches(name, known, n=1)
            hint = f"Did you mean {similar[0]}?" if similar else "/help lists the commands"
            self._complain(f"there is no command {name}. {hint}")
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

    def _facts(self) -> None:
        facts = self._known()
        for fact in facts:
            _print_text(fact.text)
        if facts:
            _print_note(f"{counted(len(facts), 'fact')} known. motorhead facts shows where each was said")
        elif self._session.user_id is None:
            _print_note("whose facts? Begin the chat with --user ID")
        else:
            _print_note("no facts are known. motorhead learn finds them in what was said")

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
            backend = self._session._backend
            if isinstance(backend, RedisBackend) and (indexing := backend.maintenance.indexing) is not None:
                indexing.index(self._session._keys, explicit=True, wait=True)
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
    typer.secho(fill(f"({shown(text)})", _columns(), break_long_words=False, break_on_hyphens=False), dim=True)


def _columns() -> int:
    """Return the width of the terminal. What is piped has no line breaks."""
    return get_terminal_size().columns if sys.stdout.isatty() else sys.maxsize


def _beginning(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _MAX_GREETING_CHARS else f"{line[:_MAX_GREETING_CHARS]} …"


def _print_failures(memory: Memory) -> None:
    if memory.failures:
        _print_note(f"the last {counted(memory.failures, 'summary', 'summaries')} failed; no message is lost")
