"""Which of a user's facts a learner is shown beside new messages. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from math import log

from langchain_motorhead.facts.learning.batch import Batch
from langchain_motorhead.facts.model import Fact

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
    said = _terms("\n".join(each.text for each in batch.messages))
    shared = {fact.id: len(said & _terms(f"{fact.text} {fact.attribute}")) for fact in facts}
    best = sorted(range(len(facts)), key=lambda at: (-shared[facts[at].id], at))[:MOST]
    return [facts[at] for at in sorted(best)]


def word_scores(facts: Sequence[Fact], query: str) -> list[float]:
    """Return for each fact how much it shares with a query: 1 for the best. Words that few facts have count more."""
    wanted = _terms(query)
    shared = [wanted & _terms(f"{fact.text} {fact.attribute} {fact.subject}") for fact in facts]
    having = Counter(term for terms in shared for term in terms)
    scores = [sum(log(1 + len(facts) / having[term]) for term in terms) for terms in shared]
    best = max(scores, default=0.0) or 1.0
    return [score / best for score in scores]


def by_score(facts: Sequence[Fact], scores: Sequence[float]) -> list[tuple[Fact, float]]:
    """Return facts with their scores, best first. Those with equal scores stay in their order."""
    return sorted(zip(facts, scores, strict=True), key=lambda pair: -pair[1])


@lru_cache(maxsize=4_096)
def _terms(text: str) -> frozenset[str]:
    from langchain_motorhead.sessions.checks.wording import content_terms, folded  # with large patterns

    return frozenset(content_terms(folded(text)))
