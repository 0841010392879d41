"""The prompts of an agent are the same on Redis and on a server."""

from __future__ import annotations

import asyncio
import logging
from contextlib import ExitStack
from itertools import pairwise

import pytest
from langchain_core.messages import HumanMessage

from langchain_motorhead import HashingEmbeddings, Motorhead, MotorheadMiddleware, Window
from langchain_motorhead.server import Settings, create_app
from support.agents import Model, agent_of, memory_of, say, thread
from support.http_servers import served
from support.messages import numbered

FACTS = [f"My {name} cat is called {name.title()}y." for name in ("red", "blue", "green", "black", "white")]


def test_recalled_lines_stay_on_a_server_too(url: str, namespace: str, caplog: pytest.LogCaptureFixture) -> None:
    """Lines of earlier turns are read again, also for sessions that are gone or another user's by now."""
    with ExitStack() as stack:
        window = Window(max_messages=40)
        local = stack.enter_context(
            Motorhead.from_url(url, namespace=namespace, embeddings=HashingEmbeddings(), window=window)
        )
        base = stack.enter_context(served(create_app(Settings(), motorhead=lambda _: local)))
        remote = stack.enter_context(Motorhead.from_url(base))
        remote.session("old", "bob").append([HumanMessage(text, id=text) for text in FACTS])
        asyncio.run(local.aflush())
        model = Model()
        agent, _ = agent_of(local, model, middleware=[MotorheadMiddleware(remote, recall=2)])
        for name in ("red", "blue", "green"):
            agent.invoke(say(f"What is my {name} cat called?"), thread(user_id="bob"))
        for before, after in pairwise(model.prompts):
            assert after[: len(before)] == before
        assert all(memory_of(model.prompts[-1]).count(f"{name}y") == 1 for name in ("Red", "Blue", "Green"))
        # A message of another one at the same place is not shown.
        remote.session("old", "bob").delete()
        remote.session("old", "eve").append(numbered(8))
        with caplog.at_level(logging.WARNING):
            agent.invoke(say("And now?"), thread(user_id="bob"))
        assert "cat is called" not in memory_of(model.prompts[-1])
        assert "m0" not in memory_of(model.prompts[-1])
        assert remote.session("t", "bob").explain().tokens["window"] > 0
