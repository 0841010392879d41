"""What a stream and the callbacks of a run have of memory: nothing of a compaction; and many runs at once."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
import redis
from langchain_core.callbacks import AsyncCallbackHandler, BaseCallbackHandler
from langchain_core.messages import AIMessage
from langgraph.checkpoint.memory import InMemorySaver

from langchain_motorhead import Motorhead, Window
from support.agents import Model, agent_of, faults, memory_of, say, texts, thread
from support.blocking import run_script
from support.factory import MakeMotorhead
from support.messages import contents

MARKER = "XYZZY"
SMALL = Window(max_messages=4)
MODES = ["values", "updates", "messages", "custom", "debug", "tasks", "checkpoints"]
STREAMS: list[Any] = [*MODES, ["updates", "messages"], MODES]


def summarizing() -> Model:
    """Make a model whose summary is found wherever it gets to, in each of its tokens."""
    return Model(answer=lambda messages: AIMessage(f"{MARKER} {MARKER}1 {MARKER}2"))


def full(motorhead: Motorhead, agent: Any) -> None:
    """Have a session whose next message is one too many, and that has a summary."""
    for at in range(3):
        agent.invoke(say(f"q{at}"), thread())
        motorhead.flush()


@pytest.mark.parametrize("compaction", ["inline", "background"])
@pytest.mark.parametrize("mode", STREAMS, ids=str)
def test_no_stream_has_a_compaction(make: MakeMotorhead, compaction: Any, mode: Any) -> None:
    """No event of a stream has a word of the summary or of the one who makes it, in whatever mode."""
    summarizer = summarizing()
    motorhead = make(llm=summarizer, window=SMALL, compaction=compaction)
    agent, model = agent_of(motorhead, checkpointer=InMemorySaver())
    full(motorhead, agent)
    calls = len(summarizer.prompts)
    events = []
    for at in range(3):
        events += list(agent.stream(say(f"s{at} look 2"), thread(), stream_mode=mode, subgraphs=at == 2))
        motorhead.flush()
    assert len(summarizer.prompts) > calls
    assert MARKER in memory_of(model.prompts[-1])
    assert MARKER not in repr(events)
    assert "motorhead_summarize" not in repr(events)
    assert events or mode == "custom"


@pytest.mark.parametrize("compaction", ["inline", "background"])
@pytest.mark.parametrize("mode", STREAMS, ids=str)
async def test_no_async_stream_has_a_compaction(amake: MakeMotorhead, compaction: Any, mode: Any) -> None:
    """The same for `astream`."""
    summarizer = summarizing()
    motorhead = amake(llm=summarizer, window=SMALL, compaction=compaction)
    agent, model = agent_of(motorhead, checkpointer=InMemorySaver())
    events = []
    for at in range(5):
        async for event in agent.astream(say(f"s{at} look 2"), thread(), stream_mode=mode, subgraphs=at == 2):
            events.append(event)
        await motorhead.aflush()
    assert len(summarizer.prompts) > 1
    assert MARKER in memory_of(model.prompts[-1])
    assert MARKER not in repr(events)
    assert "motorhead_summarize" not in repr(events)


def test_the_answer_streams(make: MakeMotorhead) -> None:
    """The tokens of the agent's own model do stream, one by one."""
    agent, _ = agent_of(make(llm=summarizing(), window=SMALL, compaction="inline"))
    for at in range(4):
        tokens = [
            chunk.text
            for chunk, metadata in agent.stream(say(f"q{at}"), thread(), stream_mode="messages")
            if metadata["langgraph_node"] == "model"
        ]
        assert [token for token in tokens if token] == ["re", f"q{at}"]


@pytest.mark.parametrize("compaction", ["inline", "background"])
async def test_no_event_has_a_compaction(amake: MakeMotorhead, compaction: Any) -> None:
    """Of all events of a run, the summary is in the prompt of the agent's own model alone."""
    summarizer = summarizing()
    motorhead = amake(llm=summarizer, window=SMALL, compaction=compaction)
    agent, model = agent_of(motorhead)
    events: list[Any] = []
    for at in range(5):
        async for event in agent.astream_events(say(f"s{at} look 2"), thread(), version="v2"):
            events.append(event)
        await motorhead.aflush()
    assert len(summarizer.prompts) > 1
    starts = [event for event in events if event["event"] == "on_chat_model_start"]
    assert len(starts) == len(model.prompts)
    for event in events:
        assert "motorhead_summarize" not in repr(event)
        if event["event"].startswith("on_chat_model"):
            event["data"].pop("input", None)
        assert MARKER not in repr(event)


class Watching(BaseCallbackHandler):
    """Keeps the names of what is run."""

    run_inline = True

    def __init__(self) -> None:
        self.seen: list[str] = []

    def on_chat_model_start(self, serialized: Any, messages: Any, **kwargs: Any) -> None:
        """Note a model that is asked."""
        self.seen.append(f"start {kwargs}")

    def on_llm_new_token(self, token: Any, **kwargs: Any) -> None:
        """Note a token."""
        self.seen.append(str(token))

    def on_llm_end(self, response: Any, **kwargs: Any) -> None:
        """Note an answer."""
        self.seen.append(str(response))


