"""Facts on Redis itself."""

from __future__ import annotations

import secrets
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING

from langchain_motorhead.backends.facts import Owner
from langchain_motorhead.facts import editing, reading
from langchain_motorhead.facts.model import Fact
from langchain_motorhead.facts.operations import read_counts
from langchain_motorhead.facts.reading import FactQuery
from langchain_motorhead.facts.vectors import Embedding
from langchain_motorhead.flows.gather import gather
from langchain_motorhead.flows.protocol import Flow
from langchain_motorhead.messages.tokens import TokenCounter
from langchain_motorhead.recall.query import FactSource, FoundFact, Hit, Query
from langchain_motorhead.runtime import watched
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
    from langchain_motorhead.backends.redis import RedisBackend
    from langchain_motorhead.recall.indexing.index import Indexer

# Facts that may lift messages, or be results, in one search.
_FACTS = 100


class RedisFacts:
    """The `FactFlows` of a user on Redis itself.

    Args:
        backend: Where the facts are.
        owner: Whose facts they are.
    """

    def __init__(self, backend: RedisBackend, owner: Owner) -> None:
        self._count = backend.maintenance.compactor.count
        self._keys = keys_of(backend.namespace, owner)
        indexer = backend.maintenance.indexer
        self._embedding = None if indexer is None else Embedding(indexer.model, self._count)
        self._watch = partial(backend.driver.telemetry.watch, namespace=backend.namespace, session_id=owner.session_id)

    def find(self, wanted: FactQuery) -> Flow[list[Fact]]:
        """Return facts. See `FactFlows.find`."""
        flow = reading.find_facts(self._keys, wanted, self._embedding)
        return self._watch(watched.FIND_FACTS, flow=flow, query=wanted.query)

    def remember(
        self, text: str, *, subject: str, attribute: str, valid_from: datetime | None, valid_until: datetime | None
    ) -> Flow[Fact]:
        """Store a fact that a person states. See `FactFlows.remember`."""
        flow = editing.remember(
            self._keys,
            secrets.token_hex(8),
            text,
            subject=subject,
            attribute=attribute,
            valid_from=valid_from,
            valid_until=valid_until,
        )
        return self._watch(watched.REMEMBER_FACT, flow=flow)

    def correct(self, fact_id: str, text: str) -> Flow[Fact]:
        """Put a fact in the place of another one. See `FactFlows.correct`."""
        flow = editing.correct(self._keys, fact_id, secrets.token_hex(8), text)
        return self._watch(watched.CORRECT_FACT, flow=flow)

    def forget(self, fact_id: str) -> Flow[bool]:
        """Remove a fact. See `FactFlows.forget`."""
        return self._watch(watched.FORGET_FACT, flow=editing.forget(self._keys, fact_id))

    def profile(self, max_tokens: int) -> Flow[str]:
        """Return the most important facts as text. See `FactFlows.profile`."""
        read = yield reading.read_profile(self._keys)
        return reading.to_profile(read, reading.check_tokens(max_tokens), self._count)

    def counts(self) -> Flow[dict[str, int]]:
        """Return what was counted while facts were learned."""
        counted: dict[str, int] = yield read_counts(self._keys)
        return counted


def search_with_facts(query: Query, indexer: Indexer) -> Flow[list[Hit]]:
    """Search messages and facts, and rank them together. See `recall.search.together`."""
    from langchain_motorhead.recall.search import flow as searching  # imports large patterns
    from langchain_motorhead.recall.search.together import together

    owner = Owner(query.user_id, None if query.user_id is not None else query.session_id)
    hits = yield from searching.search(replace(query, score_threshold=None), indexer)
    embedding = Embedding(indexer.model, indexer.count)
    found = yield from reading.search_facts(keys_of(indexer.namespace, owner), query.text, embedding, _FACTS)
    facts = [each for fact, score in found if (each := _in_scope(fact, score, query)) is not None]
    ranked = together(hits, facts, query.k)
    return [hit for hit in ranked if query.score_threshold is None or hit.score >= query.score_threshold]


def _in_scope(fact: Fact, score: float, query: Query) -> FoundFact | None:
    """Return a fact as a result, with its sources in the session that is searched; None if it is out of scope."""
    said = fact.said_at.timestamp()
    if (query.after is not None and said < query.after) or (query.before is not None and said >= query.before):
        return None
    sources = tuple(
        FactSource(each.session_id, each.seq, each.message_id)
        for each in fact.sources
        if query.session_id in (None, each.session_id)
    )
    if query.session_id is not None and not sources:
        return None
    return FoundFact(fact.id, fact.text, score, fact.said_at, query.user_id, sources)


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
