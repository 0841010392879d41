"""A conversation in a terminal: a line in, an answer out, both of them stored. Knows no options and no input."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import typer
from langchain_core.messages import BaseMessage, HumanMessage, message_chunk_to_message

from langchain_motorhead.cli.common import shown, stderr
from langchain_motorhead.exceptions import MotorheadError

if TYPE_CHECKING:
    from langchain_motorhead.session import Session
    from langchain_motorhead.sessions.load import Memory

_HELP = """\
/window         the messages that the model sees as they are
/summary        what it is told of all before them
/search WORDS   find what was said
/compact        fold the oldest messages into the summary now
/delete         delete this session with everything of it
/help           this
/quit           end, as Ctrl-D does
Ctrl-C stops an answer. A line that begins with a blank is no command."""
_FOUND = 5
_LONGEST = 400


class Repl:
    """A session, and the model that talks in it.

    Args:
        session: Where it is remembered.
        model: A chat model.
        searches: Whether the session is indexed.
    """

    def __init__(self, session: Session, model: Any, *, searches: bool) -> None:
        self._session = session
        self._model = model
        self._searches = searches
        self._answering = False
        self._said: Any = None

    def take(self, line: str) -> bool:
        """Do what a line asks for. Returns whether to go on."""
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
            _complain(str(error))
        except KeyboardInterrupt:  # of a command
            typer.echo()
        return True

    def _turn(self, text: str) -> None:
        """Store what the person says, ask the model, and store what it said, however that ended."""
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
                # A model may give its messages the same id each time.
                self._session.append(message_chunk_to_message(self._said), unless_known=False)

    def _answer(self, prompt: list[BaseMessage]) -> None:
        """Stream an answer, keeping what came of it."""
        self._answering = True
        try:
            for chunk in self._model.stream(prompt):
                self._said = chunk if self._said is None else self._said + chunk
                typer.echo(shown(str(chunk.text), lines=True), nl=False)
        except Exception as error:  # noqa: BLE001 - providers' errors have nothing in common
            if self._said is not None:
                typer.echo()
            _complain(f"the model failed ({type(error).__name__}: {error}). What was said is kept")
        finally:
            self._answering = False

    @contextmanager
    def _stoppable(self) -> Iterator[None]:
        """Let Ctrl-C stop the answer, and nothing else of a turn: least of all the storing."""
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
            _complain(f"there is no command {name}. /help lists them")
            return
        commands[name]()

    def _window(self) -> None:
        memory = self._session.load()
        for message in memory.messages:
            _say(f"{message.type}: {message.text}")
        _tell(f"{_many(len(memory.messages), 'message')} in the window, {memory.summarized} summarized")
        _tell_failures(memory)

    def _summary(self) -> None:
        memory = self._session.load()
        if memory.summary is None:
            _tell("there is no summary yet")
        else:
            _say(memory.summary)
        _tell_failures(memory)

    def _search(self, words: str) -> None:
        if not words:
            _complain("give words to search for: /search WORDS")
        elif not self._searches:
            wanted = words.casefold().split()
            found = [each for each in self._session.load().messages if all(w in each.text.casefold() for w in wanted)]
            for message in found[-_FOUND:]:
                _say(f"{message.type}: {message.text}")
            _tell(f"{len(found)} found in the window. With --embeddings NAME, all that was said is searched")
        else:
            maintenance = self._session._motorhead.backend.require_redis().maintenance
            maintenance.index(self._session._keys, explicit=True, wait=True)
            documents = self._session.search(words, k=_FOUND)
            for document in documents:
                _say(f"{document.metadata['role']}: {document.page_content}")
            _tell(f"{len(documents)} found")

    def _compact(self) -> None:
        report = self._session.compact()
        _tell(f"{_many(report.folded, 'message')} folded into the summary")

    def _delete(self) -> None:
        _tell("deleted" if self._session.delete() else "there was nothing to delete")


def _say(text: str) -> None:
    typer.echo(shown(text, lines=True))


def _tell(text: str) -> None:
    typer.secho(f"({text})", dim=True)


def _tell_failures(memory: Memory) -> None:
    if memory.failures:
        _tell(f"the last {_many(memory.failures, 'summary', 'summaries')} failed; nothing is lost")


def _complain(text: str) -> None:
    line = shown(" ".join(text.split()))
    stderr().print(f"Error: {line[:_LONGEST]}", style="red")


def _many(count: int, one: str, more: str | None = None) -> str:
    return f"{count} {one if count == 1 else more or one + 's'}"
