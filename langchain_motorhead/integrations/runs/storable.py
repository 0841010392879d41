"""Storing messages that have parts which cannot be stored: agents go on without those parts. Pure, but for a log line.

`Session.append` raises instead. Nothing that a message holds is read or changed.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from langchain_core.messages import AIMessage, BaseMessage, ChatMessage

from langchain_motorhead.exceptions import InvalidMessageError
from langchain_motorhead.messages.codec import encode
from langchain_motorhead.messages.json_values import to_plain

logger = logging.getLogger(__name__)
T = TypeVar("T")


class StorableMessages:
    """Takes from messages what cannot be stored, and warns once of each kind of it."""

    def __init__(self) -> None:
        self._warned: set[tuple[str, str]] = set()

    def store(self, messages: Sequence[BaseMessage], store: Callable[[Sequence[BaseMessage]], T]) -> T:
        """Store messages; if one of them cannot be stored, without its parts that cannot."""
        try:
            return store(messages)
        except InvalidMessageError:
            return store(self.clean(messages))

    async def astore(self, messages: Sequence[BaseMessage], store: Callable[[Sequence[BaseMessage]], Any]) -> Any:
        """Store messages. See `store`."""
        try:
            return await store(messages)
        except InvalidMessageError:
            return await store(self.clean(messages))

    def clean(self, messages: Sequence[BaseMessage]) -> list[BaseMessage]:
        """Return the messages without what cannot be stored."""
        return [message if _is_storable(message) else self._cleaned(message) for message in messages]

    def _cleaned(self, message: BaseMessage) -> BaseMessage:
        update: dict[str, Any] = {}
        extra = message.model_extra or {}
        for name, value in {**message.__dict__, **extra}.items():
            if not _is_plain(value):
                self._warn(message, name, value)
                update[name] = _without(name, value)
        kept = message.model_copy(update={name: value for name, value in update.items() if name not in extra})
        if extra and kept.__pydantic_extra__ is not None:
            kept.__pydantic_extra__ = {name: value for name, value in extra.items() if name not in update}
        if _is_storable(kept):
            return kept
        self._warn(message, "class", message)
        text = message.content if isinstance(message.content, str) else str(message.text)
        plain = AIMessage(text, id=message.id) if message.type == "ai" else None
        return plain or ChatMessage(content=text, role=str(message.type), id=message.id)

    def _warn(self, message: BaseMessage, name: str, value: Any) -> None:
        kind = type(message).__name__, name
        if kind not in self._warned:
            self._warned.add(kind)
            logger.warning(
                "the %s of a %s cannot be stored, so the message is stored without it: %s",
                name, kind[0], _reason(value),
            )  # fmt: skip


def _without(name: str, value: Any) -> Any:
    """Return what is left of a field without what cannot be stored."""
    if name == "content" and isinstance(value, list):
        kinds = [block.get("type") if isinstance(block, dict) else None for block in value]
        return [
            block if _is_plain(block) else {"type": "text", "text": f"[{kind or 'a block'}]"}
            for block, kind in zip(value, kinds, strict=True)
        ]
    if name in ("tool_calls", "invalid_tool_calls"):
        return [{key: _kept(part) for key, part in call.items()} for call in value]
    return _kept(value)


def _kept(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: part for key, part in value.items() if _is_plain(key) and _is_plain(part)}
    return value if _is_plain(value) else None


def _is_plain(value: Any) -> bool:
    return _reason(value) == ""


def _reason(value: Any) -> str:
    try:
        to_plain(value, "it")
    except InvalidMessageError as error:
        return str(error)
    return ""


def _is_storable(message: BaseMessage) -> bool:
    try:
        encode(message)
    except InvalidMessageError:
        return False
    return True
