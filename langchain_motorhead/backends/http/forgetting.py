"""Requests that forget and edit messages of a session, and the parser of their responses. Pure: sends nothing."""

from __future__ import annotations

from collections.abc import Sequence

from langchain_core.messages import BaseMessage

from langchain_motorhead.backends.http import protocol
from langchain_motorhead.backends.http.protocol import NOT_OURS, HttpAnswer, HttpCall, HttpFlow
from langchain_motorhead.exceptions import StoreError
from langchain_motorhead.sessions.append import MessageLike
from langchain_motorhead.sessions.changes.forgetting import Receipt, check_ids
from langchain_motorhead.storage.keys import SessionKeys


class RemoteForgetting:
    """The tasks of a `RemoteBackend` that change single messages. The original server has none of them."""

    def _needs_ours(self, what: str) -> HttpFlow[None]:
        """Raise `UnsupportedError` if the server is the original one."""
        raise NotImplementedError

    def forget(self, keys: SessionKeys, which: Sequence[str | int]) -> HttpFlow[Receipt]:
        """Forget messages. See `Backend.forget`."""
        given = check_ids(which)
        yield from self._needs_ours("forgetting messages")
        body = protocol.json_body(message_ids=given)
        answer = yield HttpCall("POST", protocol.path(keys, "forget"), protocol.user(keys), body)
        return to_receipt(answer)

    def edit(
        self, keys: SessionKeys, which: str | int, message: MessageLike, state: BaseMessage | None = None
    ) -> HttpFlow[Receipt]:
        """Replace a message by another one. See `Backend.edit`."""
        check_ids([which])
        yield from self._needs_ours("editing messages")
        query = protocol.user(keys) | ({"by_id": "true"} if isinstance(which, str) else {})
        path = protocol.path(keys, "messages", protocol.quoted(str(which)))
        answer = yield HttpCall("PUT", path, query, protocol.message_body(message))
        return to_receipt(answer)

    def altered(self, keys: SessionKeys, messages: Sequence[BaseMessage]) -> HttpFlow[list[str]]:
        """Return nothing: a server compares no contents. See `Backend.altered`."""
        yield from ()
        return []


def to_receipt(answer: HttpAnswer) -> Receipt:
    """Parse a receipt.

    Raises:
        StoreError: The response is not one of a Motorhead server.
    """
    data = protocol.to_mapping(answer)
    try:
        counts = (data[name] for name in ("in_list", "in_archive", "documents", "vectors", "summaries"))
        return Receipt(tuple(data["messages"]), tuple(data["ids"]), *counts)
    except (KeyError, TypeError) as error:
        raise StoreError(NOT_OURS) from error
