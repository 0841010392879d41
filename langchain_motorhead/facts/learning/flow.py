"""Learning, as a flow: read the messages of a session that were not learned yet, and store what they say of its user.

To learn is to take the lease of the user, read the facts and a batch of messages, ask the learner, verify what it
proposes, and commit: facts and progress in one atomic script. The lease keeps two workers from paying for the same
batch. A batch is learned exactly once without it: a commit does nothing if the session was learned further meanwhile,
or was deleted.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Sequence
from itertools import count as counting

from langchain_core.messages import HumanMessage

from langchain_motorhead.exceptions import LearningError, SessionReplacedError
from langchain_motorhead.facts import operations as stored
from langchain_motorhead.facts import vectors
from langchain_motorhead.facts.book import Book
from langchain_motorhead.facts.learning.asking import Answer, Asking
from langchain_motorhead.facts.learning.batch import Batch, Said, to_said
from langchain_motorhead.facts.learning.known import select
from langchain_motorhead.facts.learning.proposals import to_proposal
from langchain_motorhead.facts.learning.report import LearningConfig, LearningReport, LearningState, counts_of
from langchain_motorhead.facts.learning.verification import Verdict, Verifier
from langchain_motorhead.facts.meaning import proposed_statement
from langchain_motorhead.facts.model import Fact
from langchain_motorhead.facts.operations import Begin, FactsRead, Progress, Written
from langchain_motorhead.facts.vectors import Known
from langchain_motorhead.flows.leases import with_lease
from langchain_motorhead.flows.protocol import Flow, Pause
from langchain_motorhead.sessions.archive.transcript import read_page
from langchain_motorhead.storage.keys import FactKeys, SessionKeys, check_user, fact_keys, own_fact_keys
from langchain_motorhead.storage.leases import give_up, renew

logger = logging.getLogger(__name__)

LEASE_MS = 10_000
"""How long a worker that crashed keeps others away. A worker that runs renews its lease every few seconds."""
_PAUSES_MS = {"first_pause": 1_000, "longest_pause": 300_000}
_POLL_PAUSE = Pause(0.1)
# Messages of one batch, and messages before it that an agreement may refer to.
_BATCH_MESSAGES, _BEFORE_MESSAGES = 100, 2
# Times that a batch is verified again because the facts changed meanwhile.
_MAX_CONFLICTS = 10
# Calls in a row during which the lease may expire, as with a process that stands still. Each was paid for in vain.
_MAX_LOST = 3


class _LeaseLostError(Exception):
    """The lease expired before a commit: another worker may hold it, or the user was deleted."""


def learn(keys: SessionKeys, token: str, config: LearningConfig, *, explicit: bool) -> Flow[LearningReport]:
    """Learn from the messages of a session that were not learned yet. The lease is released in the end.

    Args:
        keys: Keys of the session.
        token: Random token of this worker, for the lease and for the ids of new facts.
        config: How facts are learned.
        explicit: Whether a caller waits for the result. If so, the pause after a failure is ignored, and the flow waits
            for another worker that learns for the same user.

    Returns:
        What was done. If the learner failed, `error` says how; what was committed before stays.

    Raises:
        InvalidInputError: The session belongs to another user than the one in `keys`.
        StoreError: Redis refused, or could not be reached.
    """
    known = yield stored.identify(keys)
    if known.epoch is None:
        return LearningReport(LearningState.ENDED)
    check_user(keys, known.user)
    learning = _Learning(keys, known.epoch, known.user, token, config)
    return (yield from with_lease(learning.run(explicit=explicit), give_up(learning.facts.lease, token)))


def relearn(keys: SessionKeys, token: str, config: LearningConfig, seqs: Collection[int]) -> Flow[LearningReport]:
    """Learn once more from messages that were edited, each for itself. How far the session was learned stays as it is.

    `erasure.revise_messages` is called before. Messages that were not learned yet are left to `learn`. It waits for
    another worker that learns for the same user.

    Args:
        keys: Keys of the session.
        token: Random token of this worker.
        config: How facts are learned.
        seqs: Sequence numbers of the messages.

    Returns:
        What was done, as `learn` returns it.
    """
    known = yield stored.identify(keys)
    if known.epoch is None:
        return LearningReport(LearningState.ENDED)
    check_user(keys, known.user)
    learning = _Learning(keys, known.epoch, known.user, token, config, tuple(sorted(seqs)))
    return (yield from with_lease(learning.run(explicit=True), give_up(learning.facts.lease, token)))


class _Learning:
    """One worker that learns from one session."""

    def __init__(
        self,
        keys: SessionKeys,
        epoch: str,
        user: str | None,
        token: str,
        config: LearningConfig,
        again: Sequence[int] | None = None,
    ) -> None:
        self.facts: FactKeys = fact_keys(keys, user)
        self._keys = keys
        self._epoch = epoch
        self._user = user if user is not None else keys.user_id
        self._token = token
        self._config = config
        self._again = None if again is None else list(again)
        self._report = LearningReport()

    def run(self, *, explicit: bool) -> Flow[LearningReport]:
        """Take the lease, and learn batch by batch. If the lease expires during a call, take it again, and go on."""
        report, lost = self._report, 0
        try:
            while True:
                begun = yield stored.begin(self.facts, self._token, self._epoch, lease=LEASE_MS, force=explicit)
                if begun is Begin.BUSY and explicit:
                    yield _POLL_PAUSE
                    continue
                if begun is not Begin.TAKEN:
                    report.state = LearningState(begun.name.lower())
                    return report
                try:
                    while (yield from self._learn_batch()):
                        lost = 0
                    break
                except _LeaseLostError:
                    lost += 1
                if lost == _MAX_LOST:
                    raise LearningError(f"the lease expired during {lost} calls in a row: another worker may go on")
                logger.info("session %r: the lease expired while it was learned", self._keys.session_id)
                if (yield stored.identify(self._keys)).epoch != self._epoch:
                    raise SessionReplacedError
        except LearningError as error:
            failures, pause = yield stored.fail(self.facts, self._token, **_PAUSES_MS)
            logger.warning(
                "session %r: learning failed, %d in a row, next try in %.0f s: %s",
                self._keys.session_id, failures, pause / 1000, error,
            )  # fmt: skip
            report.state, report.error = LearningState.PAUSED, error
            return report
        except SessionReplacedError:
            report.state = LearningState.ENDED
        yield give_up(self.facts.lease, self._token)
        return report

    def _learn_batch(self) -> Flow[bool]:
        """Learn the next batch. Returns whether there may be more."""
        read: FactsRead = yield stored.read_facts(self.facts, self._epoch, past=True)
        if read.ended:
            self._report.state = LearningState.ENDED
            return False
        if read.learned == 0 and self.facts.session is None:
            yield stored.drop(own_fact_keys(self._keys))  # learned while the session had no user
        if self._again is not None:
            return (yield from self._learn_again(read))
        batch, stop = yield from self._read_batch(read.learned)
        if stop <= read.learned:
            return False
        asking = Asking(self._keys, self._user, self._token, self.facts, self._config)
        given = select(read.current, batch)
        answer = yield from asking.ask(batch, given)
        yield from self._commit(read, batch, given, answer, asking, answer.stop or stop)
        return True

    def _learn_again(self, read: FactsRead) -> Flow[bool]:
        """Learn the next of the edited messages. Returns whether there may be more."""
        again = self._again or []
        while again and again[0] >= read.learned:
            again.pop(0)
        if not again:
            return False
        seq = again[0]
        batch, _ = yield from self._read_batch(seq)
        batch = batch.before_seq(seq + 1)
        if batch.messages:
            asking = Asking(self._keys, self._user, self._token, self.facts, self._config)
            given = select(read.current, batch)
            answer = yield from asking.ask(batch, given)
            if not (yield from self._commit(read, batch, given, answer, asking, read.learned)):
                return True
        again.pop(0)
        return True

    def _commit(
        self, read: FactsRead, batch: Batch, given: Sequence[Fact], answer: Answer, asking: Asking, stop: int
    ) -> Flow[bool]:
        """Store what was learned. Returns False if nothing was, as the session changed: it is read again then."""
        start, asked_again, known = read.learned, False, Known()
        begin, end = (start, stop) if self._again is None else (self._again[0], self._again[0] + 1)
        for _ in range(_MAX_CONFLICTS):
            batch = batch.before_seq(end)
            known = yield from self._know(read, answer, known)
            book, verdicts = self._verify(read, batch, given, answer, known)
            rejected = verdicts[0].rejected
            if rejected and not asked_again and not answer.is_extract:
                asked_again = True
                answer = yield from asking.ask_again(batch, given, answer, rejected)
                known = yield from self._know(read, answer, known)
                book, verdicts = self._verify(read, batch, given, answer, known)
            changes = book.changes()
            counts = counts_of(batch, answer, verdicts)
            written = yield stored.write_facts(
                self.facts,
                read.version,
                changes,
                progress=Progress(self._epoch, start, stop, self._token, LEASE_MS),
                ttl=self._config.ttl if self.facts.session is None else self._config.session_ttl,
                counts=counts,
            )
            if written is Written.DONE:
                new = [each.fact for each in changes if each.fact is not None and book.is_new(each.id)]
                self._note(batch, answer, verdicts, stop - start, len(new))
                yield stored.note_learned(self._keys, self._epoch, stop, answer.tokens)
                if self._config.embedding is not None:
                    yield from vectors.keep(self.facts, new, self._config.embedding, known, 0)
                return True
            if written is Written.NO_LEASE:
                raise _LeaseLostError
            if written is not Written.OTHER_FACTS:
                logger.info("session %r: changed while it was learned; nothing was stored", self._keys.session_id)
                return False
            # A person changed a fact, or a message was forgotten. The answer is verified against what there is now.
            read = yield stored.read_facts(self.facts, self._epoch, past=True)
            if read.ended or read.learned != start:
                return False
            batch, _ = yield from self._read_batch(begin)
        raise LearningError(f"{_MAX_CONFLICTS} commits in a row failed: the facts kept changing")

    def _know(self, read: FactsRead, answer: Answer, before: Known) -> Flow[Known]:
        """Return the vectors of the facts that hold, and of those that the learner adds."""
        embedding = self._config.embedding
        proposed = [to_proposal(each) for operations in answer.operations for each in operations]
        texts = [proposed_statement(each) for each in proposed if each is not None and each.op == "add"]
        texts = [each for each in texts if each not in before.vectors]
        if embedding is None or not texts:
            return before
        heartbeat = renew(self.facts.lease, self._token, LEASE_MS)
        known = yield from vectors.know(self.facts, read.current, embedding, texts, heartbeat)
        self._report.embedded += known.tokens
        return Known({**before.vectors, **known.vectors})

    def _verify(
        self, read: FactsRead, batch: Batch, given: Sequence[Fact], answer: Answer, known: Known
    ) -> tuple[Book, list[Verdict]]:
        book, number = Book([*read.current, *read.past]), counting()
        random = self._token.rpartition(".")[2]  # without the job and the attempt
        verifier = Verifier(
            batch, book, given, read.now, lambda: f"{random}-{batch.start}-{next(number)}", known.vectors
        )
        return book, [verifier.apply(each) for each in answer.operations]

    def _read_batch(self, start: int) -> Flow[tuple[Batch, int]]:
        """Read the messages from a sequence number on, as many as the budget allows.

        Returns:
            The messages, and the sequence number before which they end.
        """
        begin = max(0, start - _BEFORE_MESSAGES)
        page = yield from read_page(self._keys, begin, None, _BATCH_MESSAGES + start - begin, self._epoch)
        before = [to_said(each) for each in page if each.seq < start]
        messages, room = list[Said](), self._config.budget
        stop = page.total if page.next is None else page.next
        for each in page:
            if each.seq < start:
                continue
            said = to_said(each)
            room -= self._config.count([HumanMessage(said.text)])
            if room < 0 and messages:
                stop = said.seq
                break
            messages.append(said)
        gaps = (range(max(gap.first, start), min(gap.last + 1, stop)) for gap in page.gaps)
        self._report.missing += sum(map(len, gaps))
        return Batch(self._keys.session_id, self._epoch, self._user, messages, before), max(stop, start)

    def _note(self, batch: Batch, answer: Answer, verdicts: Sequence[Verdict], count: int, added: int) -> None:
        report = self._report
        report.messages += count
        report.batches += 1
        report.facts += added
        report.accepted += sum(verdict.accepted for verdict in verdicts)
        report.rejected.update(reason.value for verdict in verdicts for _, reason in verdict.rejected)
        report.unusable.update(answer.unusable)
        report.extracts += answer.is_extract
        report.tokens += answer.tokens
