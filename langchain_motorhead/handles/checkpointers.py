"""What is needed of a LangGraph checkpointer to delete the threads of sessions. LangGraph is not imported."""

from __future__ import annotations

from typing import Protocol

from langchain_motorhead.exceptions import InvalidInputError


class Checkpointer(Protocol):
    """A checkpointer of LangGraph, as far as it deletes threads. Each of LangGraph's own is one."""

    def delete_thread(self, thread_id: str) -> None:
        """Delete a thread."""

    async def adelete_thread(self, thread_id: str) -> None:
        """Delete a thread."""


def check_checkpointer(given: object) -> None:
    """Raise unless something can delete threads, or is None.

    Raises:
        InvalidInputError: It cannot.
    """
    if given is not None and not callable(getattr(given, "delete_thread", None)):
        raise InvalidInputError(f"checkpointer must be a checkpointer of LangGraph, not {type(given).__name__}")


def check_user_id(user_id: object) -> None:
    """Raise unless something is the id of one user. None would stand for all users.

    Raises:
        InvalidInputError: It is not a string, or is empty.
    """
    if not isinstance(user_id, str) or not user_id:
        raise InvalidInputError(f"user_id must be the user whose sessions are to be deleted, not {user_id!r:.80}")
