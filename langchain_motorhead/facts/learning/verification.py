"""Verification: which operations of a learner's answer are carried out, and why the others are rejected. Pure.

It checks the quotes, who said them, what is superseded, and the dates.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from langchain_motorhead.facts.book import Book, bounded
from langchain_motorhead.facts.learning.batch import Batch, Said
from langchain_motorhead.facts.learning.dates import Span, is_named, parse_time
from langchain_motorhead.facts.learning.proposals import Proposal, to_proposal
from langchain_motorhead.facts.meaning import Vector, same_in_meaning
from langchain_motorhead.facts.model import (
    MAX_NAME_CHARS,
    MAX_TEXT_CHARS,
    Fact,
    Source,
    as_quoted,
    name_key,
    one_line,
    stands_in,
    text_key,
)
from langchain_motorhead.sessions.checks.wording import content_terms, folded

# Characters of an agreement that are kept as a quote.
_AGREEMENT_CHARS = 100


class Rejection(StrEnum):
    """Why an operation of a learner's answer is not carried out."""

    FORM = "form"
    """It is no operation, or lacks a part that its kind needs."""
    MESSAGE = "message"
    """It cites a message that the learner was not given, or only messages that were learned before."""
    QUOTE = "quote"
    """The quote does not occur in the message, or does not concern the known fact."""
    SPEAKER = "speaker"
    """The speaker of the message may not state this: the assistant without agreement, a tool, another person."""
    FACT = "fact"
    """There is no known fact of this number."""
    PINNED = "pinned"
    """A person stated the fact, so that no model may change it; or has corrected what says the same."""
    SUBJECT = "subject"
    """The fact that is to be superseded has another subject or attribute."""
    DATE = "date"
    """No message that it cites names this date."""


