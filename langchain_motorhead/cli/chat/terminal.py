"""What is typed at a terminal: lines that can be edited, with a history and completion of commands.

Imports prompt_toolkit, so it is imported only at a terminal.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from prompt_toolkit import PromptSession
from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document
from prompt_toolkit.history import History
from prompt_toolkit.input import Input
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.output import Output

_PROMPT = "> "


def typed(
    commands: Mapping[str, str], history: History, *, input_: Input | None = None, output: Output | None = None
) -> Iterator[str]:
    """Return an iterator over what is typed, until Ctrl-D. Ctrl-C drops what was typed so far.

    Args:
        commands: The commands to complete, with what each does. One that takes words ends with a blank.
        history: What was typed before. What is typed is added.
        input_: The terminal to read from. None for the standard input.
        output: The terminal to write to. None for the standard output.
    """
    session = PromptSession[str](
        _PROMPT,
        completer=CommandCompleter(commands),
        complete_while_typing=True,
        prompt_continuation=" " * len(_PROMPT),
        history=history,
        key_bindings=_keys(),
        input=input_,
        output=output,
    )
    while True:
        try:
            yield session.prompt()
        except KeyboardInterrupt:
            continue
        except EOFError:
            return


class CommandCompleter(Completer):
    """Completes a command at the beginning of a line.

    Args:
        commands: The commands, with what each does.
    """

    def __init__(self, commands: Mapping[str, str]) -> None:
        self._commands = commands

    def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterable[Completion]:
        """Return the commands that begin with what was typed."""
        text = document.text_before_cursor
        if text.startswith("/"):
            for name, about in self._commands.items():
                if name.startswith(text):
                    yield Completion(name, -len(text), display_meta=about)


def _keys() -> KeyBindings:
    """Return the bindings: Alt-Enter begins a new line. Enter sends, also after lines that were pasted."""
    keys = KeyBindings()

    @keys.add("escape", "enter")
    def begin_line(event: KeyPressEvent) -> None:
        event.current_buffer.insert_text("\n")

    return keys
