"""Facts on Redis itself."""

from __future__ import annotations

import secrets
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from langchain_motorhead.facts import editing, reading
from langchain_motorhead.facts.model import Fact
from langchain_motorhead.facts.operations import read_counts
from langchain_motorhead.facts.reading import FactQuery
from langchain_motorhead.flows.gather import gather
from langchain_motorhead.flows.protocol import Flow
from langchain_motorhead.messages.tokens import TokenCounter
from langchain_motorhead.sessions.catch_up import CatchUpResult
from langchain_motorhead.sessions.load import Memory
from langchain_motorhead.storage.keys import (
    FactKeys,
    SessionKeys,
    fact_keys,
    own_fact_keys,
    session_keys,
    user_fact_keys,
)

if TYPE_CHECKING:
    from langchain_motorhead.backends.facts import Owner
    from langchain_motorhead.backends.redis import RedisBackend


class RedisFacts:
    """The `FactFlows` of a user on Redis itself.

    Args:
        backend: Where the facts are.
        owner: Whose facts they are.
    """

    def __init__(self, backend: RedisBackend, owner: Owner) -> None:
        self._count = backend.maintenance.compactor.count
        self._keys = keys_of(backend.namespace, owner)

    def find(self, wanted: FactQuery) -> Flow[list[Fact]]:
        """Return facts. See `FactFlows.find`."""
        return reading.find_facts(self._keys, wanted)

    def remember(
        self, text: str, *, subject: str, attribute: str, valid_from: datetime | None, valid_until: datetime | None
    ) -> Flow[Fact]:
        """Store a fact that a person states. See `FactFlows.remember`."""
        return editing.remember(
            self._keys,
            secrets.token_hex(8),
            text,
            subject=subject,
            attribute=attribute,
            valid_from=valid_from,
            valid_until=valid_until,
        )

    def correct(self, fact_id: str, text: str) -> Flow[Fact]:
        """Put a fact in the place of another one. See `FactFlows.correct`."""
        return editing.correct(self._keys, fact_id, secrets.token_hex(8), text)

    def forget(self, fact_id: str) -> Flow[bool]:
        """Remove a fact. See `FactFlows.forget`."""
        return editing.forget(self._keys, fact_id)

    def profile(self, max_tokens: int) -> Flow[str]:
        """Return the most important facts as text. See `FactFlows.profile`."""
        read = yield reading.read_profile(self._keys)
        return reading.to_profile(read, reading.check_tokens(max_tokens), self._count)

    def counts(self) -> Flow[dict[str, int]]:
        """Return what was counted while facts were learned."""
        counted: dict[str, int] = yield read_counts(self._keys)
        return counted


def with_profile(
    flow: Flow[CatchUpResult], keys: SessionKeys, max_tokens: int, count: TokenCounter
) -> Flow[CatchUpResult]:
    """Catch up with a conversation, and read the profile of the session's user in the same round trip."""
    caught, profile = yield from gather([flow, _profile(keys, max_tokens, count)])
    result: CatchUpResult = caught
    memory = None if result.memory is None else replace(result.memory, profile=profile)
    return result._replace(memory=memory)


def loaded_with_profile(flow: Flow[Memory], keys: SessionKeys, max_tokens: int, count: TokenCounter) -> Flow[Memory]:
    """Load a session, and read the profile of its user in the same round trip."""
    loaded, profile = yield from gather([flow, _profile(keys, max_tokens, count)])
    memory: Memory = loaded
    memory.profile = profile
    return memory


def _profile(keys: SessionKeys, max_tokens: int, count: TokenCounter) -> Flow[str]:
    read = yield reading.read_profile(fact_keys(keys))
    return reading.to_profile(read, max_tokens, count)


def keys_of(namespace: str, owner: Owner) -> FactKeys:
    """Return the keys of the facts of an owner."""
    if owner.user_id is not None:
        return user_fact_keys(namespace, owner.user_id)
    return own_fact_keys(session_keys(namespace, owner.session_id or ""))