EXPLANATIONS: Mapping[Rejection, str] = {
    Rejection.FORM: (
        "it needs op (add, same, supersede or retract), sources (a list of seq and quote), and text, subject and "
        "attribute, or for same, supersede and retract the number of the fact"
    ),
    Rejection.MESSAGE: "a source cites a message that was not given, or no new message at all",
    Rejection.QUOTE: "the quote is not in the message word for word, or has nothing to do with the fact",
    Rejection.SPEAKER: "the person whom the fact is about did not say this, nor agree to it",
    Rejection.FACT: "there is no known fact of this number",
    Rejection.PINNED: "the person stated this fact explicitly, so it cannot be changed",
    Rejection.SUBJECT: "a fact can only be superseded by one with the same subject and attribute: use add",
    Rejection.DATE: "valid_from and valid_until must be dates that the cited messages name, in ISO 8601",
}


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of the operations of an answer.

    Attributes:
        accepted: How many were carried out.
        rejected: The others, each with the reason.
    """

    accepted: int
    rejected: Sequence[tuple[object, Rejection]]


class Verifier:
    """Carries out in a book what a learner proposes, as far as it can be verified.

    Args:
        batch: The messages that the learner was given.
        book: The facts about the user.
        known: The facts that the learner was given, by their numbers from 0.
        now: The present time.
        new_id: Returns a new id for a fact: the same one for the same operation of the same answer.
        vectors: Vectors of statements, by which facts that say the same in other words are found.
    """

    def __init__(
        self,
        batch: Batch,
        book: Book,
        known: Sequence[Fact],
        now: datetime,
        new_id: Callable[[], str],
        vectors: Mapping[str, Vector] | None = None,
    ) -> None:
        self._batch = batch
        self._book = book
        self._known = known
        self._now = now
        self._new_id = new_id
        self._vectors = vectors or {}
        self._quoted: dict[int, str] = {}  # what `as_quoted` returned for each message, since it is slow
        self._stated: list[Fact | None] = []  # by the operations of the answer so far

    def apply(self, operations: Sequence[object]) -> Verdict:
        """Carry out the operations that pass every check, in their order."""
        rejected = list[tuple[object, Rejection]]()
        self._stated = []
        for given in operations:
            id_, proposal = self._new_id(), to_proposal(given)
            self._stated.append(None)
            reason = Rejection.FORM if proposal is None else self._carry_out(proposal, id_)
            if reason is not None:
                rejected.append((given, reason))
        return Verdict(len(operations) - len(rejected), rejected)

    def _carry_out(self, given: Proposal, id_: str) -> Rejection | None:
        target = None
        if given.op != "add":
            if given.fact is None:
                return Rejection.FORM
            numbered = [*self._known, *self._stated]
            target = numbered[given.fact] if 0 <= given.fact < len(numbered) else None
            if target is None:
                return Rejection.FACT
        sources = self._sources(given, target)
        if isinstance(sources, Rejection):
            return sources
        if given.op in ("add", "supersede"):
            fact = self._fact(given, id_, sources)
            return fact if isinstance(fact, Rejection) else self._state(fact, target)
        there = self._open(target)
        if there is None:
            return Rejection.FACT
        if given.op == "same":
            self._book.add_sources(there.id, sources)
            return None
        if there.pinned:
            return Rejection.PINNED
        self._book.retract(there.id, sources, self._said_at(sources))
        return None

    def _state(self, fact: Fact, target: Fact | None) -> Rejection | None:
        """Add a fact, in the place of another one if there is one."""
        if target is not None and fact.about != target.about:
            return Rejection.SUBJECT
        same = self._book.same_as(fact)
        if same is None and target is None and self._vectors:
            same = same_in_meaning(fact, self._book.open_facts(), self._vectors)
        if same is not None:
            self._book.add_sources(same.id, fact.sources)
            self._stated[-1] = same
            return None
        if self._book.is_corrected(fact):
            return Rejection.PINNED
        there = self._open(target)
        if there is None:  # it is gone since the learner saw it
            self._book.add(fact)
            self._stated[-1] = fact
            return None
        if there.pinned:
            return Rejection.PINNED
        self._book.supersede(there.id, fact)
        self._stated[-1] = fact
        return None

    def _open(self, target: Fact | None) -> Fact | None:
        """Return a known fact, or the one that took its place, as it is now; None if it is gone or retracted."""
        there = None if target is None else self._book.get(target.id)
        while there is not None and there.superseded_by is not None:
            there = self._book.get(there.superseded_by)
        return there if there is not None and there.is_open else None

    def _fact(self, given: Proposal, id_: str, sources: tuple[Source, ...]) -> Fact | Rejection:
        text, subject, attribute = one_line(given.text), one_line(given.subject), one_line(given.attribute)
        if not text_key(text) or not name_key(subject) or not name_key(attribute):
            return Rejection.FORM
        if len(text) > MAX_TEXT_CHARS or max(len(subject), len(attribute)) > MAX_NAME_CHARS:
            return Rejection.FORM
        times = list[datetime | None]()
        for given_time in (given.valid_from, given.valid_until):
            span = None if given_time is None else parse_time(given_time)
            if given_time is not None and (span is None or not self._is_said(span, sources)):
                return Rejection.DATE
            times.append(None if span is None else span.start)
        start, end = times
        if start is not None and end is not None and end < start:
            return Rejection.DATE
        return Fact(
            id=id_,
            text=text,
            subject=subject,
            attribute=attribute,
            said_at=self._said_at(sources),
            learned_at=self._now,
            valid_from=start,
            valid_until=end,
            sources=bounded(sources),
        )

    def _sources(self, given: Proposal, target: Fact | None) -> tuple[Source, ...] | Rejection:
        """Return the sources of an operation, or why they do not hold."""
        if not given.sources:
            return Rejection.FORM
        subject = name_key(target.subject if target is not None else given.subject)
        found: dict[int, Source] = {}
        for seq, quote in given.sources:
            said = self._batch.get(seq)
            if said is None:
                return Rejection.MESSAGE
            if not stands_in(quote, self._as_quoted(said)):
                return Rejection.QUOTE
            if not self._batch.may_state(said, quote, subject):
                return Rejection.SPEAKER
            if (agreed := self._batch.agreement(said) if said.by_assistant else None) is not None:
                found[agreed.seq] = self._source(agreed, agreed.text[:_AGREEMENT_CHARS])
            found.setdefault(seq, self._source(said, quote))
        if not any(self._batch.is_new(seq) for seq in found):
            return Rejection.MESSAGE
        if given.op in ("same", "retract") and target is not None and not self._concerns(found, target):
            return Rejection.QUOTE
        return tuple(found[seq] for seq in sorted(found))

    def _as_quoted(self, said: Said) -> str:
        if said.seq not in self._quoted:
            self._quoted[said.seq] = as_quoted(said.text)
        return self._quoted[said.seq]

    def _source(self, said: Said, quote: str) -> Source:
        quote = one_line(quote)[:MAX_TEXT_CHARS]
        return Source(self._batch.session_id, said.seq, said.id, quote, self._batch.epoch)

    def _concerns(self, found: Mapping[int, Source], target: Fact) -> bool:
        """Return whether a cited message has a word of a fact, or of what it is about."""
        words = set(content_terms(folded(f"{target.text} {target.attribute} {target.subject}")))
        said = (self._batch.get(seq) for seq in found)
        return any(words & set(content_terms(folded(each.text))) for each in said if each is not None)

    def _is_said(self, span: Span, sources: Sequence[Source]) -> bool:
        for source in sources:
            said = self._batch.get(source.seq)
            if said is not None and said.said_at is not None and is_named(span, said.text, said.said_at):
                return True
        return False

    def _said_at(self, sources: Sequence[Source]) -> datetime:
        times = [said.said_at for source in sources if (said := self._batch.get(source.seq)) is not None]
        return min((time for time in times if time is not None), default=self._now)
