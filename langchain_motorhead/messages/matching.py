"""Which messages of a conversation a session has already: by id, and where ids do not help by content and position.

Pure. Front ends resend a conversation with their own ids, with none, or with one id for all messages.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from hashlib import blake2b
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
    data = orjson.dumps(said, default=lambda value: type(value).__name__, option=orjson.OPT_NON_STR_KEYS)
    return blake2b(data, digest_size=8).hexdigest()


def variant_id(message: BaseMessage) -> str | None:
    """Return the id for a message whose own id another message has: its id and a fingerprint of its content."""
    return None if message.id is None else f"{message.id}-{fingerprint(message)}"


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
    that are known; but not the newest question, which is new unless its id is known. A message that has only the id
    is that one if a later message is known as well, so that its position is known. Otherwise its id is used again.

    Args:
        given: A conversation or its newest messages, oldest first.
        stored: The newest messages of the session, oldest first.

    Returns:
        For each given message the position in `stored`, or None.
    """
    at_id = {message.id: at for at, message in enumerate(stored) if message.id is not None}
    said, known = [fingerprint(message) for message in given], [fingerprint(message) for message in stored]
    found: list[int | None] = [None] * len(given)
    used: set[int] = set()

    def match(at: int, position: int) -> None:
        found[at] = position
        used.add(position)

    for at, message in enumerate(given):
        position = at_id.get(message.id) if message.id is not None else None
        if position is not None and known[position] != said[at]:
            position = at_id.get(f"{message.id}-{said[at]}")
        if position is not None and position not in used:
            match(at, position)
    lower = [-1] * len(given)
    for at in range(1, len(given)):
        lower[at] = max(lower[at - 1], -1 if (before := found[at - 1]) is None else before)
    upper = len(stored)
    for at in range(len(given) - 1, -1, -1):
        is_newest_question = at == len(given) - 1 and _is_human(given[at])
        if found[at] is None and not is_newest_question:
            candidates = range(upper - 1, lower[at], -1)
            position = next((each for each in candidates if each not in used and known[each] == said[at]), None)
            if position is not None:
                match(at, position)
        if (position := found[at]) is not None:
            upper = min(upper, position)
    newest = -1
    for at in range(len(given) - 1, -1, -1):
        position = at_id.get(given[at].id) if given[at].id is not None else None
        if found[at] is None and position is not None and position not in used and position < newest:
            match(at, position)
        newest = max(newest, -1 if (latest := found[at]) is None else latest)
    return found


def unstored(given: Sequence[MessageT], stored: Sequence[BaseMessage], *, newest_known: bool) -> list[MessageT]:
    """Return the messages of a conversation that a session does not have. One whose id is used gets another id.

    Args:
        given: The conversation or its newest messages, oldest first.
        stored: The newest messages of the session, oldest first. What comes in `given` before the first that is among
            them is older, and stored already.
        newest_known: Whether the session knows the id of the newest given message, but as that of an older message.
    """
    messages = [_as_message(message) for message in given]
    found = matches(messages, stored)
    first = next((at for at, position in enumerate(found) if position is not None), -1)
    ids = {message.id for message in stored if message.id is not None}
    new = []
    for at in range(first + 1, len(given)):
        if found[at] is not None:
            continue
        is_used = messages[at].id in ids or (newest_known and at == len(given) - 1 and _has_variant(messages[at].id, ids))
        new.append(_with_id(given[at], variant_id(messages[at])) if is_used else given[at])
    return new


def with_stored_ids(given: Sequence[BaseMessage], stored: Sequence[BaseMessage]) -> list[BaseMessage]:
    """Return messages with the ids that they have in the session, so that both can be compared by id."""
    if {message.id for message in given} <= {message.id for message in stored} and _same(given, stored):
        return list(given)
    ids = {message.id for message in stored}
    renamed = []
    for message, position in zip(given, matches(given, stored), strict=True):
        if position is not None:
            id_ = stored[position].id
        else:
            id_ = variant_id(message) if message.id in ids else message.id
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


def _as_message(message: BaseMessage | Mapping[str, Any]) -> BaseMessage:
    if isinstance(message, BaseMessage):
        return message
    return codec.decode(codec.encode(message))


def _with_id(message: MessageT, id_: str | None) -> MessageT:
    if isinstance(message, BaseMessage):
        return message.model_copy(update={"id": id_})
    return {**message, "id": id_}  # type: ignore[return-value]

