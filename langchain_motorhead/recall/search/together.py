"""Messages and facts in one list. Pure.

A fact repeats what a message says. So a fact that matches lifts the messages that state it, and is returned with them.
Only a fact none of whose messages is among the results is a result of its own: nothing is there twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from langchain_motorhead.recall.query import FoundFact, Hit

FACT_ROLE = "fact"
"""Role of a result that is a fact."""
LIFT = 0.1
"""What the best fact adds to the score of the messages that state it. The best message has 1. Measured by
`benchmarks/recall_quality.py --facts`, as is the square below: more of it makes the order worse."""
ALONE, STATED = 0.3, 0.8
"""Score of the best fact if none of its messages was found, and if it has none as only a person stated it."""


def together(messages: Sequence[Hit], facts: Sequence[FoundFact], k: int) -> list[Hit]:
    """Rank messages and facts together.

    Args:
        messages: Messages that were found, best first, with scores from 0 to 1.
        facts: Facts that were found, with scores from 0 to 1.
        k: How many results to return at most.

    Returns:
        The best first, with scores from 0 to 1. Each message has the facts that it states, and each other result is a
        fact, with the place of its first message.
    """
    stated: dict[tuple[str, int | None], list[FoundFact]] = {}
    for fact in facts:
        for source in fact.sources:
            stated.setdefault((source.session_id, source.seq), []).append(fact)
    results, shown = list[Hit](), set[str]()
    for hit in messages:
        found = stated.get((hit.session_id, hit.seq), [])
        shown.update(fact.id for fact in found)
        lift = LIFT * max((fact.score**2 for fact in found), default=0.0)
        results.append(replace(hit, score=hit.score + lift, facts=found))
    results += [_alone(fact) for fact in facts if fact.id not in shown]
    # The order of equal scores stays: messages first, each kind best first.
    results = sorted(results, key=lambda hit: -hit.score)[:k]
    best = max((hit.score for hit in results), default=0.0) or 1.0
    return [replace(hit, score=hit.score / best) for hit in results]


def _alone(fact: FoundFact) -> Hit:
    first = fact.sources[0] if fact.sources else None
    return Hit(
        session_id="" if first is None else first.session_id,
        seq=None if first is None else first.seq,
        message_id=None if first is None else first.message_id,
        text=fact.text,
        role=FACT_ROLE,
        name=None,
        user_id=fact.user_id,
        created=fact.said_at,
        score=(STATED if first is None else ALONE) * fact.score**2,
        facts=[fact],
    )
