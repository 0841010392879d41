"""Facts, broken on purpose in one place each: what a simulation has to find."""

from __future__ import annotations

from langchain_motorhead.facts import book, erasure
from langchain_motorhead.facts.learning import asking, batch, report, verification
from langchain_motorhead.facts.learning import flow as learning
from simulation.breaking import Broken, left_behind

_VERSION = "if (known[1] or '0') ~= version then"
_START = "if (known[2] or '0') ~= start then"
_ENDED = "if is_ended(ended, epoch, own) then"
_NEVER = "if false then"

FACTS_BROKEN = {
    "a commit that does not compare how far a session was learned": Broken(
        "learning_badly", (("facts_write", _START, _NEVER), ("facts_write", _VERSION, _NEVER))
    ),
    "a commit that does not compare versions": Broken("stating", (("facts_write", _VERSION, _NEVER),)),
    "a commit that does not notice that its session ended": Broken(
        "ending", (("facts_write", _ENDED, _NEVER), ("facts_write", _VERSION, _NEVER))
    ),
    "a commit that does not say how far it learned": Broken(
        "learning", (("facts_write", "redis.call('HSET', state, 'learned:' .. epoch, stop)", ""),)
    ),
    "a commit without the lease, of a user who was deleted": Broken(
        "ending_the_user",
        (
            ("facts_write", "if redis.call('GET', lease) ~= token then", _NEVER),
            ("facts_write", _VERSION, _NEVER),
            ("facts_write", _ENDED, _NEVER),
        ),
    ),
    "a deletion of a user that leaves the facts": Broken(
        "ending_the_user", ((erasure.delete_user, "yield drop(facts)", "pass"),)
    ),
    "an end that is not noted": Broken(
        "ending", (("facts_write", "redis.call('ZADD', ended, string.format('%d', now), epoch)", ""),)
    ),
    "an end that leaves facts": Broken("ending", ((erasure._end, "source.epoch == epoch", "False"),)),
    "a removed fact whose vector stays": Broken(
        "ending_with_vectors", (("facts_write", "redis.call('HDEL', vectors, id)", ""),)
    ),
    "a vector of a fact that was removed meanwhile": Broken(
        "ending_with_vectors",
        (
            (
                "facts_vectors",
                "if redis.call('HEXISTS', current, ARGV[at]) == 1 or redis.call('HEXISTS', past, ARGV[at]) == 1 then",
                "if true then",
            ),
        ),
    ),
    "vectors of a user who was deleted meanwhile": Broken(
        "ending_the_user_with_vectors", (("facts_vectors", "if redis.call('EXISTS', state) == 0 then", _NEVER),)
    ),
    "what a removed fact had superseded, and does not hold again": Broken(
        "ending",
        (
            (book.Book.remove, "if fact.superseded_by == id_:", "if False:"),
            (book.Book.remove_sources, "if fact.superseded_by is not None and", "if False and"),
        ),
    ),
    "a forgotten message whose facts stay": Broken(
        "forgetting", ((erasure._remove, "not occurs(source.quote, text)", "False"),)
    ),
    "a forgotten message that does not raise the version of the facts": Broken(
        "forgetting", ((erasure._remove, "always=True", "always=False"),)
    ),
    "a conflict after which messages are not read again": Broken(
        "forgetting", ((learning._Learning._commit, "batch, _ = yield from self._read_batch(begin)", "pass"),)
    ),
    "an answer that cannot be read, taken for no facts": Broken(
        "learning_badly", ((asking.Asking.ask, "if not learned.unusable:", "if True:"),)
    ),
    "a failure taken for no facts": Broken(
        "learning_badly",
        (
            (
                asking.Asking._call,
                "found.append((yield Learn(given, writer, heartbeat, metadata)))",
                "try:\n            found.append((yield Learn(given, writer, heartbeat, metadata)))\n"
                "        except Exception:\n            found.append(Learned((), 0))",
            ),
        ),
    ),
    "quotes that are not compared": Broken(
        "learning_badly",
        ((verification.Verifier._sources, "if not stands_in(quote, self._as_quoted(said)):", "if False:"),),
    ),
    "invented messages that are cited": Broken(
        "learning_badly",
        (
            (
                verification.Verifier._sources,
                "if said is None:\n            return Rejection.MESSAGE",
                "if said is None:\n            said = self._batch.messages[0]",
            ),
            (batch.Batch.is_new, " and seq in self._by_seq", ""),
        ),
    ),
    "rejected operations that are not counted": Broken(
        "learning_badly", ((report.counts_of, 'counts.update(f"rejected:', '_ = list(f"rejected:'),)
    ),
    "a lease taken from whoever holds it": Broken(
        "learning", (("facts_begin", "if holder ~= 'pause' and not may_take(holder, ARGV[1]) then", _NEVER),)
    ),
    "a learner's lease left with a task that stopped": left_behind("taking_over", "facts_begin"),
    "a lost lease taken for the end of the work": Broken(
        "learning_badly", ((learning._Learning.run, "lost += 1", "break"),)
    ),
    "a learner that replaces the lease of another by a pause": Broken(
        "failing_to_learn", (("facts_fail", "if redis.call('GET', KEYS[1]) ~= ARGV[1] then", _NEVER),)
    ),
}
