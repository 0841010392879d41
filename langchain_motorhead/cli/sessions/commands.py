"""The commands `sessions list`, `show`, `search` and `delete`. Others are in `messages.py` and `summaries.py`.

Typer reads the annotations of commands at run time, so they are not postponed.
"""

import json
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.text import Text

from langchain_motorhead.cli.common import (
    ApiKey,
    Embeddings,
    Json,
    Namespace,
    Url,
    User,
    age,
    is_server,
    no_session,
    open_motorhead,
    print_json,
    shown,
    stderr,
    stdout,
    table,
)
from langchain_motorhead.cli.help import Command, Group
from langchain_motorhead.cli.sessions import summaries
from langchain_motorhead.cli.sessions.conversation import message_line, show_transcript
from langchain_motorhead.cli.sessions.messages import edit, forget
from langchain_motorhead.exceptions import InvalidInputError, InvalidMessageError, RecallNotConfiguredError
from langchain_motorhead.messages.wording import counted
from langchain_motorhead.recall.search_options import MAX_RESULTS_COUNT
from langchain_motorhead.sessions.snapshot import read_snapshot
from langchain_motorhead.storage.operation import together

if TYPE_CHECKING:
    from langchain_motorhead.client import Motorhead

_LOOK, _CORRECT = "Look", "Correct"
# Largest page and number of messages. Redis refuses numbers of more than 64 bits.
_MOST = 1_000_000

app = typer.Typer(cls=Group, help="List, show, search and correct sessions.", no_args_is_help=True)

SessionId = Annotated[str, typer.Argument(help="Id of the session.", metavar="ID")]


@app.command("list", cls=Command, rich_help_panel=_LOOK)
def list_(
    *,
    url: Url = None,
    api_key: ApiKey = None,
    namespace: Namespace = "default",
    user: User = None,
    page: Annotated[int, typer.Option(min=1, max=_MOST, help="Page to show.", metavar="N")] = 1,
    size: Annotated[int, typer.Option(min=1, max=1_000, help="Sessions on a page.", metavar="N")] = 50,
    as_json: Json = False,
) -> None:
    """List sessions, most recently active first."""
    with open_motorhead(url, namespace, api_key=api_key) as motorhead:
        rows = (_rows_of_server if is_server(url) else _rows)(motorhead, user, page, size)
    if as_json:
        print_json(rows)
        return
    if not rows:
        stderr().print(_nothing(namespace, url, user, page))
        return
    columns = ("session", "user", "messages", "in window", "summarized", "last active")
    listed, now = table(*columns, numbers=columns[2:5]), datetime.now(UTC)
    for row in rows:
        listed.add_row(
            Text(shown(row["session"])), Text(shown(row["user"] or "")), str(row["messages"]), str(row["window"]),
            str(row["summarized"]), age(row["active"], now),
        )  # fmt: skip
    stdout().print(listed)


