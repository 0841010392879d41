"""Messages that are known by their ids, against a model: a list of all that was accepted, and of their ids."""

from __future__ import annotations

import asyncio
from pathlib import Path
from random import Random
from typing import Any

import fakeredis
import pytest
import redis
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from langchain_core.messages import BaseMessage, HumanMessage

from langchain_motorhead import IdConflictError, InvalidMessageError, Motorhead
from support.dedup_model import POOL, Against, handles, id_of, options
from support.factory import MakeMotorhead
from support.messages import contents
from support.redis_servers import HOST, cluster
from support.summarizers import remembered

ids_of_some = st.lists(st.tuples(st.sampled_from(POOL), st.integers(0, 2)), max_size=8)
handles_of_both = st.integers(0, 1)


class Machine(RuleBasedStateMachine):
    """Does to a session whatever can be done, in any order."""

    url = ""
    runs = 0

    @initialize()
    def start(self) -> None:
        """Open two handles on a session of its own."""
        Machine.runs += 1
        self.handles = [Motorhead.from_url(self.url, **options("following")) for _ in range(2)]
        self.client = redis.Redis.from_url(self.url)
        self.tested = Against(self.handles, self.client, f"s{Machine.runs}")

    @rule(some=ids_of_some, handle=handles_of_both, unless_known=st.sampled_from([True, True, True, False]))
    def append(self, some: list[tuple[str | None, int]], handle: int, unless_known: bool) -> None:
        """Append a few messages."""
        made = self.tested.messages([id_ for id_, _ in some], [shape for _, shape in some])
        self.tested.append(made, handle, unless_known=unless_known)

    @rule(length=st.integers(60, 300), handle=handles_of_both, start=st.integers(0, 100), reads=st.booleans())
    def many(self, length: int, handle: int, start: int, reads: bool) -> None:
        """Append, or give as a conversation, more than are remembered."""
        ids = list(dict.fromkeys(f"n{(start + at) % 200}" for at in range(length)))
        made = self.tested.messages(ids, [0] * len(ids))
        if reads:
            self.tested.catch_up(made, None, handle, reads=True)
        else:
            self.tested.append(made, handle)

    @rule(count=st.integers(1, 80), handle=handles_of_both)
    def again(self, count: int, handle: int) -> None:
        """Append messages again, those with ids and those without."""
        self.tested.append(self.tested.given[-count:], handle)

    @rule(
        back=st.integers(0, 200), some=ids_of_some, after=st.sampled_from(POOL), handle=handles_of_both,
        reads=st.booleans(), remembers=st.booleans(),
    )  # fmt: skip
    def catch_up(
        self,
        back: int,
        some: list[tuple[str | None, int]],
        after: str | None,
        handle: int,
        reads: bool,
        remembers: bool,
    ) -> None:
        """Give a conversation that has grown since."""
        before = self.tested.given[len(self.tested.given) - min(back, len(self.tested.given)) :]
        made = self.tested.messages([id_ for id_, _ in some], [shape for _, shape in some])
        if remembers and before and isinstance(before[-1], BaseMessage):
            after = before[-1].id
        self.tested.catch_up([*before, *made], after, handle, reads=reads)

    @rule(handle=handles_of_both, newest=st.integers(1, 10))
    def give_back(self, handle: int, newest: int) -> None:
        """Append what was loaded, the summary included."""
        loaded = self.tested.check().as_messages()
        self.tested.append([*loaded[:1], *loaded[-newest:]], handle)

    @rule(handle=handles_of_both)
    def compact(self, handle: int) -> None:
        """Compact."""
        self.tested.compact(handle)

    @precondition(lambda self: len(self.tested.expected.said) > 20)
    @rule(handle=handles_of_both)
    def delete(self, handle: int) -> None:
        """Delete."""
        self.tested.delete(handle)

    @rule(handle=handles_of_both, which=st.sampled_from(["hello", 5, {"role": "user"}, {"content": "x"}, None]))
    def refused(self, handle: int, which: Any) -> None:
        """Append what is no message, among those that are: nothing is stored."""
        with pytest.raises(InvalidMessageError):
            self.tested.sessions[handle].append([HumanMessage("new", id="new"), which])

    @invariant()
    def holds(self) -> None:
        """Hold the model."""
        if hasattr(self, "tested"):
            self.tested.check()

    def teardown(self) -> None:
        """Close."""
        if hasattr(self, "tested"):
            for handle in self.handles:
                handle.close()
            self.client.close()


