"""Turns what was read into plain data for the templates. Pure: no I/O, no HTML.

Every text is bounded, so that the size of a page is. Whatever is shown is text: the templates escape all of it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage, ToolMessage

from langchain_motorhead.exceptions import InvalidMessageError
from langchain_motorhead.messages.codec import decode
from langchain_motorhead.messages.ids import derived_id
from langchain_motorhead.messages.text import message_text, speaker
from langchain_motorhead.recall.query import Hit
from langchain_motorhead.recall.words.terms import terms
from langchain_motorhead.server.page.reading import ListedSession, Overview
from langchain_motorhead.sessions.compaction.window import Window
from langchain_motorhead.sessions.snapshot import SessionSnapshot
from langchain_motorhead.sessions.summaries.versions import SummaryVersion

SHOWN_CHARS = 4_000
"""Characters of a message, a tool call or a result that a page of several shows."""

WHOLE_CHARS = 400_000
"""Characters of a message that a page of its own shows."""

_SNIPPET_CHARS = 160
_WORD = re.compile(r"\w+")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MAX_CALLS = 20


@dataclass(frozen=True, slots=True)
class Cut:
    """A text that is shown up to a bound.

    Attributes:
        text: What is shown.
        left: How many characters are not.
    """

    text: str
    left: int = 0


@dataclass(frozen=True, slots=True)
class CallView:
    """A call of a tool: its name, and its arguments as JSON."""

    name: str
    arguments: Cut


@dataclass(frozen=True, slots=True)
class MessageView:
    """A message.

    Attributes:
        seq: Its sequence number.
        kind: What it is, for its look: `human`, `ai`, `tool`, `system` or `other`.
        speaker: Who said it.
        time: When it was stored, or None.
        body: Its text.
        calls: The tools that it calls.
    """

    seq: int
    kind: str
    speaker: str
    time: datetime | None
    body: Cut
    calls: list[CallView] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Segment:
    """A part of the bar: a kind of messages, and how many there are.

    Attributes:
        kind: Name of its color.
        label: Its name.
        count: How many messages there are.
        offset: Where it begins, in percent of the bar.
        share: How wide it is, likewise.
        explanation: Where these messages are.
    """

    kind: str
    label: str
    count: int
    offset: float
    share: float
    explanation: str


@dataclass(frozen=True, slots=True)
class SessionRow:
    """A session in a list."""

    session_id: str
    user_id: str | None
    active: datetime | None
    total: int
    waiting: int
    failures: int
    snippet: str
    by: str


@dataclass(frozen=True, slots=True)
class VersionView:
    """A version of the summary, with its number among those that are kept."""

    number: int
    version: SummaryVersion
    text: Cut
    added: Cut
    anew: bool
    failed: str


@dataclass(frozen=True, slots=True)
class HitView:
    """A message that a search found, and why.

    Attributes:
        hit: What was found.
        parts: Its text in pieces, each with whether it is a word of the query.
        words: Words of the query that it has.
        left: Characters of the text that are not shown.
    """

    hit: Hit
    parts: list[tuple[str, bool]]
    words: list[str]
    left: int


def cut(text: str, chars: int = SHOWN_CHARS) -> Cut:
    """Return a text up to a number of characters."""
    return Cut(text[:chars], max(0, len(text) - chars))


def to_time(micros: float | None) -> datetime | None:
    """Return a time that is given in microseconds since 1970; None if it is missing or out of range."""
    try:
        return None if micros is None else _EPOCH + timedelta(microseconds=micros)
    except OverflowError:
        return None


def session_row(listed: ListedSession, window: Window) -> SessionRow:
    """Build the row of a session."""
    snapshot = listed.snapshot
    newest = list(_decoded(snapshot))
    return SessionRow(
        listed.session_id,
        snapshot.user,
        to_time(listed.active),
        snapshot.first + snapshot.length,
        max(0, snapshot.length - window.max_messages),
        snapshot.failures,
        " ".join(message_text(newest[-1][1])[: 4 * _SNIPPET_CHARS].split())[:_SNIPPET_CHARS] if newest else "",
        speaker(newest[-1][1]) if newest else "",
    )


def newest_messages(snapshot: SessionSnapshot) -> list[MessageView]:
    """Build the newest messages of a session, as many as were read."""
    return [message_view(seq, message, None) for seq, message in _decoded(snapshot)]


def message_view(seq: int, message: BaseMessage, time: datetime | None, chars: int = SHOWN_CHARS) -> MessageView:
    """Build the view of a message.

    Args:
        seq: Its sequence number, or -1 for a message that is not stored as such.
        message: The message.
        time: When it was stored, or None.
        chars: How many characters of its text to show.
    """
    calls, body = list[CallView](), message_text(message)
    if isinstance(message, AIMessage) and message.tool_calls:
        calls = [
            CallView(str(call["name"]), cut(_as_json(call["args"]), chars)) for call in message.tool_calls[:_MAX_CALLS]
        ]
        body = message_text(message.model_copy(update={"tool_calls": [], "invalid_tool_calls": []}))
    return MessageView(seq, _kind(message), speaker(message), time, cut(body, chars), calls)


def bar(overview: Overview, window: Window) -> list[Segment]:
    """Build the bar: where the messages of a session are. Kinds without a message are left out.

    Messages that were forgotten are a kind of their own, and are not counted where they were. Results of tools that
    were forgotten in the list are taken for archived ones.
    """
    snapshot = overview.snapshot
    archived = min(snapshot.first, overview.archive.messages)
    uncovered = snapshot.first - snapshot.covered
    waiting = max(0, snapshot.length - window.max_messages)
    gap = min(uncovered, archived)
    listed = len(overview.forgotten_listed)
    due = sum(position < waiting for position in overview.forgotten_listed)
    elsewhere = max(0, overview.forgotten - listed)
    # Those that left the list: in the archive as long as there may be so many.
    gone = [0, 0, 0]
    for at, room in enumerate((archived - gap, gap, snapshot.first - archived)):
        gone[at] = min(room, elsewhere - sum(gone))
    kinds = (
        ("forgotten", "Forgotten", listed + sum(gone), "were removed for good: only their numbers are left"),
        (
            "lost", "Not kept", snapshot.first - archived - gone[2],
            "left the window and are not in the archive: only the summary tells of them",
        ),
        (
            "archived", "Archived", archived - gap - gone[0],
            "are in the summary, and are kept word for word in the archive",
        ),
        (
            "gap", "Waiting in the archive", gap - gone[1],
            "are in the archive, and will be summarized again",
        ),
        (
            "waiting", "Waiting", waiting - due,
            "are older than the window, and will be summarized with the next compaction",
        ),
        ("window", "Window", snapshot.length - waiting - (listed - due), "go into the next prompt word for word"),
    )  # fmt: skip
    there = [each for each in kinds if each[2] > 0]
    total = max(1, sum(count for _, _, count, _ in there))
    segments, at = list[Segment](), 0
    for kind, label, count, why in there:
        segments.append(Segment(kind, label, count, 100 * at / total, 100 * count / total, why))
        at += count
    return segments


def version_views(versions: list[SummaryVersion]) -> list[VersionView]:
    """Build the versions of a summary, the newest first."""
    views = []
    for number, each in enumerate(versions, 1):
        failed = ", ".join(f"{count} × {reason}" for reason, count in sorted(each.failed.items()))
        anew = number == 1 or each.added == each.text
        views.append(VersionView(number, each, cut(each.text), cut(each.added), anew, failed))
    return views[::-1]


def hit_view(hit: Hit, query: str, language: str) -> HitView:
    """Build the view of a search result, in which the words of the query are marked.

    Args:
        hit: What was found.
        query: What was searched for.
        language: Language whose stems are compared.
    """
    wanted, shown = set(terms(query, language)), cut(hit.text)
    parts, words, at = list[tuple[str, bool]](), dict[str, None](), 0
    for found in _WORD.finditer(shown.text):
        if wanted.intersection(terms(found[0], language)):
            parts += [(shown.text[at : found.start()], False), (found[0], True)]
            words[found[0].lower()] = None
            at = found.end()
    return HitView(hit, [*parts, (shown.text[at:], False)], list(words), shown.left)


def _decoded(snapshot: SessionSnapshot) -> Iterator[tuple[int, BaseMessage]]:
    """Return the messages of a snapshot that can be read, with their sequence numbers: the newest ones were read."""
    start = snapshot.first + snapshot.length - len(snapshot.records)
    for seq, record in enumerate(snapshot.records, start):
        try:
            yield seq, decode(record, derived_id(snapshot.epoch, seq))
        except InvalidMessageError:
            continue


def _kind(message: BaseMessage) -> str:
    if isinstance(message, ToolMessage):
        return "tool"
    return message.type if message.type in ("human", "ai", "system") else "other"


def _as_json(value: Mapping[str, Any]) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False, default=str)
