"""Replacing a session's summary by hand, as a flow: the text is checked as a model's would be."""

from __future__ import annotations

from langchain_motorhead.exceptions import InvalidInputError, SummarizationError
from langchain_motorhead.flows.protocol import Flow
from langchain_motorhead.sessions.archive.transcript import Transcript, read_page
from langchain_motorhead.sessions.snapshot import SessionSnapshot, read_snapshot
from langchain_motorhead.sessions.summaries import operations
from langchain_motorhead.sessions.summaries.origin import Author, Origin
from langchain_motorhead.storage.keys import SessionKeys, check_user

# Of those that the summary covers, the newest ones that a new text is compared with.
_COMPARED_MESSAGES = 500
_MAX_TRIES = 5


def set_summary(keys: SessionKeys, text: str, *, override: bool) -> Flow[None]:
    """Put a text in the place of a session's summary. It covers every message that has left the list.

    Args:
        keys: Keys of the session.
        text: The text; an empty one removes the summary.
        override: Whether to store it without a check.

    Raises:
        InvalidInputError: There is no such session, it belongs to another user, or the check found faults: the message
            lists them. Nothing was stored.
        SummarizationError: The session kept changing. Nothing was stored.
        SessionReplacedError: The session was deleted meanwhile.
        StoreError: A later version of this package wrote the session.
    """
    check_text(text)
    text = text.strip()
    for _ in range(_MAX_TRIES):
        seen: SessionSnapshot = yield read_snapshot(keys, 1, 0)
        if seen.epoch is None:
            raise InvalidInputError(f"there is no session {keys.session_id!r}")
        check_user(keys, seen.user)
        if text and not override:
            yield from _check(keys, text, seen)
        stored = yield operations.set_summary(keys, seen, text, Origin(Author.CLIENT))
        if stored:
            return
    raise SummarizationError("the summary was not stored, since the session kept changing. Try again")


def check_text(text: object) -> None:
    """Check that what is to be the summary is text.

    Raises:
        InvalidInputError: It is not.
    """
    if not isinstance(text, str):
        raise InvalidInputError(f"the summary must be a string, not {type(text).__name__}")


def _check(keys: SessionKeys, text: str, seen: SessionSnapshot) -> Flow[None]:
    from langchain_motorhead.sessions.checks.summary import check_summary  # with large patterns

    start = max(0, seen.first - _COMPARED_MESSAGES)
    page: Transcript = yield from read_page(keys, start, seen.first, _COMPARED_MESSAGES, seen.epoch)
    faults = check_summary(text, [each.message for each in page], previous=seen.summary or "")
    if faults:
        raise InvalidInputError(
            f"the text cannot be used as the summary: {'; '.join(faults)}. Use override to store it anyway"
        )