class AsyncWatching(AsyncCallbackHandler):
    """The same for async."""

    def __init__(self) -> None:
        self.seen: list[str] = []

    async def on_chat_model_start(self, serialized: Any, messages: Any, **kwargs: Any) -> None:
        """Note a model that is asked."""
        self.seen.append(f"start {kwargs}")

    async def on_llm_end(self, response: Any, **kwargs: Any) -> None:
        """Note an answer."""
        self.seen.append(str(response))


@pytest.mark.parametrize("compaction", ["inline", "background"])
async def test_no_callback_has_a_compaction(amake: MakeMotorhead, compaction: Any) -> None:
    """The callbacks of a run see the agent's model, and not of the summarizer."""
    summarizer = summarizing()
    motorhead = amake(llm=summarizer, window=SMALL, compaction=compaction)
    agent, model = agent_of(motorhead)
    one, other = Watching(), AsyncWatching()
    for at in range(4):
        config = {**thread(), "callbacks": [one]}
        await asyncio.to_thread(agent.invoke, say(f"q{at}"), config)
        await agent.ainvoke(say(f"q{at}"), {**thread(), "callbacks": [one, other]})
        await motorhead.aflush()
    assert len(summarizer.prompts) > 1
    assert len([line for line in one.seen if line.startswith("start ")]) == len(model.prompts)
    for watching in (one, other):
        assert watching.seen
        assert MARKER not in str(watching.seen)
        assert "motorhead_summarize" not in str(watching.seen)


# Many runs at once ----------------------------------------------------------------------------------------------------


async def test_many_threads_at_once(amake: MakeMotorhead, client: redis.Redis) -> None:
    """Each of 64 threads is shown its own session alone, and they share few connections."""
    motorhead = amake(llm=summarizing(), window=SMALL)
    agent, model = agent_of(motorhead)
    for turn in range(4):
        await asyncio.gather(*(agent.ainvoke(say(f"{name} {turn} look 2"), thread(f"t{name}")) for name in range(64)))
    await motorhead.aflush()
    assert len(model.prompts) == 64 * 4 * 2
    for prompt in model.prompts:
        assert faults(prompt) == []
        names = {text.split(" ")[0] for text in texts(prompt[1:]) if " look " in text and not text.startswith("after")}
        assert len(names - {"saw"}) <= 1
    for name in range(64):
        assert (await motorhead.session(f"t{name}").aload()).total == 4 * 5
    assert len(client.client_list()) < 200


LIFE = """
import asyncio, sys
from support.agents import Model, agent_of, alook, say, thread
from support.blocking import nothing_blocks
from langchain_core.messages import AIMessage
from langchain_motorhead import HashingEmbeddings, Motorhead, MotorheadMiddleware, Window
from langgraph.checkpoint.memory import InMemorySaver


async def main():
    plain = ({}, {"compaction": "inline", "window": Window(max_messages=4, max_tokens=200)})
    recall = ({"embeddings": HashingEmbeddings(64), "window": Window(max_messages=4)},)
    for options in {"plain": plain, "recall": recall}[sys.argv[2]]:
        async with Motorhead.from_url(sys.argv[1], namespace="blocking agents " + str(options), **options) as motorhead:
            ours = MotorheadMiddleware(motorhead, recall=3 if "embeddings" in options else 0)
            model = Model(checks=False)  # the packages that it would import do block
            agent, _ = agent_of(motorhead, model, middleware=[ours], tools=[alook], checkpointer=InMemorySaver())
            with nothing_blocks():
                for at in range(4):
                    await asyncio.gather(
                        *(agent.ainvoke(say(f"q{at}"), thread(f"t{name}", user_id="u")) for name in range(64))
                    )
            assert len(model.prompts) == 256
            assert (await motorhead.session("t0").aload()).total == 8


asyncio.run(main())
"""


@pytest.mark.parametrize("what", ["plain", "recall"])
def test_nothing_blocks_the_loop(url: str, what: str) -> None:
    """In a fresh process, no run of many at once blocks the event loop, from the first one on."""
    assert run_script(LIFE, url, what) == (0, "")


async def test_a_small_pool(url: str, namespace: str) -> None:
    """A client with few connections serves many runs at once, if it waits for a free one."""
    pool = redis.asyncio.BlockingConnectionPool.from_url(url, max_connections=4, timeout=30)
    async with redis.asyncio.Redis(connection_pool=pool) as client:
        motorhead = Motorhead(client, namespace=namespace, window=SMALL, llm=summarizing())
        agent, _ = agent_of(motorhead)
        await asyncio.gather(*(agent.ainvoke(say("q"), thread(f"t{name}")) for name in range(64)))
        await motorhead.aflush()
        assert contents((await motorhead.session("t63").aload()).messages) == ["q", "re q"]
        await motorhead.aclose()
    await pool.aclose()
