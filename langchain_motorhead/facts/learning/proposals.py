"""Proposals: what a learner is given, and what its answer proposes, before anything of it is verified. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NotRequired

from typing_extensions import TypedDict


class LearnerMessage(TypedDict):
    """A message that a learner is given.

    Attributes:
        seq: Sequence number of the message in its session. Sources name it.
        role: `"human"`, `"ai"`, `"tool"` or another role.
        name: Name of the speaker, or None.
        text: What was said.
        said_at: When it was said, in ISO 8601, or None if that is not known.
    """

    seq: int
    role: str
    name: str | None
    text: str
    said_at: str | None


class KnownFact(TypedDict):
    """A fact that a learner is given, so that it can be confirmed, superseded or retracted.

    Attributes:
        n: Number by which an operation names it.
        text: The fact.
        subject: Whom or what it is about.
        attribute: What it says of the subject.
        said_at: When it was said, in ISO 8601.
        pinned: Whether a person stated it. It cannot be superseded or retracted.
    """

    n: int
    text: str
    subject: str
    attribute: str
    said_at: str
    pinned: bool


class LearnerInput(TypedDict):
    """The input of a learner: a batch of messages that were not learned yet.

    Attributes:
        session_id: Session of the messages.
        user_id: User of the session, or None.
        messages: The messages, oldest first.
        facts: What is known already and may concern the messages.
        before: A few messages before these, which were learned already, if there are any. The person may agree to one.
        rejected: Only if the learner is asked once more: the operations of its first answer that were rejected, each
            with the `rejection`, a sentence. Only corrected versions of these are wanted.
    """

    session_id: str
    user_id: str | None
    messages: Sequence[LearnerMessage]
    facts: Sequence[KnownFact]
    before: NotRequired[Sequence[LearnerMessage]]
    rejected: NotRequired[Sequence[Mapping[str, Any]]]


class Quote(TypedDict):
    """A source of an operation: the words of a message that state it."""

    seq: int
    quote: str


class LearnerOperation(TypedDict, total=False):
    """An operation of a learner's answer.

    Attributes:
        op: `"add"` a fact, `"same"`: say that one is stated again, `"supersede"` one by another, or `"retract"` one.
        text: The fact, in a sentence. For `"add"` and `"supersede"`.
        subject: Whom or what it is about: `"user"`, or a name or role.
        attribute: What it says of the subject, such as `"home town"`.
        sources: The messages that state it, with the words that do.
        fact: Number of the known fact. For all operations but `"add"`. Numbers after those of the known facts name what
            the operations before this one state: the first, the second, and so on.
        valid_from: Time from which it holds, in ISO 8601, if a message says so.
        valid_until: Time until which it holds, in ISO 8601, if a message says so.
        reason: Why, for readers of the trace. It is not stored.
    """

    op: Literal["add", "same", "supersede", "retract"]
    text: str
    subject: str
    attribute: str
    sources: list[Quote]
    fact: int | None
    valid_from: str | None
    valid_until: str | None
    reason: str | None


OPERATIONS = ("add", "same", "supersede", "retract")


@dataclass(frozen=True, slots=True)
class Proposal:
    """An operation of a learner's answer whose form is right.

    Attributes:
        op: One of `OPERATIONS`.
        text: The fact, or empty.
        subject: Whom or what it is about.
        attribute: What it says of the subject.
        sources: Sequence numbers and quotes.
        fact: Number of the known fact, or None.
        valid_from: As it was given, or None.
        valid_until: As it was given, or None.
    """

    op: str
    text: str
    subject: str
    attribute: str
    sources: tuple[tuple[int, str], ...]
    fact: int | None
    valid_from: str | None
    valid_until: str | None


def to_proposal(given: object) -> Proposal | None:
    """Return an operation as a proposal, or None if it has not the form of one."""
    if not isinstance(given, Mapping) or given.get("op") not in OPERATIONS:
        return None
    sources = _sources(given)
    texts = {name: given.get(name) for name in ("text", "subject", "attribute", "valid_from", "valid_until")}
    if sources is None or any(text is not None and not isinstance(text, str) for text in texts.values()):
        return None
    number = _whole(given.get("fact"))
    if given.get("fact") is not None and number is None:
        return None
    return Proposal(
        op=str(given["op"]),
        text=texts["text"] or "",
        subject=texts["subject"] or "",
        attribute=texts["attribute"] or "",
        sources=sources,
        fact=number,
        valid_from=texts["valid_from"] or None,
        valid_until=texts["valid_until"] or None,
    )


def _sources(given: Mapping[str, Any]) -> tuple[tuple[int, str], ...] | None:
    listed = given.get("sources")
    if not isinstance(listed, Sequence) or isinstance(listed, str | bytes):
        return None
    found = []
    for source in listed:
        # A list of numbers with one quote for all is understood too.
        seq, quote = (source.get("seq"), source.get("quote")) if isinstance(source, Mapping) else (source, None)
        seq, quote = _whole(seq), given.get("quote") if quote is None else quote
        if seq is None or not isinstance(quote, str):
            return None
        found.append((seq, quote))
    return tuple(found)


def _whole(value: object) -> int | None:
    if isinstance(value, str) and value.strip().isdecimal():
        return int(value)
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None