@pytest.mark.timeout(300)
def test_a_session_against_a_model(url: str) -> None:
    """Whatever is done to a session by several handles, it has what a model of it has, once and in order."""
    Machine.url = url
    run_state_machine_as_test(
        Machine,
        settings=settings(
            max_examples=60, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )


def wander(tested: Against, random: Random, steps: int) -> None:
    """Do anything, so many times, holding the model after each."""
    for _ in range(steps):
        handle, size = random.randrange(len(tested.sessions)), random.choice([0, 1, 2, 5, 70, 150])
        ids = [random.choice(POOL) for _ in range(size)]
        match random.randrange(8):
            case 0 | 1:
                tested.append(tested.messages(ids, [at % 3 for at in range(size)]), handle)
            case 2:
                tested.append(tested.given[-random.randrange(1, 200) :], handle)
            case 3 | 4 | 5:
                before = tested.given[-random.randrange(1, 200) :]
                made = tested.messages(ids[:6], [0] * len(ids[:6]))
                after = id_of(before[-1]) if before and random.random() < 0.5 else random.choice(POOL)
                tested.catch_up([*before, *made], after, handle, reads=random.random() < 0.5)
            case 6:
                tested.compact(handle)
            case _:
                if random.random() < 0.2:
                    tested.delete(handle)
        tested.check()


@pytest.mark.parametrize("seed", range(3))
def test_any_client_against_the_model(url: str, namespace: str, seed: int) -> None:
    """Clients that decode replies and that speak either protocol do the same as any other."""
    with (
        redis.Redis.from_url(url) as plain,
        redis.Redis.from_url(url, decode_responses=True) as decoding,
        redis.Redis.from_url(url, protocol=3) as resp3,
        handles(namespace, url, resp3) as made,
    ):
        wander(Against(made, plain), Random(seed), 60)
        with handles(f"{namespace} text", decoding) as texts:
            wander(Against(texts, plain), Random(seed), 30)


@pytest.mark.parametrize("seed", range(2))
def test_fakeredis_against_the_model(namespace: str, seed: int) -> None:
    """The same on fakeredis, with which users test."""
    with fakeredis.FakeRedis() as client, handles(namespace, client) as made:
        wander(Against(made, client), Random(seed), 60)


def test_a_cluster_against_the_model(tmp_path: Path) -> None:
    """The same on a cluster."""
    with cluster(tmp_path) as ports, redis.RedisCluster(host=HOST, port=ports[0]) as client:
        address = f"redis+cluster://{HOST}:{ports[0]}"
        with handles("one", address, address) as made:
            for seed in range(6):
                wander(Against(made, client, f"s{seed}"), Random(seed), 40)


async def test_the_async_twins_against_the_model(amake: MakeMotorhead, client: redis.Redis) -> None:
    """The async methods do what the model does, many at once on one session."""
    random, given_options = Random(1), options("")
    del given_options["namespace"]
    tested = Against([amake(**given_options)], client)
    session = tested.sessions[0]
    for step in range(60):
        size = random.choice([1, 3, 90])
        made = tested.messages([random.choice(POOL) for _ in range(size)], [step % 3] * size)
        given = [*tested.given[-random.randrange(100) :], *made]
        if step % 3 == 0:
            if tested.expected.append(made):
                with pytest.raises(IdConflictError):
                    await session.aappend(made)
            else:
                await session.aappend(made)
        elif not tested.expected.is_clear(given, None):
            continue  # matched by content then, as test_matching.py has it
        elif step % 3 == 1:
            memory = await session.acatch_up(given)
            tested.expected.catch_up(given, None)
            assert remembered(memory) == tested.expected.said
        else:
            await session.aappend_new(given)
            tested.expected.catch_up(given, None)
        if step % 10 == 0:
            await session.acompact()
        tested.check()
    await session.adelete()
    once = [HumanMessage(f"m{at}", id=f"id-{at}") for at in range(50)]
    await asyncio.gather(*(session.aappend(once) for _ in range(20)), *(session.acatch_up(once) for _ in range(20)))
    assert remembered(await session.aload()) == contents(once)
