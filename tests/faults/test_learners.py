"""Learners killed at random moments: every message is learned once, whoever learns it."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import redis
from langchain_core.messages import AIMessage, HumanMessage

from langchain_motorhead import Facts
from langchain_motorhead.storage.keys import user_fact_keys
from support.factory import MakeMotorhead
from support.learners import ScriptedLearner

# Forks two processes that learn from two sessions of one user in another order, and kills one after the other. The
# learner notes each call in a book, so that a kill meets a learner at work, before its commit, in it or after it.
KILLER = """
import os, random, signal, sys, time
sys.path[:0] = [{tests!r}]
from langchain_motorhead import Facts, LearningError, Motorhead
from langchain_motorhead.facts.learning import flow as learning
from langchain_motorhead.facts.operations import read_learned
from support.learners import ScriptedLearner, correct

learning.LEASE_MS = 200
random.seed(5)

def size():
    return os.path.getsize({book!r})

def learn(which):
    book = os.open({book!r}, os.O_WRONLY | os.O_APPEND)

    def answer(given):
        os.write(book, b".")
        return correct(given)

    learner = ScriptedLearner(answer)
    learner.max_input_tokens = 8
    with Motorhead.from_url({url!r}, namespace={namespace!r}, facts=Facts(learner=learner, every=3_600)) as motorhead:
        for name in ("ab", "ba")[which]:
            session = motorhead.session(name, "bob")
            # A lease that expires during a call on a busy machine ends an attempt, too.
            while motorhead.backend.execute(read_learned(session._keys)) != {total}:
                session.learn()

def fork(which):
    child = os.fork()
    if child == 0:
        try:
            learn(which)
            os._exit(0)
        except BaseException as error:
            os.write(2, repr(error).encode())
            os._exit(1)
    return child

open({book!r}, "w").close()
children = [fork(0), fork(1)]
for kill in range({kills}):
    which, before, patience = kill % 2, size(), time.monotonic() + 30
    while size() <= before:
        assert time.monotonic() < patience
        time.sleep(0.0005)
    time.sleep(random.uniform(0, 0.006))
    os.kill(children[which], signal.SIGKILL)
    assert os.WIFSIGNALED(os.waitpid(children[which], 0)[1]), "there was nothing left to learn"
    children[which] = fork(which)
for child in children:
    assert os.waitpid(child, 0)[1] == 0
"""
KILLS, MESSAGES = 6, 40


def test_killed_at_random(make: MakeMotorhead, client: redis.Redis, url: str, namespace: str, tmp_path: Path) -> None:
    """Two processes learn for one user and are killed again and again: each message is the source of one fact."""
    motorhead = make(facts=Facts(learner=ScriptedLearner(), every=3_600, enough_tokens=10**9))
    for name in "ab":
        said = [(HumanMessage(f"{name} {at}"), AIMessage("I see.")) for at in range(MESSAGES)]
        motorhead.session(name, "bob").append([each for pair in said for each in pair])
    code = KILLER.format(
        tests=str(Path(__file__).parents[1]),
        book=str(tmp_path / "book"),
        url=url,
        namespace=namespace,
        kills=KILLS,
        total=2 * MESSAGES,
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=100, check=False)
    assert done.returncode == 0, done.stderr.decode()
    bob = motorhead.user("bob")
    facts = bob.facts(superseded=True)
    assert Counter(fact.text for fact in facts) == Counter(f"{name} {at}" for name in "ab" for at in range(MESSAGES))
    assert Counter((source.session_id, source.seq) for fact in facts for source in fact.sources) == Counter(
        (name, 2 * at) for name in "ab" for at in range(MESSAGES)
    )
    counts = bob.counts()
    assert (counts["messages"], counts["accepted"]) == (4 * MESSAGES, 2 * MESSAGES)
    assert [motorhead.session(name, "bob").learn().messages for name in "ab"] == [0, 0]
    learned: dict[Any, Any] = client.hgetall(user_fact_keys(namespace, "bob").state)
    assert {value for name, value in learned.items() if name.startswith(b"learned:")} == {b"%d" % (2 * MESSAGES)}
