"""The window of a session, and the plan of a compaction: which messages leave the window. Pure: no I/O, no clock.

The window is the newest messages of a session, which are kept word for word. Older messages are moved into the summary.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from langchain_core.messages import BaseMessage

from langchain_motorhead.exceptions import InvalidInputError
from langchain_motorhead.messages.text import readable, split_message
from langchain_motorhead.messages.tokens import TokenCounter
from langchain_motorhead.messages.tool_calls import safe_cuts

# A tool call without a result stays in the list until this many later messages follow, however small the window.
_MIN_RESULT_WAIT_MESSAGES = 8
# What fits into the context of most models.
_DEFAULT_TOKEN_LIMIT = 100_000

Part: TypeAlias = tuple[BaseMessage, ...]
"""Messages that are summarized with one call."""


@dataclass(frozen=True, slots=True)
class Window:
    """Bounds of the messages that are kept word for word.

    Attributes:
        max_messages: If there are more messages, the oldest are moved into the summary, so that half as many stay.
        max_tokens: If the messages have more tokens, the oldest are moved into the summary, so that half as many tokens
            stay; the newest message always stays. None for no bound in tokens.
        hard_limit: How many messages a load returns at most while older messages wait to be summarized. None for twice
            `max_messages`.
        hard_limit_tokens: How many tokens a load returns at most, estimated at four bytes each; the newest message is
            returned in any case. None for twice `max_tokens`, or for 100,000 if that is None, too.

    Raises:
        InvalidInputError: A bound is not a whole number, or is too small.
    """

    max_messages: int = 12
    max_tokens: int | None = None
    hard_limit: int | None = None
    hard_limit_tokens: int | None = None

    def __post_init__(self) -> None:
        _check("max_messages", self.max_messages, 2)
        if self.max_tokens is not None:
            _check("max_tokens", self.max_tokens, 2)
        if self.hard_limit is not None:
            _check("hard_limit", self.hard_limit, self.max_messages)
        if self.hard_limit_tokens is not None:
            _check("hard_limit_tokens", self.hard_limit_tokens, self.max_tokens or 1)

    @property
    def read_limit(self) -> int:
        """How many messages a load returns at most: the newest ones."""
        return self.hard_limit or 2 * self.max_messages

    @property
    def token_limit(self) -> int:
        """How many tokens a load returns at most."""
        if self.hard_limit_tokens is not None:
            return self.hard_limit_tokens
        return _DEFAULT_TOKEN_LIMIT if self.max_tokens is None else 2 * self.max_tokens

    def is_due(self, messages: int, tokens: int | None) -> bool:
        """Return whether a list with this number of messages, and of tokens if known, exceeds the window."""
        if messages > self.max_messages:
            return True
        return self.max_tokens is not None and tokens is not None and tokens > self.max_tokens


@dataclass(frozen=True, slots=True)
class Batch:
    """Messages that leave the list with one commit.

    Attributes:
        count: Number of messages.
        chunks: The same messages in groups that each fit into one call of the summarizer, in the order of the calls.
    """

    count: int
    chunks: tuple[Part, ...]


def plan(
    messages: Sequence[BaseMessage | None],
    total: int,
    window: Window,
    budget: int,
    count: TokenCounter,
    size: int | None = None,
) -> list[Batch]:
    """Return which messages a compaction moves into the summary: the oldest, so that half of the window stays.

    A tool call and its results are never separated.

    Args:
        messages: The oldest messages of the list, in order. None for a message that cannot be decoded.
        total: Length of the whole list; `messages` may be its beginning only.
        window: Bounds of the messages that are kept.
        budget: Tokens that fit into one call of the summarizer.
        count: Counts the tokens of messages.
        size: Tokens of the whole list as they are stored, if they are: it counts where `messages` is not all of it.

    Returns:
        The batches, in order. Empty if the window is not exceeded, or no message can be removed yet.
    """
    known = len(messages)
    sizes = [0 if message is None else count([message]) for message in messages]
    whole = known == total
    tokens = sum(sizes) if whole else size
    if not window.is_due(total, tokens):
        return []
    wanted = total - window.max_messages // 2 if total > window.max_messages else 0
    if window.max_tokens is not None and tokens is not None and tokens > window.max_tokens:
        kept = window.max_tokens // 2
        wanted = max(wanted, _first_kept(sizes, kept) if whole else _first_left(sizes, tokens - kept))
    cuts = safe_cuts(messages, max(window.max_messages, _MIN_RESULT_WAIT_MESSAGES))

    def still_due(at: int) -> bool:
        return window.is_due(total - at, None if tokens is None else tokens - sum(sizes[:at]))

    cut = _choose(cuts, wanted, still_due)
    return _batches(messages, sizes, [at for at in cuts if at <= cut], budget, count)


def batches_of(messages: Sequence[BaseMessage | None], budget: int, count: TokenCounter, *, whole: bool) -> list[Batch]:
    """Return messages in batches that fit the budget, cut as `plan` cuts them.

    Args:
        messages: The messages, at least one. None for one that is not there.
        budget: Tokens that fit into one call of the summarizer.
        count: Counts the tokens of messages.
        whole: Whether nothing belongs to them that follows. If not, a call whose results may follow is left out, unless
            there is nothing else.
    """
    cuts = safe_cuts(messages, 0)
    if whole or not cuts:
        cuts = [*cuts, len(messages)]
    return _batches(messages, [0 if each is None else count([each]) for each in messages], cuts, budget, count)


def chunk(messages: Sequence[BaseMessage], budget: int, count: TokenCounter) -> list[Part]:
    """Return messages in groups that fit the budget, in order. A message that is larger than the budget is split.

    A tool call and its results are in one group if they fit the budget together. Long encoded data, such as an image in
    base64, becomes a note.
    """
    chunks: list[list[BaseMessage]] = []
    room = 0
    for together in _uncut([readable(message) for message in messages]):
        sizes = [count([message]) for message in together]
        pieces: list[list[BaseMessage]] = [together]
        if sum(sizes) > budget:
            pieces = [[piece] for message in together for piece in split_message(message, budget, count)]
        for piece in pieces:
            size = count(piece) if len(pieces) > 1 else sum(sizes)
            if not chunks or size > room:
                chunks.append([])
                room = budget
            chunks[-1] += piece
            room -= size
    return [tuple(group) for group in chunks]


def halves(messages: Sequence[BaseMessage], count: TokenCounter) -> tuple[Part, ...]:
    """Return messages split into parts of about half their tokens.

    Tool calls stay with their results, unless these messages are nothing else. One message is split within its text.

    Returns:
        The parts, in order; none if there is nothing to split.
    """
    if len(messages) == 1:
        size = count(messages)
        pieces = split_message(messages[0], max(1, (size + 1) // 2), count)
        return tuple((piece,) for piece in pieces) if len(pieces) > 1 else ()
    sizes = [count([message]) for message in messages]
    cuts = safe_cuts(messages, 0) or range(1, len(messages))
    at = min(cuts, key=lambda cut: abs(sum(sizes[:cut]) - sum(sizes[cut:])))
    return tuple(messages[:at]), tuple(messages[at:])


def _uncut(messages: Sequence[BaseMessage]) -> Iterator[list[BaseMessage]]:
    """Return an iterator over messages that belong together: a tool call with its results, or one message."""
    start = 0
    for cut in (*safe_cuts(messages, 0), len(messages)):
        if cut > start:
            yield list(messages[start:cut])
        start = cut


def _first_kept(sizes: Sequence[int], tokens: int) -> int:
    """Return the position of the first message that stays, so that the rest fits into a number of tokens."""
    kept = 0
    for at in range(len(sizes) - 1, -1, -1):
        kept += sizes[at]
        if kept > tokens:
            return at + 1
    return 0


def _first_left(sizes: Sequence[int], tokens: int) -> int:
    """Return how many of the first messages together have a number of tokens."""
    for at, each in enumerate(sizes):
        tokens -= each
        if tokens <= 0:
            return at + 1
    return len(sizes)


def _choose(cuts: Sequence[int], wanted: int, still_due: Callable[[int], bool]) -> int:
    """Return the last cut up to the wanted one, or the next after it if the window would still be exceeded."""
    before = max((at for at in cuts if at <= wanted), default=0)
    if before and not still_due(before):
        return before
    return min((at for at in cuts if at > wanted), default=before)


def _batches(
    messages: Sequence[BaseMessage | None], sizes: Sequence[int], cuts: Sequence[int], budget: int, count: TokenCounter
) -> list[Batch]:
    batches: list[Batch] = []
    start, end, size = 0, 0, 0
    for cut in cuts:
        group = sum(sizes[end:cut])
        if end > start and size + group > budget:
            batches.append(_batch(messages[start:end], budget, count))
            start, size = end, 0
        end, size = cut, size + group
    if end > start:
        batches.append(_batch(messages[start:end], budget, count))
    return batches


def _batch(messages: Sequence[BaseMessage | None], budget: int, count: TokenCounter) -> Batch:
    known = [message for message in messages if message is not None]
    return Batch(count=len(messages), chunks=tuple(chunk(known, budget, count)))


def _check(name: str, value: object, least: int) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise InvalidInputError(f"Window.{name} must be a whole number of at least {least}, not {value!r}")
