"""The window's bounds, where a list of messages may be cut, and the plan of a compaction. Pure: no I/O, no clock."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from langchain_core.messages import BaseMessage

from langchain_motorhead.exceptions import InvalidInputError
from langchain_motorhead.messages.text import readable, split_message
from langchain_motorhead.messages.tokens import TokenCounter
from langchain_motorhead.messages.tool_calls import safe_cuts

# Later messages that a call without a result is waited for at least, however small the window.
_LEAST_PATIENCE = 8


@dataclass(frozen=True, slots=True)
class Window:
    """How much of a session is kept verbatim.

    Attributes:
        max_messages: Messages above which the oldest are folded into the summary; half of them stay.
        max_tokens: Tokens above which they are, or None for no such bound. Half of them stay, and the newest message.
        hard_limit: Newest messages that a read returns at most, while a compaction is behind. None for twice
            `max_messages`.

    Raises:
        InvalidInputError: A bound is not a whole number, or too small to be of use.
    """

    max_messages: int = 12
    max_tokens: int | None = None
    hard_limit: int | None = None

    def __post_init__(self) -> None:
        _check("max_messages", self.max_messages, 2)
        if self.max_tokens is not None:
            _check("max_tokens", self.max_tokens, 2)
        if self.hard_limit is not None:
            _check("hard_limit", self.hard_limit, self.max_messages)

    @property
    def read_limit(self) -> int:
        """Newest messages that a read returns at most."""
        return self.hard_limit or 2 * self.max_messages

    def is_due(self, messages: int, tokens: int | None) -> bool:
        """Say whether a list of this many messages, and tokens if they are known, is to be compacted."""
        if messages > self.max_messages:
            return True
        return self.max_tokens is not None and tokens is not None and tokens > self.max_tokens


@dataclass(frozen=True, slots=True)
class Batch:
    """Messages that leave the list together.

    Attributes:
        count: How many records of the list.
        chunks: The same messages, in pieces that each fit the summarizer, to be folded in this order.
    """

    count: int
    chunks: tuple[tuple[BaseMessage, ...], ...]


def plan(
    messages: Sequence[BaseMessage | None], total: int, window: Window, budget: int, count: TokenCounter
) -> list[Batch]:
    """Choose what a compaction folds: the oldest messages, so that half the window stays, and no tool pair is cut.

    Args:
        messages: The oldest messages of the list, in order. None for a record that cannot be read.
        total: Length of the whole list, of which `messages` may be a part.
        window: The bounds.
        budget: Tokens that the summarizer takes at once.
        count: Counts tokens.

    Returns:
        What to fold, in order, or nothing if the window is not exceeded or nothing can be cut.
    """
    known = len(messages)
    sizes = [0 if message is None else count([message]) for message in messages]
    whole = known == total
    if not window.is_due(total, sum(sizes) if whole else None):
        return []
    wanted = total - window.max_messages // 2 if total > window.max_messages else 0
    if whole and window.max_tokens is not None and sum(sizes) > window.max_tokens:
        wanted = max(wanted, _fold_to(sizes, window.max_tokens // 2))
    cuts = safe_cuts(messages, max(window.max_messages, _LEAST_PATIENCE))
    cut = _choose(cuts, wanted, lambda at: window.is_due(total - at, sum(sizes[at:]) if whole else None))
    return _batches(messages, sizes, [at for at in cuts if at <= cut], budget, count)


def chunk(messages: Sequence[BaseMessage], budget: int, count: TokenCounter) -> list[tuple[BaseMessage, ...]]:
    """Group messages, in order, so that each group fits the budget.

    A message larger than it is split. Long encoded data, such as an image in base64, is replaced by a note.
    """
    pieces = [piece for message in messages for piece in split_message(readable(message), budget, count)]
    chunks: list[list[BaseMessage]] = []
    room = 0
    for piece in pieces:
        size = count([piece])
        if not chunks or size > room:
            chunks.append([])
            room = budget
        chunks[-1].append(piece)
        room -= size
    return [tuple(group) for group in chunks]


def _fold_to(sizes: Sequence[int], tokens: int) -> int:
    kept = 0
    for at in range(len(sizes) - 1, -1, -1):
        kept += sizes[at]
        if kept > tokens:
            return at + 1
    return 0


def _choose(cuts: Sequence[int], wanted: int, still_due: Callable[[int], bool]) -> int:
    """Take the last cut at or before the wanted one, or the next after it if that would leave the window exceeded."""
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
    readable = [message for message in messages if message is not None]
    return Batch(count=len(messages), chunks=tuple(chunk(readable, budget, count)))


def _check(name: str, value: object, least: int) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise InvalidInputError(f"Window.{name} must be a whole number of at least {least}, not {value!r}")
