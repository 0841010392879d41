"""The tasks of a `RemoteBackend` that concern facts. The original server has none of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from langchain_motorhead.backends.facts import Owner
from langchain_motorhead.backends.http.protocol import HttpFlow
from langchain_motorhead.exceptions import UnsupportedError
from langchain_motorhead.storage.keys import SessionKeys

if TYPE_CHECKING:
    from langchain_motorhead.backends.facts import FactFlows
    from langchain_motorhead.facts.learning.report import LearningReport

_LEARNS_ITSELF = "the server learns in the background. motorhead learn with the Redis URL of the server does it now"


class RemoteFactTasks:
    """Reads and changes facts on a server, which learns them itself."""

    def _needs_ours(self, what: str) -> HttpFlow[None]:
        """Raise `UnsupportedError` if the server is the original one."""
        raise NotImplementedError

    def facts_of(self, owner: Owner) -> FactFlows:
        """Return the flows that read and change facts. See `Backend.facts_of`."""
        from langchain_motorhead.backends.http.facts import RemoteFacts

        return RemoteFacts(owner, self._needs_ours)

    def check_facts(self) -> None:
        """Do nothing: only the server knows whether facts are learned."""

    def learn(self, keys: SessionKeys) -> LearningReport:
        """Raise: the server learns in the background."""
        raise UnsupportedError(_LEARNS_ITSELF)

    async def alearn(self, keys: SessionKeys) -> LearningReport:
        """Raise: the server learns in the background."""
        raise UnsupportedError(_LEARNS_ITSELF)

    def _profile(self, keys: SessionKeys, max_tokens: int) -> HttpFlow[str]:
        if not max_tokens or keys.user_id is None:
            return ""
        return (yield from self.facts_of(Owner(keys.user_id)).profile(max_tokens))
