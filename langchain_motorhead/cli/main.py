"""The entry point of the command line: registers the commands, and turns errors into messages and exit codes.

Typer reads the annotations of commands at run time, so they are not postponed.
"""

import sys
from collections.abc import Callable
from io import TextIOWrapper
from typing import TYPE_CHECKING, Annotated, Any

from langchain_motorhead.exceptions import MotorheadError

if TYPE_CHECKING:
    import typer

_EXIT_INTERRUPTED = 130
_NO_EXTRA = 'motorhead: the command line needs {missing}. Try: pip install "langchain-motorhead[{extra}]"\n'


def main() -> None:
    """Run the command line and exit."""
    try:
        _check_extras()
        for stream in (sys.stdout, sys.stderr):  # print characters that the terminal lacks as ?
            if isinstance(stream, TextIOWrapper):
                stream.reconfigure(errors="replace")
        _make_app()(prog_name="motorhead")
    except KeyboardInterrupt:
        raise SystemExit(_EXIT_INTERRUPTED) from None


def _check_extras() -> None:
    try:
        import rich  # noqa: F401 - whether it is there
        import typer  # noqa: F401 - whether it is there
    except ImportError as error:
        extra = "server" if sys.argv[1:2] == ["serve"] else "cli"
        sys.stderr.write(_NO_EXTRA.format(missing=error.name or "typer and rich", extra=extra))
        raise SystemExit(1) from None


def _make_app() -> "typer.Typer":
    import typer

    from langchain_motorhead.cli import doctor, facts, mcp, reindex, transfer
    from langchain_motorhead.cli.chat.command import chat
    from langchain_motorhead.cli.demo import demo
    from langchain_motorhead.cli.help import LOOK, OPERATE, SERVE, TRY, Command, Group
    from langchain_motorhead.cli.serve import serve
    from langchain_motorhead.cli.sessions import commands as sessions
    from langchain_motorhead.cli.ui import ui

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

    panels: dict[str, dict[str, Callable[..., None]]] = {
        TRY: {"chat": chat, "demo": demo},
        LOOK: {"facts": facts.facts, "learn": facts.learn, "ui": ui},
        SERVE: {"serve": serve, "mcp": mcp.mcp},
        OPERATE: {
            "doctor": doctor.doctor,
            "export": transfer.export,
            "import": transfer.import_,
            "reindex": reindex.reindex,
        },
    }
    for panel, commands in panels.items():
        for name, command in commands.items():
            app.command(name, cls=Command, rich_help_panel=panel)(command)
    app.add_typer(sessions.app, name="sessions", rich_help_panel=LOOK)
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
