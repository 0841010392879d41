"""Asking a learner: what it is given, and what happens to an answer that cannot be used or an input that is refused."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from langchain_core.messages import HumanMessage

from langchain_motorhead.facts.learning.batch import Batch, Said
from langchain_motorhead.facts.learning.proposals import LearnerInput
from langchain_motorhead.facts.learning.verification import EXPLANATIONS, Rejection
from langchain_motorhead.facts.model import Fact
from langchain_motorhead.flows.protocol import Flow, Learn, Learned, RefusedLearningError, Writer, trace_metadata
from langchain_motorhead.messages.text import split_message
from langchain_motorhead.sessions.checks.reasons import Reason
from langchain_motorhead.storage.keys import FactKeys, SessionKeys
from langchain_motorhead.storage.leases import renew

if TYPE_CHECKING:
    from langchain_motorhead.facts.learning.report import LearningConfig

logger = logging.getLogger(__name__)

REFUSED = "refused input"
"""What is counted where a provider refused the input."""
_LEASE_MS = 10_000
# What of a tool's result a learner is shown: it is no fact about a person.
_TOOL_CHARS = 300


@dataclass(slots=True)
class Answer:
    """What a learner answered for a batch.

    Attributes:
        operations: What it proposes: its first answer, and perhaps a second one to what was rejected of the first.
        tokens: Tokens that were used.
        unusable: How many answers could not be used, by reason.
        is_extract: Whether `ExtractiveLearner` answered in place of the learner.
        stop: Sequence number before which the batch ends if it had to be made smaller. Else None.
    """

    operations: list[Sequence[object]] = field(default_factory=list)
    tokens: int = 0
    unusable: Counter[str] = field(default_factory=Counter)
    is_extract: bool = False
    stop: int | None = None


@dataclass(frozen=True, slots=True)
class Asking:
    """Asks the learner for one session.

    Attributes:
        keys: Keys of the session.
        user_id: User of the session, or None.
        token: Token of the worker, which holds the lease.
        facts: Keys of the facts.
        config: How facts are learned.
    """

    keys: SessionKeys
    user_id: str | None
    token: str
    facts: FactKeys
    config: LearningConfig

    def ask(self, batch: Batch, known: Sequence[Fact]) -> Flow[Answer]:
        """Ask the learner what a batch says.

        A batch that the provider refuses, or whose answer was cut off, is made smaller. Where even one message gets no
        usable answer, the learner that needs no model learns it.

        Raises:
            LearningError: The learner failed, or took too long.
        """
        answer, asked = Answer(), 0
        while True:
            if not any(said.by_person for said in batch.messages):
                answer.operations = [()]  # nobody said anything about himself
                return answer
            try:
                learned = yield from self._call(batch, known, Writer.MODEL)
            except RefusedLearningError as error:
                answer.unusable[REFUSED] += 1
                logger.info("session %r: the provider refused messages: %s", self.keys.session_id, error)
                may_retry, smaller = False, True
            else:
                answer.tokens += learned.tokens
                if not learned.unusable:
                    answer.operations = [learned.operations]
                    return answer
                reason = learned.unusable.partition(":")[0]
                answer.unusable[reason] += 1
                asked += 1
                may_retry, smaller = asked == 1 and not learned.is_final, reason == Reason.CUT_OFF
            if smaller and len(batch.messages) > 1:
                batch, asked = batch.first_half(), 0
                answer.stop = batch.messages[-1].seq + 1
            elif not may_retry:
                return (yield from self._extract(batch, known, answer))

    def ask_again(
        self, batch: Batch, known: Sequence[Fact], answer: Answer, rejected: Sequence[tuple[object, Rejection]]
    ) -> Flow[Answer]:
        """Ask once more for what was rejected. Returns the answer with what the learner proposes instead.

        Raises:
            LearningError: The learner failed, or took too long.
        """
        shown = [_shown(given, reason) for given, reason in rejected]
        try:
            learned = yield from self._call(batch, known, Writer.MODEL, shown)
        except RefusedLearningError:
            return answer
        unusable = answer.unusable.copy()
        if learned.unusable:
            unusable[learned.unusable.partition(":")[0]] += 1
        return replace(
            answer,
            operations=[*answer.operations, learned.operations],
            tokens=answer.tokens + learned.tokens,
            unusable=unusable,
        )

    def _extract(self, batch: Batch, known: Sequence[Fact], answer: Answer) -> Flow[Answer]:
        learned = yield from self._call(batch, known, Writer.EXTRACT)
        return replace(answer, operations=[learned.operations], is_extract=True)

    def _call(
        self, batch: Batch, known: Sequence[Fact], writer: Writer, rejected: Sequence[Mapping[str, Any]] = ()
    ) -> Flow[Learned]:
        """Call a learner once; or several times for a message that is larger than one input, a part each time."""
        heartbeat = renew(self.facts.lease, self.token, _LEASE_MS)
        metadata = trace_metadata(self.keys)
        found = list[Learned]()
        for messages in self._parts(batch.messages):
            given = _input(batch, messages, self.user_id, known, rejected)
            found.append((yield Learn(given, writer, heartbeat, metadata)))
        return Learned(
            [each for learned in found for each in learned.operations],
            sum(learned.tokens for learned in found),
            unusable=next((learned.unusable for learned in found if learned.unusable), ""),
            is_final=found[-1].is_final,
        )

    def _parts(self, messages: Sequence[Said]) -> list[Sequence[Said]]:
        if len(messages) > 1:
            return [messages]
        pieces = split_message(HumanMessage(messages[0].text), self.config.budget, self.config.count)
        return [[replace(messages[0], text=str(piece.text))] for piece in pieces]


def _input(
    batch: Batch,
    messages: Sequence[Said],
    user_id: str | None,
    known: Sequence[Fact],
    rejected: Sequence[Mapping[str, Any]],
) -> LearnerInput:
    given: LearnerInput = {
        "session_id": batch.session_id,
        "user_id": user_id,
        "messages": [_shortened(said).as_input() for said in messages],
        "facts": [
            {
                "n": n,
                "text": fact.text,
                "subject": fact.subject,
                "attribute": fact.attribute,
                "said_at": fact.said_at.isoformat(),
                "pinned": fact.pinned,
            }
            for n, fact in enumerate(known)
        ],
    }
    if batch.before:
        given["before"] = [_shortened(said).as_input() for said in batch.before]
    if rejected:
        given["rejected"] = rejected
    return given


def _shortened(said: Said) -> Said:
    return said if said.by_person or said.by_assistant else replace(said, text=said.text[:_TOOL_CHARS])


def _shown(given: object, reason: Rejection) -> Mapping[str, Any]:
    operation = dict(given) if isinstance(given, Mapping) else {"operation": given}
    return {**operation, "rejection": EXPLANATIONS[reason]}
