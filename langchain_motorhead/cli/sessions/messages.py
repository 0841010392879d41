"""The commands `sessions forget` and `sessions edit`.

Typer reads the annotations of commands at run time, so they are not postponed.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from shlex import quote
from typing import TYPE_CHECKING, Annotated

import typer

from langchain_motorhead.cli.common import ApiKey, Json, Namespace, Url, open_motorhead, open_session, print_json, shown
from langchain_motorhead.exceptions import InvalidInputError, UnknownMessageError
from langchain_motorhead.messages.wording import counted

if TYPE_CHECKING:
    from langchain_motorhead import Receipt, Session, TranscriptMessage

_SessionId = Annotated[str, typer.Argument(help="Id of the session.", metavar="ID")]
_ByNumber = Annotated[bool, typer.Option("--seq", help="MESSAGE_ID is a number that `show --all` prints.")]


def forget(
    session: _SessionId,
    messages: Annotated[list[str], typer.Argument(help="Ids of messages.", metavar="MESSAGE_ID...")],
    *,
    url: Url = None,
    api_key: ApiKey = None,
    namespace: Namespace = "default",
    by_number: _ByNumber = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Forget without asking.")] = False,
    as_json: Json = False,
) -> None:
    """Remove messages for good.

    Also from the summary, the search index and the facts.
    """
    which = [_number(each) if by_number else each for each in messages]
    if not yes:
        what = f"{counted(len(messages), 'message')} of session {session!r}"
        if not sys.stdin.isatty():
            raise InvalidInputError(f"{what} would be forgotten for good. Confirm with --yes")
        typer.confirm(f"Forget {shown(what)} for good?", abort=True)
    with open_motorhead(url, namespace, api_key=api_key) as motorhead, _hint(session):
        receipt = open_session(motorhead, session, namespace).forget(which)
    _print(receipt, "forgotten", as_json=as_json)


def edit(
    session: _SessionId,
    message: Annotated[str, typer.Argument(help="Id of the message.", metavar="MESSAGE_ID")],
    text: Annotated[
        str | None, typer.Argument(help="The new text. Default: the standard input.", metavar="TEXT")
    ] = None,
    *,
    url: Url = None,
    api_key: ApiKey = None,
    namespace: Namespace = "default",
    by_number: _ByNumber = False,
    as_json: Json = False,
) -> None:
    """Replace the text of a message.

    What it said before is forgotten.
    """
    which = _number(message) if by_number else message
    content = sys.stdin.read().rstrip("\n") if text is None else text
    if not content.strip():
        raise InvalidInputError("the new text is empty. Give one, or remove the message with motorhead sessions forget")
    with open_motorhead(url, namespace, api_key=api_key) as motorhead, _hint(session):
        given = open_session(motorhead, session, namespace)
        found = _find(given, which)
        receipt = given.edit(found.seq, found.message.model_copy(update={"content": content}))
    _print(receipt, "edited", as_json=as_json)


def _find(session: "Session", which: str | int) -> "TranscriptMessage":
    """Return a message of a session.

    Raises:
        UnknownMessageError: It is not there.
    """
    start, stop = (which, which + 1) if isinstance(which, int) else (0, None)
    for each in session.iter_transcript(start, stop):
        if which in (each.seq, each.message.id):
            return each
    raise UnknownMessageError(f"session {session.session_id!r} has no message {which!r:.80} that can be read")


@contextmanager
def _hint(session: str) -> Iterator[None]:
    """Say where messages have numbers, if one is not found."""
    try:
        yield
    except UnknownMessageError as error:
        advice = f"With --seq, give a number that motorhead sessions show {quote(shown(session))} --all prints"
        raise UnknownMessageError(f"{error}. {advice}") from None


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise InvalidInputError(f"with --seq, a message is given by its sequence number, not by {text!r:.80}")
    return int(text)


def _print(receipt: "Receipt", done: str, *, as_json: bool) -> None:
    if as_json:
        print_json(asdict(receipt))
        return
    removed = ", ".join(
        [
            f"{receipt.in_list} in the list",
            f"{receipt.in_archive} in the archive",
            counted(receipt.documents, "search document"),
            counted(receipt.vectors, "vector"),
            counted(receipt.summaries, "version of the summary", "versions of the summary"),
        ]
    )
    typer.echo(f"{counted(len(receipt.messages), 'message')} {done} ({removed})")