@app.command(cls=Command, rich_help_panel=_LOOK)
def show(
    session: SessionId,
    *,
    url: Url = None,
    api_key: ApiKey = None,
    namespace: Namespace = "default",
    last: Annotated[
        int, typer.Option(min=1, max=_MOST, help="How many of the newest messages to show.", metavar="N")
    ] = 100,
    everything: Annotated[
        bool, typer.Option("--all", help="Show all messages with their numbers, including summarized ones.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Show the summary and the newest messages of a session, or all messages."""
    with open_motorhead(url, namespace, api_key=api_key) as motorhead:
        found = (_read_from_server if is_server(url) else _read)(motorhead, session, last)
        if found is None:
            raise no_session(session, namespace)
        if everything:
            show_transcript(motorhead.session(session), as_json=as_json)
            return
    if as_json:
        print_json(found)
        return
    console = stdout()
    counts = f"{found['window']} in the window, {found['summarized']} summarized"
    about = (
        f"{counts}, {counted(found['tokens'], 'token')} spent on {counted(found['versions'], 'version')} of the summary"
    )
    of = f" of {shown(found['user'])}" if found["user"] else ""
    console.print(Text.assemble((shown(session), "bold"), f"{of}: {about}"))
    if found["summary"] is not None:
        console.print(Text(shown(found["summary"], lines=True), style="magenta"))
    for message in found["messages"]:
        console.print(message_line(message))


@app.command(cls=Command, rich_help_panel=_LOOK)
def search(
    text: Annotated[str, typer.Argument(help="Text to search for.", metavar="TEXT")],
    *,
    url: Url = None,
    api_key: ApiKey = None,
    namespace: Namespace = "default",
    user: User = None,
    session: Annotated[str | None, typer.Option(help="Only this session.", metavar="ID")] = None,
    count: Annotated[
        int,
        typer.Option(
            "--count", "-k", min=1, max=MAX_RESULTS_COUNT, help="How many messages to find at most.", metavar="N"
        ),
    ] = 10,
    embeddings: Embeddings = None,
    as_json: Json = False,
) -> None:
    """Search the messages of all sessions, of a user, or of a session.

    On a Redis, it needs the embedding model of the index.
    """
    if embeddings is None and not is_server(url):
        raise RecallNotConfiguredError("a search needs the embedding model of the index: --embeddings NAME")
    with open_motorhead(url, namespace, embeddings, api_key) as motorhead:
        documents = motorhead.retriever(session, user, k=count).invoke(text)
    if as_json:
        print_json([{"text": document.page_content, **document.metadata} for document in documents])
        return
    if not documents:
        stderr().print("nothing was found. sessions list shows what is there; reindex indexes what is not indexed yet")
        return
    listed = table("session", "role", "score", "text", numbers=("score",))
    for document in documents:
        found = document.metadata
        listed.add_row(
            Text(shown(str(found["session_id"]))), Text(shown(str(found["role"]))), f"{found['score']:.2f}",
            Text(shown(document.page_content)),
        )  # fmt: skip
    stdout().print(listed)


def delete(
    sessions: Annotated[list[str] | None, typer.Argument(help="Ids of sessions.", metavar="ID...")] = None,
    *,
    url: Url = None,
    api_key: ApiKey = None,
    namespace: Namespace = "default",
    user: Annotated[str | None, typer.Option(help="Delete all sessions of this user.", metavar="ID")] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Delete without asking.")] = False,
) -> None:
    """Delete sessions with all their data, or all sessions of a user."""
    if bool(sessions) == (user is not None):
        raise InvalidInputError("give either ids of sessions, or --user to delete all sessions of a user")
    what = counted(len(sessions), "session") if sessions else f"all sessions of user {user!r}"
    if not yes:
        if not sys.stdin.isatty():
            raise InvalidInputError(f"{what} would be deleted from namespace {namespace!r}. Confirm with --yes")
        typer.confirm(f"Delete {shown(what)} of namespace {namespace!r}?", abort=True)
    with open_motorhead(url, namespace, api_key=api_key) as motorhead:
        if user is not None:
            typer.echo(f"{motorhead.delete_user(user)} deleted")
            return
        ids = list(dict.fromkeys(sessions or ()))
        missing = [each for each in ids if not motorhead.session(each).delete()]
    typer.echo(f"{len(ids) - len(missing)} deleted")
    if missing:
        raise no_session(missing[0], namespace)


app.command(cls=Command, rich_help_panel=_LOOK)(summaries.summaries)
app.command(cls=Command, rich_help_panel=_CORRECT)(edit)
app.command(cls=Command, rich_help_panel=_CORRECT)(forget)
app.command("set-summary", cls=Command, rich_help_panel=_CORRECT)(summaries.set_summary)
app.command(cls=Command, rich_help_panel=_CORRECT)(summaries.rebuild)
app.command(cls=Command, rich_help_panel=_CORRECT)(delete)


def _nothing(namespace: str, url: str | None, user: str | None, page: int) -> str:
    """Say that there are no sessions, and where else they may be."""
    if page > 1:
        return f"there are no sessions on page {page}. See --page 1"
    of = "" if user is None else f" of user {user!r}"
    if is_server(url):
        return shown(f"there are no sessions{of}. Another API key may have another namespace")
    return shown(f"there are no sessions{of} in namespace {namespace!r}. See --namespace and --url")


def _rows(motorhead: "Motorhead", user: str | None, page: int, size: int) -> list[dict[str, Any]]:
    """Read a page of sessions with their counts, in two round trips."""
    from langchain_motorhead.sessions import registry_operations as listing
    from langchain_motorhead.storage.keys import registry_key, session_keys

    redis, namespace = motorhead.backend.require_redis(), motorhead.namespace
    start = (page - 1) * size
    found = redis.execute(listing.listed(registry_key(namespace, user), start, start + size - 1, newest_first=True))
    reads = (read_snapshot(session_keys(namespace, session_id), 1, 0) for session_id, _ in found)
    readings = redis.execute(together(*reads)) if found else []
    return [
        {
            "session": session_id,
            "user": reading.user,
            "messages": reading.first + reading.length,
            "window": reading.length,
            "summarized": reading.covered,
            "failures": reading.failures,
            "active": _time(active),
        }
        for (session_id, active), reading in zip(found, readings, strict=True)
        if reading.epoch is not None
    ]


def _rows_of_server(motorhead: "Motorhead", user: str | None, page: int, size: int) -> list[dict[str, Any]]:
    """Ask a server for a page of sessions with their counts. The original one does not say when they were active."""
    from langchain_motorhead.cli.sessions.remote import session_infos

    infos = session_infos(motorhead, motorhead.sessions(user, page=page, size=size))
    columns = ("session", "user", "messages", "window", "summarized", "failures", "active")
    return [{name: info[name] for name in columns} for info in infos if info["exists"]]


def _read(motorhead: "Motorhead", session: str, last: int) -> dict[str, Any] | None:
    """Read a session with its newest messages; None if there is none."""
    from langchain_motorhead.sessions.summaries.operations import count_versions
    from langchain_motorhead.storage.keys import session_keys

    keys = session_keys(motorhead.namespace, session)
    reading, versions = motorhead.backend.require_redis().execute(
        together(read_snapshot(keys, -last), count_versions(keys))
    )
    if reading.epoch is None:
        return None
    return {
        "session": session,
        "user": reading.user,
        "summary": reading.summary,
        "summarized": reading.covered,
        "versions": versions,
        "tokens": reading.tokens,
        "failures": reading.failures,
        "window": reading.length,
        "messages": [_message(record) for record in reading.records],
    }


def _read_from_server(motorhead: "Motorhead", session: str, last: int) -> dict[str, Any] | None:
    """Read a session with its newest messages from a server; None if there is none."""
    from langchain_motorhead.cli.sessions.remote import session_infos
    from langchain_motorhead.messages.codec import encode

    (info,) = session_infos(motorhead, [session])
    memory = motorhead.session(session, info["user"]).load()
    if not info["exists"] or not (memory.total or memory.messages or memory.summary):
        return None
    return {
        "session": session,
        "user": info["user"],
        "summary": memory.summary,
        "summarized": memory.summarized,
        "versions": info["versions"],
        "tokens": memory.tokens,
        "failures": memory.failures,
        "window": info["window"],
        "messages": [_message(encode(each)) for each in memory.messages[-last:]],
    }


def _message(record: bytes | str) -> dict[str, Any]:
    """Return a stored message as an object."""
    from langchain_motorhead.messages.codec import decode

    try:
        decode(record)
        message: dict[str, Any] = json.loads(record)
    except (InvalidMessageError, ValueError):
        return {"role": "unreadable", "content": repr(record)}
    return {**message, "content": message["content"] or ""}


def _time(micro: float) -> str:
    try:
        return datetime.fromtimestamp(micro / 1_000_000).astimezone().isoformat(" ", "seconds")
    except (ValueError, OverflowError, OSError):
        return ""
