"""With a real language model, however badly it answers, nothing is lost and no summary is worse than an extract.

`make real` runs these tests. Facts about users do not exist yet, so none are learned here.
"""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from langchain.agents import create_agent
from langchain_core.messages import BaseMessage, HumanMessage
from langchain_openai import ChatOpenAI

from langchain_motorhead import HashingEmbeddings, Memory, MotorheadMiddleware, Window, check_summary
from langchain_motorhead.demo.dialogues import load_dialogues
from langchain_motorhead.server.app import create_app
from langchain_motorhead.server.settings import Settings
from support.http_servers import served
from support.redis_servers import free_port

PYTHON = os.environ.get("SMALL_MODEL_PYTHON", "")
DIALOGUE = [message.model_copy(update={"id": None}) for message in load_dialogues()[0].messages]

pytestmark = pytest.mark.skipif(not PYTHON, reason="make real runs these tests")


@pytest.fixture(scope="module")
def model() -> Iterator[ChatOpenAI]:
    """The model, by OpenAI's client."""
    port = free_port()
    process = subprocess.Popen(
        [PYTHON, str(Path(__file__).with_name("serve_small_model.py")), str(port)],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        url = f"http://127.0.0.1:{port}"
        deadline = time.monotonic() + 120
        while True:
            try:
                if httpx.get(f"{url}/health", timeout=5).status_code == 200:
                    break
            except httpx.TransportError:
                assert time.monotonic() < deadline, "the model does not start"
            time.sleep(0.2)
        yield ChatOpenAI(model="smollm2", base_url=f"{url}/v1", api_key="none", max_retries=0, timeout=300)
    finally:
        process.kill()
        process.wait()


def check(memory: Memory, said: list[BaseMessage]) -> None:
    """Check that nothing is lost, and that a summary by the model is one."""
    assert memory.total == len(said)
    assert memory.summarized + len(memory.messages) == len(said)
    assert [message.text for message in memory.messages] == [message.text for message in said[memory.summarized :]]
    assert memory.failures == 0
    assert memory.summary
    assert memory.written_by in ("model", "extract")
    covered = said[: memory.summarized]
    assert len(memory.summary) < sum(len(message.text) + 60 for message in covered)
    if memory.written_by == "model":
        assert not [each for each in check_summary(memory.summary, covered) if each.startswith(("invented", "repeats"))]


def test_chat(make: Any, model: ChatOpenAI) -> None:
    """A session with the model as its summarizer."""
    session = make(llm=model, window=Window(8), compaction="manual", summary_timeout=300).session("s")
    for message in DIALOGUE:
        session.append(message)
        session.compact()
    check(session.load(), DIALOGUE)


@pytest.mark.parametrize("recall", [False, True])
def test_middleware(make: Any, model: ChatOpenAI, recall: bool) -> None:
    """An agent that the model answers for, with and without recall: every turn is stored."""
    options: dict[str, Any] = {"embeddings": HashingEmbeddings(64)} if recall else {}
    motorhead = make(llm=model, window=Window(4), compaction="inline", summary_timeout=300, **options)
    answers = model.model_copy(update={"max_tokens": 40})
    agent = create_agent(answers, middleware=[MotorheadMiddleware(motorhead)])
    said = ["I am Bob and I live in Oslo.", "My order is number 48213.", "I like tea.", "Where do I live?"]
    for text in said:
        agent.invoke({"messages": [HumanMessage(text)]}, {"configurable": {"thread_id": "s"}})
    motorhead.flush()
    memory = motorhead.session("s").load()
    assert memory.total == 2 * len(said)
    assert memory.summarized + len(memory.messages) == memory.total
    assert (memory.failures, memory.backlog) == (0, 0)


def test_server(make: Any, model: ChatOpenAI) -> None:
    """The server with the model: POST, compaction and GET."""
    motorhead = make(llm=model, window=Window(6), compaction="background", summary_timeout=300)
    with (
        served(create_app(Settings(), motorhead=lambda _: motorhead)) as url,
        httpx.Client(base_url=url, timeout=300) as http,
    ):
        for at in range(12):
            text = f"fact {at}: the code of locker {at} is {4100 + at}"
            assert http.post("/sessions/s/memory", json={"messages": [{"role": "Human", "content": text}]}).is_success
        assert http.post("/sessions/s/compact").is_success
        info = http.get("/sessions/s").json()
        assert (info["total"], info["backlog"], info["failures"]) == (12, 0, 0)
        assert info["written_by"] in ("model", "extract")
        assert info["kept"]["numbers"][1] > 0
