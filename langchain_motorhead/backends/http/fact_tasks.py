"""The tasks of a `RemoteBackend` that concern facts. The original server has none of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from langchain_motorhead.backends.facts import Owner
from langchain_motorhead.backends.http.protocol import HttpFlow
from langchain_motorhead.storage.keys import SessionKeys

if TYPE_CHECKING:
    from langchain_motorhead.backends.facts import FactFlows
    from langchain_motorhead.facts.learning.report import LearningReport

T = TypeVar("T")


class RemoteFactTasks:
    """Reads and changes facts on a server, which learns them."""

    def run(self, flow: HttpFlow[T]) -> T:
        """Run a flow of requests, and return its result."""
        raise NotImplementedError

    async def arun(self, flow: HttpFlow[T]) -> T:
        """Run a flow of requests, and return its result."""
        raise NotImplementedError

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
        """Learn facts from the messages of a session now, on the server. See `Backend.learn`."""
        from langchain_motorhead.backends.http.facts import learn

        return self.run(learn(keys, self._needs_ours))

    async def alearn(self, keys: SessionKeys) -> LearningReport:
        """Learn facts from the messages of a session now, on the server. See `Backend.learn`."""
        from langchain_motorhead.backends.http.facts import learn

        return await self.arun(learn(keys, self._needs_ours))

    def _profile(self, keys: SessionKeys, max_tokens: int) -> HttpFlow[str]:
        if not max_tokens:
            return ""
        owner = Owner(keys.user_id) if keys.user_id is not None else Owner(session_id=keys.session_id)
        return (yield from self.facts_of(owner).profile(max_tokens))
