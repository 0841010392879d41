"""Which messages of a session are to be replaced, and by what: finds them among stored records, in order. Pure.

Forgetting and editing are both a replacement. A message that is forgotten is replaced by a tombstone. So are the
results of its tool calls, which say what the call was about and could not be shown without it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage

from langchain_motorhead.exceptions import InvalidMessageError
from langchain_motorhead.messages.codec import decode_record, loads
from langchain_motorhead.messages.tombstones import TOMBSTONE, is_result, is_tombstone, result_tombstone
from langchain_motorhead.messages.tool_calls import call_ids


@dataclass(frozen=True, slots=True)
class Target:
    """A message that is replaced.

    Attributes:
        seq: Its sequence number.
        id: Its id, or None if it was stored without one.
        old: The record as it is stored.
        new: The record that takes its place.
    """

    seq: int
    id: str | None
    old: bytes
    new: bytes


@dataclass(slots=True)
class Search:
    """Finds messages by id or sequence number. It is shown every record of a session once, in order.

    Attributes:
        ids: Ids of the messages to find.
        seqs: Sequence numbers of the messages to find.
        replace: Returns the record that takes the place of one that was found, which is given with its sequence number.
            None to forget the message.
        found: The messages to replace, in order.
        ids_found: Those of the ids that were found.
        seqs_found: Those of the sequence numbers that were found.
    """

    ids: Collection[str]
    seqs: Collection[int]
    replace: Callable[[bytes, int], bytes] | None = None
    found: list[Target] = field(default_factory=list)
    ids_found: set[str] = field(default_factory=set)
    seqs_found: set[int] = field(default_factory=set)
    _calls: set[str] = field(default_factory=set)
    _function_called: bool = False

    def look_at(self, seq: int, data: bytes) -> bytes | None:
        """Return the record that takes the place of a record, or None if it stays.

        Args:
            seq: Sequence number of the record.
            data: The record as it is stored.
        """
        record = _parsed(data)
        of_call = self.replace is None and self._answers(record)
        if is_tombstone(data) and (data == TOMBSTONE or not of_call):
            return None
        id_ = record.get("id")
        id_ = id_ if isinstance(id_, str) and id_ else None
        if id_ in self.ids:
            self.ids_found.add(str(id_))
        if seq in self.seqs:
            self.seqs_found.add(seq)
        if not (of_call or id_ in self.ids or seq in self.seqs):
            self._note_calls(record, forgotten=False)
            return None
        new = self._new(data, seq, record, of_call=of_call)
        self._note_calls(record, forgotten=True)
        if new == data:
            return None
        self.found.append(Target(seq, id_, data, new))
        return new

    def _new(self, data: bytes, seq: int, record: Mapping[str, Any], *, of_call: bool) -> bytes:
        if self.replace is not None:
            return self.replace(data, seq)
        return result_tombstone(record) if is_result(record) and not of_call else TOMBSTONE

    def _answers(self, record: Mapping[str, Any]) -> bool:
        """Return whether a record is the result of a call that is forgotten."""
        if record.get("role") == "function":
            return self._function_called
        call_id = record.get("tool_call_id")
        return is_result(record) and isinstance(call_id, str) and call_id in self._calls

    def _note_calls(self, record: Mapping[str, Any], *, forgotten: bool) -> None:
        """Note the calls of a message. An id that is used again is that of the newest call that has it."""
        if self.replace is not None or is_result(record) or not (forgotten or self._calls or self._function_called):
            return
        message = _message(record)
        calls = set(call_ids(message)) if message is not None else set()
        self._calls = self._calls | calls if forgotten else self._calls - calls
        self._function_called = (
            forgotten and isinstance(message, AIMessage) and "function_call" in message.additional_kwargs
        )


def _parsed(data: bytes) -> Mapping[str, Any]:
    try:
        record = loads(data)
    except InvalidMessageError:
        return {}
    return record if isinstance(record, dict) else {}


def _message(record: Mapping[str, Any]) -> BaseMessage | None:
    try:
        return decode_record(record)
    except InvalidMessageError:
        return None
