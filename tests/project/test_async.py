"""Async is async: nothing blocks the loop, from the first import to the last close."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from langchain_motorhead import HashingEmbeddings, Motorhead, Window
from support.blocking import run_script
from support.factory import MakeMotorhead
from support.messages import identified, numbered
from support.summarizers import Ledger, remembered

LIFE = """
import asyncio, sys
from support.blocking import nothing_blocks
from langchain_core.language_models.fake_chat_models import GenericFakeChatModel
from langchain_core.messages import AIMessage, HumanMessage
from langchain_motorhead import Motorhead, MotorheadChatMessageHistory, MotorheadMemory, Window


async def main():
    with nothing_blocks():
        for options in ({}, {"compaction": "inline", "window": Window(max_messages=4, max_tokens=200)}):
            async with Motorhead.from_url(sys.argv[1], namespace="blocking", **options) as motorhead:
                session = motorhead.session("s", user_id="u")
                for at in range(20):
                    await session.aappend([HumanMessage(f"Question {at} about Oslo?"), AIMessage(f"Answer {at}.")])
                    await session.aload()
                await motorhead.aflush()
                await session.acompact()
                history = motorhead.history("h")
                await history.aadd_messages([HumanMessage("hi")])
                assert len(await history.aget_messages()) == 1
                memory = motorhead.memory("m")
                await memory.init()
                await memory.asave_context({"input": "a"}, {"output": "b"})
                await memory.aload_memory_variables({})
                await motorhead.asessions("u")
                assert (await session.aload()).summarized > 20
                assert await session.adelete()
                await history.aclear()
                await memory.aclear()
                await motorhead.adelete_user("u")


asyncio.run(main())
"""


@pytest.mark.parametrize("where", ["server", "memory", "folder"])
def test_nothing_blocks_the_loop(url: str, where: str, tmp_path: Path) -> None:
    """In a fresh process, with a server that runs and with one that is started, no call blocks the event loop."""
    target = {"server": url, "memory": "embedded://", "folder": f"embedded://{tmp_path}/data"}[where]
    assert run_script(LIFE, target) == (0, "")


FIRST = """
import asyncio, sys
from langchain.agents import create_agent
from langchain_core.language_models.fake_chat_models import GenericFakeChatModel
from langchain_core.messages import AIMessage, HumanMessage
from langchain_motorhead import (
    Facts, HashingEmbeddings, Motorhead, MotorheadMiddleware, Window, create_summarizer, load_memory,
)
from support.blocking import nothing_blocks
from support.learners import ScriptedLearner
from support.messages import identified

SAID = [*identified(10), HumanMessage("What is new?", id="new")]
CONFIG = {"configurable": {"thread_id": "s", "user_id": "u", "time_zone": "Europe/Oslo"}}


async def main():
    options = {"window": Window(max_messages=4), "compaction": "manual", "facts": Facts(learner=ScriptedLearner())}
    if sys.argv[4:] == ["recall"]:
        options["embeddings"] = HashingEmbeddings(64)
    motorhead = Motorhead.from_url(sys.argv[1], namespace=sys.argv[2], **options)
    session, user = motorhead.session("s", "u"), motorhead.user("u")
    tools = {tool.name: tool for tool in motorhead.tools(user_id="u")}
    model = GenericFakeChatModel(messages=iter([AIMessage("Nothing new.")]))
    agent, summarizer = create_agent(model, [], middleware=[MotorheadMiddleware(motorhead)]), create_summarizer(model)
    with nothing_blocks():
        print(await eval(sys.argv[3]))
        await motorhead.aclose()


asyncio.run(main())
"""


@pytest.fixture
def stored(make: MakeMotorhead) -> Motorhead:
    """A namespace with a session and a fact, of which this process has indexed all."""
    motorhead = make(window=Window(max_messages=4), compaction="manual", embeddings=HashingEmbeddings(64))
    motorhead.session("s", "u").append(identified(10))
    motorhead.user("u").remember("Lives in Oslo")
    motorhead.flush()
    return motorhead


@pytest.mark.parametrize(
    "call",
    [
        "user.aprofile()",
        "session.aload(profile_tokens=100)",
        "session.acatch_up(SAID, profile_tokens=100)",
        "session.aexplain()",
        "session.aforget(['9'])",
        "session.adelete()",
        "user.aremember('Likes tea')",
        "session.aedit('9', AIMessage('Edited.', id='9'))",
        "load_memory(motorhead).ainvoke({'messages': SAID}, CONFIG)",
        "load_memory(motorhead, facts=True, max_prompt_tokens=2_000).ainvoke({'messages': SAID}, CONFIG)",
        "agent.ainvoke({'messages': SAID}, CONFIG)",
        "summarizer.ainvoke({'summary': None, 'messages': SAID})",
    ],
)
def test_the_first_count_of_a_process_does_not_block(stored: Motorhead, url: str, call: str) -> None:
    """Whatever counts tokens first, also for a profile or a gap, loads that and the user's time zone in a thread.

    No call imports modules with large patterns on the event loop.
    """
    assert run_script(FIRST, url, stored.namespace, call) == (0, "")


@pytest.mark.parametrize(
    ("call", "said"),
    [
        ("session.asearch('Where in Oslo?')", ""),
        ("tools['user_profile'].ainvoke({'query': 'Where in Oslo?'})", ""),
        ("motorhead.areindex()", "reindex: "),
    ],
)
def test_the_first_search_of_a_process_does_not_block(stored: Motorhead, url: str, call: str, said: str) -> None:
    """Whatever needs the libraries of recall first, or a progress bar, loads them outside of the loop."""
    code, errors = run_script(FIRST, url, stored.namespace, call, "recall")
    assert (code, errors.lstrip()[:9]) == (0, said)


BLOCKING = """
import asyncio, pathlib, sys, threading, time
from support.blocking import nothing_blocks
lock = threading.Lock()
lock.acquire()


async def main():
    with nothing_blocks():
        eval(sys.argv[1])


asyncio.run(main())
"""


@pytest.mark.parametrize(
    ("call", "function"),
    [
        ("time.sleep(0)", "time.sleep"),
        ("pathlib.Path(sys.executable).read_bytes()", "io.BufferedReader.read"),
        ("pathlib.Path(sys.executable).stat()", "os.stat"),
        ("lock.acquire(timeout=1)", "lock.acquire"),
        ("__import__('numpy')", "import of numpy"),
    ],
)
def test_what_blocks_is_found(call: str, function: str) -> None:
    """A call that blocks the loop fails the script that makes it, and is named: these tests can fail."""
    code, errors = run_script(BLOCKING, call)
    assert (code, errors.splitlines()[-1]) == (1, f"blockbuster.blockbuster.BlockingError: Blocking call to {function}")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this platform does not fork")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_handle_works_on_in_a_forked_child(make: MakeMotorhead) -> None:
    """A handle that was made and used before a fork works in parent and child, in the background too."""
    motorhead = make(llm=Ledger(), window=Window(max_messages=4))
    motorhead.session("parent").append(numbered(6))
    child = os.fork()
    if child == 0:
        code = 1
        try:
            motorhead.session("child").append(numbered(6))
            motorhead.flush()
            code = 0 if motorhead.session("child").load().summarized == 4 else 2
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    motorhead.flush()
    for name in ("parent", "child"):
        assert remembered(motorhead.session(name).load()) == [f"m{at}" for at in range(6)]
