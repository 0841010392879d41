"""`ToolScope`: whose memory a set of tools can reach. Configuration or the run fixes it; no argument can change it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, tzinfo
from typing import TYPE_CHECKING

from langchain_motorhead.backends.facts import Owner
from langchain_motorhead.exceptions import InvalidInputError
from langchain_motorhead.storage.keys import SessionKeys, session_keys

if TYPE_CHECKING:
    from langchain_motorhead.backends.base import Backend
    from langchain_motorhead.backends.facts import FactFlows
    from langchain_motorhead.sessions.info import SessionInfo


@dataclass(frozen=True, slots=True)
class ToolScope:
    """The conversations and facts that tools can reach: those of one user, or of one session without a user.

    Attributes:
        backend: Where they are. It has one namespace.
        user_id: The user.
        session_id: The conversation that is under way. Without a user, the only one that can be reached.
        in_prompt: Whether the window of that conversation is in the prompt, so that a search may leave it out.
        zone: Time zone of the user. It tells which day "yesterday" in a query is.

    Raises:
        InvalidInputError: There is neither a user nor a session, or an id cannot be used.
    """

    backend: Backend
    user_id: str | None = None
    session_id: str | None = None
    in_prompt: bool = False
    zone: tzinfo = UTC

    def __post_init__(self) -> None:
        if self.user_id is None and self.session_id is None:
            raise InvalidInputError("tools need to know whose memory it is: give a user_id, or a session_id")
        # Raises if an id cannot be used.
        session_keys(self.backend.namespace, "any" if self.session_id is None else self.session_id, self.user_id)

    def keys(self, session_id: str) -> SessionKeys:
        """Return the keys of a session, with the user that it must belong to."""
        return session_keys(self.backend.namespace, session_id, self.user_id)

    @property
    def facts(self) -> FactFlows:
        """The facts about the user, or those of the session."""
        return self.backend.facts_of(
            Owner(session_id=self.session_id) if self.user_id is None else Owner(user_id=self.user_id)
        )

    def may_name(self, session_id: str) -> bool:
        """Return whether tools may ask about a session at all."""
        return self.user_id is not None or session_id == self.session_id

    def reaches(self, info: SessionInfo) -> bool:
        """Return whether a session belongs to the scope. One without a user does not, unless it is under way."""
        if self.user_id is None:
            return info.session_id == self.session_id
        return info.user_id == self.user_id or (info.user_id is None and info.session_id == self.session_id)
