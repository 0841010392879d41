"""Which messages of a conversation a session has already: by id, and where ids do not help by content and position.

Pure. Front ends resend a conversation with their own ids, with none, or with one id for all messages.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from hashlib import blake2b
from itertools import accumulate
from typing import Any, TypeVar

import orjson
from langchain_core.messages import AIMessage, BaseMessage, ChatMessage, HumanMessage

from langchain_motorhead.messages import codec
from langchain_motorhead.messages.tool_calls import call_ids

MessageT = TypeVar("MessageT", bound="BaseMessage | Mapping[str, Any]")


def fingerprint(message: BaseMessage) -> str:
    """Return a fingerprint of what a message says: its text, its calls, and for others than a model its other blocks.

    What a model thought is left out, since a front end does not send it back.
    """
    blocks: list[Any] = []
    if isinstance(message.content, list) and not isinstance(message, AIMessage):
        blocks = [block for block in message.content if not (isinstance(block, dict) and block.get("type") == "text")]
    kind = "human" if isinstance(message, ChatMessage) and message.role == "user" else message.type
    said = [kind, str(message.text).strip(), sorted(call_ids(message)), getattr(message, "tool_call_id", None), blocks]
    try:
        data = orjson.dumps(said, default=lambda value: type(value).__name__, option=orjson.OPT_NON_STR_KEYS)
    except TypeError:  # an integer of more than 64 bits, or a lone surrogate
        data = repr(said).encode()
    return blake2b(data, digest_size=8).hexdigest()


def variant_id(message: BaseMessage) -> str | None:
    """Return the id for a message whose own id another message has: its id and a fingerprint of its content."""
    return None if message.id is None else f"{message.id}-{fingerprint(message)}"


def renamed(message: MessageT) -> MessageT | None:
    """Return a message with the id for one whose own id another message has, or None if its id is such an id already.

    That id is made of its content, so the message that has it is this one.
    """
    known = as_message(message)
    return None if str(known.id).endswith(f"-{fingerprint(known)}") else _with_id(message, variant_id(known))


def trailing_count(messages: Sequence[Any]) -> int:
    """Return how many of the newest messages are certainly new if their ids are not known: the newest turn.

    A question before an answer may have been stored with another id, and so may the answer that follows it.
    """
    humans = [_is_human(message) for message in messages]
    count = next((at for at, human in enumerate(reversed(humans)) if human), len(humans))
    return count + (count < len(humans))


def matches(given: Sequence[BaseMessage], stored: Sequence[BaseMessage]) -> list[int | None]:
    """Find the stored message that each given message is.

    A message with the id and the content of a stored one is that one. So is one with the content alone, between those
    that are known; but not the newest question, which is new unless its id is known, or it has none and the session
    ends with it and the message before it. A message that has only the id is that one if a later message is known as
    well, so that its position is known. Otherwise its id is used again.

    Args:
        given: A conversation or its newest messages, oldest first.
        stored: The newest messages of the session, oldest first.

    Returns:
        For each given message the position in `stored`, or None.
    """
    search = _Search(given, stored)
    search.match()
    return search.found


class _Search:
    """The search for given messages among stored ones. See `matches`."""

    def __init__(self, given: Sequence[BaseMessage], stored: Sequence[BaseMessage | None]) -> None:
        self.given = given
        self.found: list[int | None] = [None] * len(given)
        known = [(at, each) for at, each in enumerate(stored) if each is not None]
        self._at_id: dict[str | None, int] = {each.id: at for at, each in known if each.id is not None}
        self._said = [fingerprint(message) for message in given]
        self._known = [None if each is None else fingerprint(each) for each in stored]
        self._used: set[int] = set()

    def match(self) -> None:
        """Match by ids, by content, and by position."""
        self.match_ids()
        self.match_content()
        self.match_positions()

    def match_ids(self) -> None:
        """Match messages that have the id of a stored one, or an id derived from theirs, and its content."""
        for at, message in enumerate(self.given):
            position = self._at_id.get(message.id)
            if position is None or self._known[position] != self._said[at]:
                position = self._at_id.get(variant_id(message))
            self._match(at, position)

    def match_content(self) -> None:
        """Match messages that have the content of a stored one between those that are matched around them."""
        lower = list(accumulate((-1 if at is None else at for at in self.found), max, initial=-1))
        upper = len(self._known)
        for at in range(len(self.given) - 1, -1, -1):
            if self.found[at] is None and not self._is_new_question(at):
                candidates = range(upper - 1, lower[at], -1)
                self._match(at, next((each for each in candidates if self._is_free(each, at)), None))
            if (position := self.found[at]) is not None:
                upper = min(upper, position)

    def match_positions(self) -> None:
        """Match messages that have the id alone, if a later message is matched with a later one."""
        latest = -1
        for at in range(len(self.given) - 1, -1, -1):
            position = self._at_id.get(self.given[at].id)
            if self.found[at] is None and position is not None and position < latest:
                self._match(at, position)
            latest = max(latest, -1 if (found := self.found[at]) is None else found)

    def match_forgotten(self) -> None:
        """Match messages that stand where others were forgotten: right after one that is matched.

        What was said since the newest question is new. It is stored even if it stands at such a place.
        """
        questions = [at for at, message in enumerate(self.given) if _is_human(message)]
        latest: int | None = None
        for at in range(questions[-1] if questions else 0):
            if self.found[at] is None and latest is not None:
                place = latest + 1
                if place < len(self._known) and self._known[place] is None:
                    self._match(at, place)
            latest = self.found[at] if self.found[at] is not None else latest

    def _is_new_question(self, at: int) -> bool:
        """Return whether a message is the newest question, and may be new although its content is stored.

        One without an id is not new if the session ends with it, after what comes before it in the conversation: then
        it is sent again.
        """
        if at < len(self.given) - 1 or not _is_human(self.given[at]):
            return False
        return at == 0 or self.given[at].id is not None or self._said[at - 1 :] != self._known[-2:]

    def _is_free(self, position: int, at: int) -> bool:
        return position not in self._used and self._known[position] == self._said[at]

    def _match(self, at: int, position: int | None) -> None:
        if position is not None and position not in self._used:
            self.found[at] = position
            self._used.add(position)


def unstored(given: Sequence[MessageT], stored: Sequence[BaseMessage | None], *, newest_known: bool) -> list[MessageT]:
    """Return the messages of a conversation that a session does not have. One whose id is used gets another id.

    Args:
        given: The conversation or its newest messages, oldest first.
        stored: The newest messages of the session, oldest first, with None for one that was forgotten. What comes in
            `given` before the first that is among them is older, and stored already.
        newest_known: Whether the session knows the id of the newest given message, but as that of an older message.
    """
    messages = [as_message(message) for message in given]
    search = _Search(messages, stored)
    search.match()
    search.match_forgotten()
    found = search.found
    first = next((at for at, position in enumerate(found) if position is not None), -1)
    ids = {message.id for message in stored if message is not None and message.id is not None}
    new = []
    for at in range(first + 1, len(given)):
        if found[at] is not None:
            continue
        is_used = messages[at].id in ids or (
            newest_known and at == len(given) - 1 and _has_variant(messages[at].id, ids)
        )
        new.append(_with_id(given[at], variant_id(messages[at])) if is_used else given[at])
    return new


def with_stored_ids(given: Sequence[BaseMessage], stored: Sequence[BaseMessage]) -> list[BaseMessage]:
    """Return messages with the ids that they have in the session, so that both can be compared by id."""
    if {message.id for message in given} <= {message.id for message in stored} and _same(given, stored):
        return list(given)
    ids = {message.id for message in stored}
    renamed = []
    for message, position in zip(given, matches(given, stored), strict=True):
        own_id = variant_id(message) if message.id in ids else message.id
        id_ = own_id if position is None else stored[position].id
        renamed.append(message if id_ == message.id else _with_id(message, id_))
    return renamed


def changed(given: Sequence[BaseMessage], stored: Sequence[BaseMessage]) -> list[str]:
    """List the ids of the messages that say something else than the session has under their id and position."""
    pairs = zip(given, matches(given, stored), strict=True)
    return [
        str(message.id)
        for message, at in pairs
        if at is not None and message.id == stored[at].id and fingerprint(message) != fingerprint(stored[at])
    ]


def before_stored(given: Sequence[BaseMessage], stored: Sequence[BaseMessage]) -> Sequence[BaseMessage]:
    """Return the messages before the first one that is among the stored ones; none if no message is."""
    found = matches(given, stored)
    return given[: next((at for at, position in enumerate(found) if position is not None), 0)]


def _has_variant(id_: str | None, ids: Iterable[str]) -> bool:
    """Return whether an id was used again before: a front end that does so may be taken to do so each time."""
    return any(re.fullmatch(rf"{re.escape(str(id_))}-[0-9a-f]{{16}}", each) for each in ids)


def _same(given: Sequence[BaseMessage], stored: Sequence[BaseMessage]) -> bool:
    by_id = {message.id: message for message in stored}
    return all(message is by_id.get(message.id) or message.content == by_id[message.id].content for message in given)


def _is_human(message: Any) -> bool:
    if isinstance(message, Mapping):
        return str(message.get("role", message.get("type"))).lower() in ("human", "user")
    return isinstance(message, HumanMessage | ChatMessage)


def as_message(message: BaseMessage | Mapping[str, Any]) -> BaseMessage:
    """Return a message that is given as such, or as an object of the REST API."""
    if isinstance(message, BaseMessage):
        return message
    return codec.decode(codec.encode(message))


def _with_id(message: MessageT, id_: str | None) -> MessageT:
    if isinstance(message, BaseMessage):
        return message.model_copy(update={"id": id_})
    return {**message, "id": id_}  # type: ignore[return-value]
