"""The entry point of the command line: registers the commands, and turns errors into messages and exit codes.

Typer reads the annotations of commands at run time, so they are not postponed.
"""

import sys
from importlib import import_module
from io import TextIOWrapper
from typing import TYPE_CHECKING, Annotated, Any

from langchain_motorhead.exceptions import MotorheadError

if TYPE_CHECKING:
    import typer

_EXIT_INTERRUPTED = 130
_TRY, _LOOK, _SERVE, _OPERATE = "Try it", "See and correct what is stored", "Serve it", "Operate it"
# By name: the panel of the help that lists it, its module in `cli`, and its function or its `typer.Typer` there.
_COMMANDS = {
    "chat": (_TRY, "chat.command", "chat"),
    "demo": (_TRY, "demo", "demo"),
    "facts": (_LOOK, "facts", "facts"),
    "learn": (_LOOK, "facts", "learn"),
    "ui": (_LOOK, "ui", "ui"),
    "sessions": (_LOOK, "sessions.commands", "app"),
    "serve": (_SERVE, "serve", "serve"),
    "mcp": (_SERVE, "mcp", "mcp"),
    "doctor": (_OPERATE, "doctor", "doctor"),
    "export": (_OPERATE, "transfer", "export"),
    "import": (_OPERATE, "transfer", "import_"),
    "reindex": (_OPERATE, "reindex", "reindex"),
}
_NO_EXTRA = 'motorhead: the command line needs {missing}. Try: pip install "langchain-motorhead[{extra}]"\n'


def main() -> None:
    """Run the command line and exit."""
    try:
        _check_extras()
        for stream in (sys.stdout, sys.stderr):  # print characters that the terminal lacks as ?
            if isinstance(stream, TextIOWrapper):
                stream.reconfigure(errors="replace")
        _make_app(next(iter(sys.argv[1:]), None))(prog_name="motorhead")
    except KeyboardInterrupt:
        raise SystemExit(_EXIT_INTERRUPTED) from None
    except OSError as error:  # a disk that is full, or a folder that cannot be made
        from langchain_motorhead.cli.common import drop_output

        what = error.strerror or str(error)
        _complain(f"{error.filename} cannot be used: {what}" if error.filename else what)
        drop_output()
        raise SystemExit(1) from None


def _check_extras() -> None:
    try:
        import rich  # noqa: F401 - whether it is there
        import typer  # noqa: F401 - whether it is there
    except ImportError as error:
        extra = "server" if sys.argv[1:2] == ["serve"] else "cli"
        sys.stderr.write(_NO_EXTRA.format(missing=error.name or "typer and rich", extra=extra))
        raise SystemExit(1) from None


def _make_app(asked: str | None = None) -> "typer.Typer":
    """Return the command line.

    Args:
        asked: Name of a command. Only this one is imported and registered, if there is such a one. Otherwise, all are,
            as for the help that lists them.
    """
    import typer

    from langchain_motorhead.cli.help import Command, Group

    class Commands(Group):
        """Prints one line, and no traceback, if a command fails."""

        def invoke(self, ctx: Any) -> Any:
            try:
                return super().invoke(ctx)
            except MotorheadError as error:
                _complain(str(error))
                raise typer.Exit(1) from None
            except KeyboardInterrupt:
                raise typer.Exit(_EXIT_INTERRUPTED) from None

    app = typer.Typer(cls=Commands, no_args_is_help=True, pretty_exceptions_enable=False)

    @app.callback(invoke_without_command=True)
    def motorhead(
        *, version: Annotated[bool, typer.Option("--version", help="Show the version and exit.")] = False
    ) -> None:
        """Chat memory for LangChain and LangGraph on Redis.

        COMMAND --help explains a command.
        """
        if version:
            typer.echo(_version())
            raise typer.Exit

    for name, (panel, module, attribute) in _COMMANDS.items():
        if asked in _COMMANDS and name != asked:
            continue
        command = getattr(import_module(f"langchain_motorhead.cli.{module}"), attribute)
        if isinstance(command, typer.Typer):
            app.add_typer(command, name=name, rich_help_panel=panel)
        else:
            app.command(name, cls=Command, rich_help_panel=panel)(command)
    return app


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return f"motorhead {version('langchain-motorhead')}"
    except PackageNotFoundError:  # not installed, but run from a checkout
        return "motorhead (not installed)"


def _complain(message: str) -> None:
    from rich.console import Console
    from rich.text import Text

    line = " ".join(message.split())
    Console(stderr=True).print(Text(f"Error: {line}", style="red"), soft_wrap=True)


if __name__ == "__main__":
    main()
