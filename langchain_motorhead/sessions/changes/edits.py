"""What an edit stores in the place of a message, and which edits are refused. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from langchain_core.messages import BaseMessage, ChatMessage, ToolMessage

from langchain_motorhead.exceptions import InvalidMessageError
from langchain_motorhead.messages.acceptance import check_message
from langchain_motorhead.messages.codec import decode, encode, loads
from langchain_motorhead.messages.ids import derived_id
from langchain_motorhead.messages.tool_calls import call_ids
from langchain_motorhead.sessions.append import MessageLike


def changed_to(message: MessageLike) -> Callable[[bytes, int, str | None], bytes]:
    """Return a function that builds the record of an edited message.

    It is given the record as it is stored, its sequence number and the epoch of its session, and raises an
    `InvalidMessageError` if the message cannot take its place: it must be of the same type, have the same id or none,
    and make the same tool calls, or be the result of the same call. Otherwise calls would lose their results.

    Args:
        message: The new message.

    Raises:
        InvalidMessageError: It is not a message.
    """
    encode(message)

    def change(old: bytes, seq: int, epoch: str | None) -> bytes:
        stored_id = _id_of(old)
        given_id = message.get("id") if isinstance(message, Mapping) else message.id
        if given_id not in (None, stored_id or derived_id(epoch, seq)):
            raise InvalidMessageError(f"an edited message keeps its id. Give it the id {stored_id!r:.80}, or none")
        new = encode(_with_id(message, stored_id))
        after = decode(new)
        check_message(after)
        try:
            before = decode(old)
        except InvalidMessageError:  # what another program wrote may become a message
            return new
        _check(before, after)
        return new

    return change


def _check(before: BaseMessage, after: BaseMessage) -> None:
    if type(after) is not type(before) or _role(after) != _role(before):
        raise InvalidMessageError(f"a message of type {before.type!r} cannot become one of type {after.type!r}")
    if set(call_ids(after)) != set(call_ids(before)):
        raise InvalidMessageError(
            "an edited message makes the same tool calls, with the same ids, since their results would lose them. "
            "Forget it instead"
        )
    if isinstance(after, ToolMessage) and isinstance(before, ToolMessage) and after.tool_call_id != before.tool_call_id:
        raise InvalidMessageError(
            f"the result of the call {before.tool_call_id!r:.80} cannot become that of another call"
        )


def _role(message: BaseMessage) -> str | None:
    return message.role if isinstance(message, ChatMessage) else None


def _id_of(data: bytes) -> str | None:
    try:
        record = loads(data)
    except InvalidMessageError:
        return None
    id_ = record.get("id") if isinstance(record, dict) else None
    return id_ if isinstance(id_, str) and id_ else None


def _with_id(message: MessageLike, id_: str | None) -> MessageLike:
    if isinstance(message, BaseMessage):
        return message.model_copy(update={"id": id_})
    rest: dict[str, Any] = {name: value for name, value in message.items() if name != "id"}
    return rest if id_ is None else {**rest, "id": id_}
