"""`Fact`: one statement about a user, with its sources and its place in time. Pure."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from datetime import UTC, datetime

from langchain_motorhead.messages.quoting import visible
from langchain_motorhead.messages.wording import counted, shortened

MAX_TEXT_CHARS = 1_000
"""Characters of a fact, and of a quote."""
MAX_NAME_CHARS = 100
"""Characters of a subject, and of an attribute."""
MAX_SOURCES = 20
"""Sources that are kept of a fact: the first one and the newest ones."""
USER = "user"
"""Subject of the facts about the user."""

_QUOTES = str.maketrans({"‘": "'", "’": "'", "‛": "'", "`": "'", "“": '"', "”": '"', "„": '"', "«": '"', "»": '"'})
_DASHES = re.compile(r"[\u2010-\u2015\u2212]")
_NO_WORD = re.compile(r"^[\W_]+|[\W_]+$")


@dataclass(frozen=True, slots=True)
class Source:
    """Where a fact was said: a message of a session, and the words in it.

    Attributes:
        session_id: Session of the message.
        seq: Sequence number of the message.
        message_id: Id of the message.
        quote: The words of the message that state the fact.
        epoch: Epoch of the session. A session that is made again after its deletion has another one.
    """

    session_id: str
    seq: int
    message_id: str
    quote: str
    epoch: str

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.session_id!r}, {self.seq}, {shortened(self.quote)!r})"

    @property
    def place(self) -> tuple[str, int]:
        """The message that this is a quote of."""
        return self.epoch, self.seq


@dataclass(frozen=True, slots=True)
class Fact:
    """A statement about a user.

    Attributes:
        id: Random identifier.
        text: The statement, in a sentence.
        subject: Whom or what it is about: `"user"`, or a name or role such as `"user's sister"`.
        attribute: What it says of the subject, in a few words such as `"home town"`. A new fact can only supersede one
            with the same subject and attribute.
        said_at: Time of the message that stated it first, or of the person's correction.
        learned_at: Time at which it was stored.
        valid_from: Time from which it holds, if that was said.
        valid_until: Time until which it holds, if that was said.
        closed_at: Time at which it was superseded or retracted. None for a fact that holds.
        superseded_by: Id of the fact that superseded it, or None.
        retracted_by: The messages that said it holds no longer, without saying what holds instead.
        pinned: Whether a person stated it, by `User.remember` or `User.correct`. No model can change it.
        sources: The messages that stated it, oldest first. Empty only if it is pinned.
    """

    id: str
    text: str
    subject: str
    attribute: str
    said_at: datetime
    learned_at: datetime
    valid_from: datetime | None = None
    valid_until: datetime | None = None
    closed_at: datetime | None = None
    superseded_by: str | None = None
    retracted_by: tuple[Source, ...] = ()
    pinned: bool = False
    sources: tuple[Source, ...] = ()

    def __repr__(self) -> str:
        told = f"{self.id!r}, {shortened(self.text)!r}, subject={self.subject!r}, attribute={self.attribute!r}"
        state = "" if self.is_open else ", superseded" if self.superseded_by else ", retracted"
        origin = f"{', pinned' * self.pinned}, {counted(len(self.sources), 'source')}"
        return f"{type(self).__name__}({told}{state}{origin})"

    @property
    def is_open(self) -> bool:
        """Whether it was neither superseded nor retracted."""
        return self.superseded_by is None and not self.retracted_by

    @property
    def has_source(self) -> bool:
        """Whether a message or a person still states it."""
        return self.pinned or bool(self.sources)

    @property
    def about(self) -> tuple[str, str]:
        """Its subject and attribute in the form in which they are compared."""
        return name_key(self.subject), name_key(self.attribute)

    @property
    def starts_at(self) -> datetime:
        """The time from which it holds: as it was said, or else when it was said."""
        return self.valid_from or self.said_at

    def holds_at(self, when: datetime) -> bool:
        """Return whether it held at a time, as far as is known today."""
        ends = [end for end in (self.valid_until, self.closed_at) if end is not None]
        return self.starts_at <= when and all(when < end for end in ends)


def normal(text: str) -> str:
    """Return a text in the form in which quotes are compared: without case, kinds of quotation marks and spaces."""
    plain = unicodedata.normalize("NFKC", visible(text)).translate(_QUOTES)
    return " ".join(_DASHES.sub("-", plain).casefold().split())


def text_key(text: str) -> str:
    """Return a text in the form in which facts are compared: as `normal`, without marks at its beginning and end."""
    return _NO_WORD.sub("", normal(text))


def name_key(name: str) -> str:
    """Return a subject or an attribute in the form in which they are compared."""
    return text_key(name.replace("_", " "))


def one_line(text: str) -> str:
    """Return a text on one line, without invisible characters."""
    return " ".join(visible(text).split())


def occurs(quote: str, text: str) -> bool:
    """Return whether a quote occurs in a text, whatever its case, spaces and kinds of quotation marks are."""
    return stands_in(quote, as_quoted(text))


def as_quoted(text: str) -> str:
    """Return a text in the form in which `stands_in` looks for quotes."""
    # A model copies what its prompt shows, where line breaks and tags are escaped.
    return normal(text.replace("\\n", " ").replace("&lt;", "<"))


def stands_in(quote: str, whole: str) -> bool:
    """Return whether a quote occurs in a text that `as_quoted` returned. See `occurs`."""
    wanted = as_quoted(quote)
    if not text_key(quote):
        return False
    at = whole.find(wanted)
    while at >= 0:
        before, after = whole[at - 1 : at], whole[at + len(wanted) : at + len(wanted) + 1]
        # Not a part of a word, except in a script without spaces.
        if not (_joins(before, wanted[:1]) or _joins(wanted[-1:], after)):
            return True
        at = whole.find(wanted, at + 1)
    return False


def _joins(one: str, other: str) -> bool:
    return one.isascii() and other.isascii() and one.isalnum() and other.isalnum()


def to_micros(time: datetime) -> int:
    """Return a time as microseconds since 1970."""
    since = time.astimezone(UTC) - _START
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


_START = datetime(1970, 1, 1, tzinfo=UTC)
