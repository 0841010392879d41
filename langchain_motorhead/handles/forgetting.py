"""`SessionForgetting`: the methods of a session that forget and edit single messages."""

from __future__ import annotations

from collections.abc import Sequence

from langchain_core.messages import BaseMessage

from langchain_motorhead.backends.base import Backend
from langchain_motorhead.sessions.append import MessageLike
from langchain_motorhead.sessions.changes.forgetting import Receipt
from langchain_motorhead.storage.keys import SessionKeys


class SessionForgetting:
    """Forgets and edits messages of a session, wherever they are: list, archive, summaries and search index."""

    _backend: Backend
    _keys: SessionKeys

    def forget(self, message_ids: Sequence[str | int]) -> Receipt:
        """Forget messages for good: all of them in one step, or none if an error is raised.

        Their text is removed from the list and the archive, from the search index, and from every summary that was
        made with it. Such summaries are dropped: the session goes on from the newest one before, and what lies
        between is summarized again. Nothing brings a forgotten message back: neither work under way, nor a client that
        sends it again, nor an import.

        The results of a forgotten tool call are forgotten with it. The result of a call that stays keeps its place,
        with the content `[forgotten]`. Sequence numbers do not change.

        Args:
            message_ids: Ids of the messages, or their sequence numbers. Those that were forgotten before are left out.
                At most 1,000.

        Returns:
            What was removed, and where.

        Raises:
            UnknownMessageError: The session never had one of them.
            InvalidInputError: The session belongs to another user, or there are too many messages.
            StoreError: Redis refused, or could not be reached, or a message is in a damaged part of the archive.

        Example:
            ```python
            receipt = session.forget([message.id])
            print(receipt.messages, receipt.summaries)
            ```
        """
        receipt = self._backend.run(self._backend.forget(self._keys, message_ids))
        self._backend.after_change(self._keys)
        return receipt

    async def aforget(self, message_ids: Sequence[str | int]) -> Receipt:
        """Forget messages for good. See `forget`."""
        await self._backend.prepare(counting=True)
        receipt = await self._backend.arun(self._backend.forget(self._keys, message_ids))
        await self._backend.aafter_change(self._keys)
        return receipt

    def edit(self, message_id: str | int, message: MessageLike) -> Receipt:
        """Replace a message by another one, at its place and under its id. What it said is forgotten: see `forget`.

        The new text is indexed and summarized in its place. A client that sends the message again, as it was or as it
        is, stores nothing.

        Args:
            message_id: Id of the message, or its sequence number.
            message: The new message. It must be of the same type, and have the same id, or none. It must make the same
                tool calls, or be the result of the same call.

        Returns:
            What was removed, and where.

        Raises:
            UnknownMessageError: The session never had the message.
            InvalidMessageError: The new message cannot take its place. Nothing was changed.
            InvalidInputError: The session belongs to another user, or the message was forgotten.
            StoreError: As for `forget`.

        Example:
            ```python
            session.edit(message.id, HumanMessage("I live in Bonn."))
            ```
        """
        return self._edit(message_id, message)

    async def aedit(self, message_id: str | int, message: MessageLike) -> Receipt:
        """Replace a message by another one. See `edit`."""
        return await self._aedit(message_id, message)

    def _edit(self, message_id: str | int, message: MessageLike, state: BaseMessage | None = None) -> Receipt:
        """Replace a message. `state` is the message as an agent's state has it: later changes there are noticed."""
        receipt = self._backend.run(self._backend.edit(self._keys, message_id, message, state))
        self._backend.after_change(self._keys)
        return receipt

    async def _aedit(self, message_id: str | int, message: MessageLike, state: BaseMessage | None = None) -> Receipt:
        """Replace a message. See `_edit`."""
        await self._backend.prepare(counting=True)
        receipt = await self._backend.arun(self._backend.edit(self._keys, message_id, message, state))
        await self._backend.aafter_change(self._keys)
        return receipt
