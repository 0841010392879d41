"""Which of a user's facts a learner is shown beside new messages. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from langchain_motorhead.facts.batch import Batch
from langchain_motorhead.facts.model import Fact
from langchain_motorhead.sessions.wording import content_terms, folded

MOST = 40
"""Facts that a learner is shown at most. Longer inputs cost more, and models overlook things in them."""


def select(facts: Sequence[Fact], batch: Batch) -> list[Fact]:
    """Return the facts that a batch of messages may confirm or change: those that share most words with it.

    Args:
        facts: The facts that hold: pinned ones first, then the newest.
        batch: The messages.
    """
    if len(facts) <= MOST:
        return list(facts)
    said = set(content_terms(folded("\n".join(each.text for each in batch.messages))))
    shared = {fact.id: len(said & set(content_terms(folded(f"{fact.text} {fact.attribute}")))) for fact in facts}
    best = sorted(range(len(facts)), key=lambda at: (-shared[facts[at].id], at))[:MOST]
    return [facts[at] for at in sorted(best)]


def matching(facts: Sequence[Fact], query: str) -> list[Fact]:
    """Return the facts that share words with a query, those that share most first."""
    wanted = set(content_terms(folded(query)))
    scores = [
        (len(wanted & set(content_terms(folded(f"{fact.text} {fact.attribute} {fact.subject}")))), at)
        for at, fact in enumerate(facts)
    ]
    return [facts[at] for score, at in sorted(scores, key=lambda pair: (-pair[0], pair[1])) if score]
