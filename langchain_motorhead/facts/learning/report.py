"""The report of learning from a session, and the counts that are stored. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Any

from langchain_motorhead.exceptions import LearningError

if TYPE_CHECKING:
    from langchain_motorhead.facts.learning.asking import Answer
    from langchain_motorhead.facts.learning.batch import Batch
    from langchain_motorhead.facts.learning.verification import Verdict
    from langchain_motorhead.facts.vectors import Embedding
    from langchain_motorhead.messages.tokens import TokenCounter


@dataclass(frozen=True, slots=True)
class LearningConfig:
    """How facts are learned.

    Attributes:
        count: Counts the tokens of messages.
        budget: Tokens of the messages of one call of the learner.
        has_model: Whether the learner is another one than `ExtractiveLearner`, which then takes its place where it
            gives no usable answer.
        ttl: Milliseconds until the facts of a user expire, counted from the last time something was learned, or None to
            keep them.
        session_ttl: Milliseconds until the facts of a session without a user expire, or None.
        embedding: How facts are embedded, or None without an embedding model.
    """

    count: TokenCounter
    budget: int
    has_model: bool
    ttl: int | None = None
    session_ttl: int | None = None
    embedding: Embedding | None = None


_NUMBERS = ("messages", "batches", "facts", "accepted", "extracts", "missing", "tokens", "embedded")
_COUNTERS = ("rejected", "unusable")


class LearningState(Enum):
    """How an attempt to learn from a session ended."""

    DONE = "done"
    """Every message is learned."""
    BUSY = "busy"
    """Another worker learns for the same user."""
    PAUSED = "paused"
    """The learner failed a short time ago, or now."""
    ENDED = "ended"
    """The session does not exist, or was deleted meanwhile."""


@dataclass(slots=True)
class LearningReport:
    """The result of learning from a session.

    Attributes:
        state: How it ended.
        messages: Number of messages that were learned.
        batches: Number of commits.
        facts: Number of facts that were added.
        accepted: How many operations of the learner were carried out.
        rejected: How many were rejected, by reason.
        unusable: How many answers were no list of operations, by reason, and how many inputs were `refused`.
        extracts: How many batches `ExtractiveLearner` learned in place of the learner.
        missing: Number of messages that were not kept, so that nothing could be learned from them.
        tokens: Tokens that the learner used.
        embedded: Tokens of what was embedded, to find facts that say the same.
        error: Error of the learner that ended the work, or None.
    """

    state: LearningState = LearningState.DONE
    messages: int = 0
    batches: int = 0
    facts: int = 0
    accepted: int = 0
    rejected: Counter[str] = field(default_factory=Counter)
    unusable: Counter[str] = field(default_factory=Counter)
    extracts: int = 0
    missing: int = 0
    tokens: int = 0
    embedded: int = 0
    error: LearningError | None = None


def report_to_data(report: LearningReport) -> dict[str, Any]:
    """Return a report as an object of JSON, without its error."""
    data: dict[str, Any] = {name: getattr(report, name) for name in _NUMBERS}
    return {"state": report.state.value, **data, **{name: dict(getattr(report, name)) for name in _COUNTERS}}


def report_from_data(data: Mapping[str, Any]) -> LearningReport:
    """Return the report that `report_to_data` gave.

    Raises:
        ValueError: It is none.
        KeyError: It is none.
        TypeError: It is none.
    """
    given: dict[str, Any] = {name: int(data[name]) for name in _NUMBERS}
    given |= {name: Counter(dict(data[name])) for name in _COUNTERS}
    return LearningReport(LearningState(data["state"]), **given)


def counts_of(batch: Batch, answer: Answer, verdicts: Sequence[Verdict]) -> Counter[str]:
    """Return what is counted of a batch in the state of the facts."""
    counts = Counter(
        {
            "messages": len(batch.messages),
            "tokens:facts": answer.tokens,
            "operations": sum(map(len, answer.operations)),
            "accepted": sum(verdict.accepted for verdict in verdicts),
            "extracts": int(answer.is_extract),
        }
    )
    counts.update(f"rejected:{reason}" for verdict in verdicts for _, reason in verdict.rejected)
    counts.update({f"unusable:{reason}": count for reason, count in answer.unusable.items()})
    return counts
