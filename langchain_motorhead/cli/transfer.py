"""The commands `export` and `import`: open files, show progress, and report problems.

Typer reads the annotations of commands at run time, so they are not postponed.
"""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkstemp
from typing import TYPE_CHECKING, Annotated, BinaryIO

import typer

from langchain_motorhead.cli.common import (
    ApiKey,
    Embeddings,
    Namespace,
    Url,
    User,
    drop_output,
    open_motorhead,
    shown,
    stderr,
)
from langchain_motorhead.exceptions import InvalidInputError, MotorheadError
from langchain_motorhead.messages.wording import counted
from langchain_motorhead.transfer.policies import Existing, Source

if TYPE_CHECKING:
    from langchain_motorhead.transfer.importer import ImportReport
    from langchain_motorhead.transfer.snapshot import ExportedSession

_STREAM = "-"
_MAX_NAME_CHARS = 50  # of the name of a file that is being written, so that it is not too long with a suffix


def export(
    *,
    output: Annotated[
        str,
        typer.Option(
            "--output", "-o", help="File to write. Default: the standard output.", metavar="FILE", show_default=False
        ),
    ] = _STREAM,
    url: Url = None,
    api_key: ApiKey = None,
    namespace: Namespace = "default",
    user: User = None,
    session: Annotated[
        list[str] | None, typer.Option(help="Only this session. Can be given several times.", metavar="ID")
    ] = None,
) -> None:
    """Write sessions to a JSON Lines file.

    With their summaries, each as it was at one moment.
    """
    from langchain_motorhead.transfer.exporter import export_lines
    from langchain_motorhead.transfer.importer import ImportReport
    from langchain_motorhead.transfer.jsonl import first_line, last_line

    tally, left = ImportReport(), 0

    with open_motorhead(url, namespace, api_key=api_key) as motorhead, _progress() as show, _writing(output) as file:

        def report(snapshot: "ExportedSession") -> None:
            nonlocal left
            tally.imported += 1
            tally.messages += snapshot.messages
            left += snapshot.left
            show(f"{_sessions(tally)} exported")

        begin = first_line()
        for line in export_lines(motorhead, user_id=user, session_ids=session, report=report, complain=tally.complain):
            file.write(begin + line)
            begin = b""
        file.write(begin + last_line(tally.imported))
    if left:
        behind = f"up to {counted(left, 'summarized message')} can be searched here, but not after an import"
        stderr().print(f"{behind}, since only the search index still has them", style="yellow")
    _end(tally, f"{_sessions(tally)} exported")


def import_(
    *,
    what: Annotated[
        str,
        typer.Argument(help="File to read, or - for the standard input. With --from, a Redis URL.", metavar="FILE"),
    ],
    source: Annotated[
        Source | None,
        typer.Option("--from", help=f"Package that wrote the keys: {', '.join(Source)}.", metavar="PACKAGE"),
    ] = None,
    prefix: Annotated[
        str | None,
        typer.Option(help="With --from: the prefix of its keys.", metavar="TEXT"),
    ] = None,
    url: Url = None,
    api_key: ApiKey = None,
    namespace: Namespace = "default",
    existing: Annotated[
        Existing,
        typer.Option(help=f"If another session has the id: {', '.join(Existing)}.", metavar="WHAT"),
    ] = Existing.REFUSE,
    embeddings: Embeddings = None,
) -> None:
    """Read sessions from a file, or from another package's keys.

    Each session is imported completely or not at all. If an import is interrupted, run it again to continue.
    """
    from langchain_motorhead.transfer.importer import ImportReport, import_lines, import_snapshots
    from langchain_motorhead.transfer.readers import read_source

    tally = ImportReport()
    try:
        with open_motorhead(url, namespace, embeddings, api_key) as motorhead, _progress() as show:

            def report(tally: ImportReport) -> None:
                show(_imported(tally))

            if source is not None:
                read = read_source(source, what, tally.complain, prefix)
                import_snapshots(motorhead, read, existing, tally=tally, report=report)
            else:
                with _reading(what) as file:
                    import_lines(motorhead, file, existing, tally=tally, report=report)
    except MotorheadError:
        if tally.imported:
            stderr().print(f"{_imported(tally)}, then the import failed. Run it again to continue")
        raise
    if tally.problems and not tally.imported:
        stderr().print("Is it the file of motorhead export? The keys of another package are read with --from")
    _end(tally, _imported(tally))


def _imported(tally: "ImportReport") -> str:
    parts = [f"{_sessions(tally)} imported"]
    if tally.before:
        parts.append(f"{tally.before} imported before")
    if tally.skipped:
        parts.append(f"{tally.skipped} skipped")
    return ", ".join(parts)


def _sessions(tally: "ImportReport") -> str:
    return f"{counted(tally.imported, 'session')} with {counted(tally.messages, 'message')}"


def _end(tally: "ImportReport", said: str) -> None:
    """Print the result and the problems, and exit with 1 if there are problems."""
    console = stderr()
    for problem in tally.details:
        console.print(shown(problem), style="yellow")
    if more := tally.problems - len(tally.details):
        console.print(f"… and {more:,} more", style="yellow")
    console.print(said + (f"; {counted(tally.problems, 'problem')}" if tally.problems else ""))
    if tally.problems:
        raise typer.Exit(1)


@contextmanager
def _progress() -> Iterator[Callable[[str], object]]:
    """Show the progress on one line of a terminal, and nothing elsewhere."""
    console = stderr()
    if not console.is_terminal:
        yield len  # any function of a string
        return
    with console.status("…") as status:
        yield status.update


@contextmanager
def _writing(name: str) -> Iterator[BinaryIO]:
    """Open the file to write, which only its owner can read. It gets its name when it is complete.

    Pipes and devices are written directly.
    """
    if name == _STREAM:
        try:
            yield sys.stdout.buffer
            sys.stdout.buffer.flush()
        except BrokenPipeError:  # the reader has closed the pipe
            drop_output()
            raise typer.Exit(1) from None
        return
    path = Path(name).resolve()  # a link, such as /dev/stdout, must not be replaced
    part: Path | None = None
    try:
        if path.exists() and not path.is_file():
            with path.open("wb") as file:
                yield file
            return
        descriptor, made = mkstemp(prefix=f"{path.name[:_MAX_NAME_CHARS]}.", suffix=".part", dir=path.parent)
        part = Path(made)
        with os.fdopen(descriptor, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except OSError as error:
        raise InvalidInputError(f"{name} cannot be written: {error.strerror or error}") from error
    finally:
        if part is not None:
            part.unlink(missing_ok=True)


@contextmanager
def _reading(name: str) -> Iterator[BinaryIO]:
    if "://" in name:  # not repeated, since it may hold a password
        raise InvalidInputError("a URL is read with --from, which names the package that wrote the keys there")
    if name == _STREAM:
        yield sys.stdin.buffer
        return
    try:
        with Path(name).open("rb") as file:
            yield file
    except OSError as error:
        raise InvalidInputError(f"{name} cannot be read: {error.strerror or error}") from error
