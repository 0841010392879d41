"""The middleware with recall: what is found of sessions, users and namespaces, and what happens where it fails."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.types import Command, interrupt

from langchain_motorhead import (
    HashingEmbeddings,
    InvalidInputError,
    Motorhead,
    MotorheadMiddleware,
    RecallNotConfiguredError,
    Window,
)
from support.agents import SYSTEM, Model, agent_of, faults, is_memory, memory_of, say, system_of, texts, thread
from support.factory import MakeMotorhead
from support.messages import numbered
from support.quotes import quoted
from support.redis_servers import server

CAT = "My cat is called Whiskers."
ASK = "What is the name of my cat?"


class Away(HashingEmbeddings):
    """A model that can be away."""

    away = False

    def embed_query(self, text: str) -> list[float]:
        """Give a vector, or raise."""
        if self.away:
            raise OSError("the embedding model is away")
        return super().embed_query(text)

    async def aembed_query(self, text: str) -> list[float]:
        """Give a vector, or raise."""
        return self.embed_query(text)


def recalled(prompt: Any) -> list[str]:
    """Give the lines of a prompt that were recalled, without when they were said."""
    return [line.partition("] ")[2] for line in "".join(quoted(memory_of(prompt), "recalled")).splitlines()]


def remembering(make: MakeMotorhead, **options: Any) -> Motorhead:
    """Make a Motorhead that embeds, with a small window."""
    given: dict[str, Any] = {
        "embeddings": HashingEmbeddings(),
        "window": Window(max_messages=4),
        "compaction": "inline",
    }
    return make(**{**given, **options})


def shown(motorhead: Motorhead, config: dict[str, Any], *, said: str = ASK, **options: Any) -> Any:
    """Ask, and give the prompt."""
    agent, model = agent_of(motorhead, middleware=[MotorheadMiddleware(motorhead, **{"recall": 3, **options})])
    agent.invoke(say(said), config)
    assert faults(model.prompts[-1]) == []
    return model.prompts[-1]


def test_what_was_said_before_the_window_is_recalled(make: MakeMotorhead) -> None:
    """It stands right before the question, and the session's window is never in it."""
    motorhead = remembering(make)
    motorhead.session("t").append([HumanMessage(CAT), AIMessage("Nice cat."), *numbered(10)])
    prompt = shown(motorhead, thread())
    assert f"Human: {CAT}" in "\n".join(recalled(prompt)).replace("human: ", "Human: ")
    assert system_of(prompt) == SYSTEM
    assert is_memory(prompt[-2])
    assert not {line.partition(": ")[2] for line in recalled(prompt)} & set(texts(prompt))


async def test_the_same_async(amake: MakeMotorhead) -> None:
    """The same for `ainvoke`."""
    motorhead = remembering(amake)
    await motorhead.session("t").aappend([HumanMessage(CAT), AIMessage("Nice cat."), *numbered(10)])
    agent, model = agent_of(motorhead, middleware=[MotorheadMiddleware(motorhead, recall=3)])
    await agent.ainvoke(say(ASK), thread())
    assert CAT in "\n".join(recalled(model.prompts[-1]))


@pytest.mark.parametrize("backlog", [0, 1, 3, 6])
def test_the_window_is_not_recalled(make: MakeMotorhead, backlog: int) -> None:
    """Whatever of a session is in the prompt is not recalled, and all that is not in it may be."""
    motorhead = remembering(make, compaction="manual", window=Window(max_messages=4))
    said = [HumanMessage(f"cat {at}") if at % 2 == 0 else AIMessage(f"cat {at}") for at in range(7 + backlog)]
    motorhead.session("t").append(said)
    motorhead.flush()
    prompt = shown(motorhead, thread(), said="cat", recall=50)
    inside = set(texts(prompt))
    assert {line.partition(": ")[2] for line in recalled(prompt)} == {str(message.content) for message in said} - inside


def test_the_window_is_not_recalled_where_records_are_skipped(make: MakeMotorhead) -> None:
    """The same where a result without its call is left out of the window."""
    motorhead = remembering(make, compaction="manual", window=Window(max_messages=4))
    said = [HumanMessage(f"cat {at}") if at % 2 == 0 else AIMessage(f"cat {at}") for at in range(8)]
    lost = [ToolMessage(f"lost {at}", tool_call_id=f"lost {at}") for at in range(3)]
    motorhead.session("t").append([*said[:6], *lost, *said[6:]])
    motorhead.flush()
    prompt = shown(motorhead, thread(), said="cat", recall=50)
    assert not {line.partition(": ")[2] for line in recalled(prompt)} & set(texts(prompt))


def test_where_it_is_found(make: MakeMotorhead) -> None:
    """In the session, in all of the user's, or in the namespace; without a word, the user's where there is a user."""
    motorhead = remembering(make)
    for session, user in (("t", "bob"), ("bob's", "bob"), ("eve's", "eve"), ("nobody's", None)):
        filler = [HumanMessage(f"I like number {at}.") for at in range(6)]
        motorhead.session(session, user).append([HumanMessage(f"The cat of {session} is black."), *filler])
    bob = thread(user_id="bob")

    def found(config: dict[str, Any], **options: Any) -> set[str]:
        lines = recalled(shown(motorhead, config, recall=20, **options))
        return {line.partition("cat of ")[2].partition(" is")[0] for line in lines if "cat of" in line}

    assert found(bob) == {"t", "bob's"}
    assert found(bob, recall_scope="user") == {"t", "bob's"}
    assert found(bob, recall_scope="session") == {"t"}
    assert found(thread()) == {"t"}
    assert found(bob, recall_scope="namespace") == {"t", "bob's", "eve's", "nobody's"}
    assert found(thread("new", user_id="eve")) == {"eve's"}


def test_nothing_to_go_by(make: MakeMotorhead) -> None:
    """Where no human says anything in words, nothing is searched, and the run goes on."""
    motorhead = remembering(make, embeddings=(model := Away()))
    model.away = True
    # A prompt without any message is what is asked for here.
    agent, _ = agent_of(motorhead, Model(checks=False), middleware=[MotorheadMiddleware(motorhead, recall=3)])
    image = {"type": "image", "base64": "aGk=", "mime_type": "image/png"}
    for messages in ([], [HumanMessage("  ")], [HumanMessage([image])], [AIMessage("hi")]):
        assert agent.invoke({"messages": messages}, thread())["messages"]


@pytest.mark.parametrize("away", [True, False])
async def test_an_embedding_model_that_is_away(
    amake: MakeMotorhead, away: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """The run goes on, sync and async, without what would have been found, or with what words alone find."""
    motorhead = remembering(amake, embeddings=(embeddings := Away()))
    motorhead.session("t").append([HumanMessage(CAT), *numbered(10)])
    embeddings.away = away
    agent, model = agent_of(motorhead, middleware=[MotorheadMiddleware(motorhead, recall=3)])
    agent.invoke(say(ASK), thread())
    await agent.ainvoke(say(ASK), thread())
    assert [faults(prompt) for prompt in model.prompts] == [[], []]
    assert (await motorhead.session("t").aload()).total == 15


def test_a_long_question(make: MakeMotorhead) -> None:
    """A pasted document is no obstacle."""
    motorhead = remembering(make)
    motorhead.session("t").append([HumanMessage(CAT), *numbered(10)])
    assert shown(motorhead, thread(), said=f"{ASK} {'@|-{}() word ' * 20_000}")


def test_recall_is_asked_for_in_vain(make: MakeMotorhead, tmp_path: Path) -> None:
    """Without an embedding model it is refused at once; without a user, when it is run."""
    with pytest.raises(RecallNotConfiguredError):
        MotorheadMiddleware(make(), recall=3)
    MotorheadMiddleware(make(), recall=0, recall_scope="user")
    motorhead = remembering(make)
    with pytest.raises(InvalidInputError, match=r'recall_scope="user" needs a user'):
        shown(motorhead, thread(), recall_scope="user")


def test_without_a_search_module_words_are_recalled(tmp_path: Path) -> None:
    """On plain Redis, earlier conversations of the user are recalled by their words."""
    with (
        server(tmp_path) as port,
        Motorhead.from_url(f"redis://127.0.0.1:{port}", embeddings=HashingEmbeddings()) as plain,
    ):
        plain.session("t").append([HumanMessage(CAT), *numbered(40)])
        assert any(CAT in message.text for message in shown(plain, thread()))


def test_an_error_before_anything_is_said_stores_nothing_twice(make: MakeMotorhead) -> None:
    """What the user said is kept once, also where the run ended since recall had no user."""
    motorhead, saver = remembering(make), InMemorySaver()
    wrong = MotorheadMiddleware(motorhead, recall=3, recall_scope="user")
    agent, _ = agent_of(motorhead, middleware=[wrong], checkpointer=saver)
    with pytest.raises(InvalidInputError):
        agent.invoke(say("a"), thread())
    agent.invoke(say("b"), thread(user_id="u"))
    assert motorhead.session("t").load().total == 3


def test_a_run_is_searched_for_once(make: MakeMotorhead) -> None:
    """However often the model is asked in a run, what was recalled is the same, and found once."""

    class Counting(HashingEmbeddings):
        queries: list[str]

        def embed_query(self, text: str) -> list[float]:
            self.queries.append(text)
            return super().embed_query(text)

    embeddings = Counting()
    embeddings.queries = []
    motorhead = remembering(make, embeddings=embeddings)
    motorhead.session("t").append([HumanMessage(CAT), *numbered(10)])
    agent, model = agent_of(motorhead, middleware=[MotorheadMiddleware(motorhead, recall=3)])
    agent.invoke(say("cat look 3"), thread())
    assert len(model.prompts) == 2
    assert recalled(model.prompts[0]) == recalled(model.prompts[1]) != []
    assert embeddings.queries.count("cat look 3") == 1


@pytest.mark.parametrize("elsewhere", [True, False])
def test_recall_after_a_decision(make: MakeMotorhead, elsewhere: bool) -> None:
    """A run that waited for a human recalls the same when it goes on."""
    from langchain_core.tools import tool

    @tool
    def ask(at: str) -> str:
        """Ask a human."""
        return str(interrupt(at))

    def answer(messages: Any) -> AIMessage:
        if messages[-1].type == "tool":
            return AIMessage("done")
        return AIMessage("", tool_calls=[{"name": "ask", "args": {"at": "x"}, "id": "1"}])

    motorhead, model, saver = remembering(make), Model(answer=answer), InMemorySaver()
    motorhead.session("t").append([HumanMessage(CAT), *numbered(10)])
    for at in range(2):
        if not at or elsewhere:
            ours = MotorheadMiddleware(motorhead, recall=3)
            agent, _ = agent_of(motorhead, model, tools=[ask], middleware=[ours], checkpointer=saver)
        agent.invoke(Command(resume="yes") if at else say(ASK), thread())
    assert recalled(model.prompts[0]) == recalled(model.prompts[1]) != []
    assert not {line.partition(": ")[2] for line in recalled(model.prompts[1])} & set(texts(model.prompts[1]))


def test_what_is_recalled_is_not_stored(make: MakeMotorhead) -> None:
    """What was recalled is neither in the session nor in the checkpoint."""
    motorhead = remembering(make)
    motorhead.session("t").append([HumanMessage(CAT), *numbered(10)])
    ours, saver = MotorheadMiddleware(motorhead, recall=3), InMemorySaver()
    agent, model = agent_of(motorhead, middleware=[ours], checkpointer=saver)
    agent.invoke(say(ASK), thread())
    assert CAT in memory_of(model.prompts[-1])
    assert "Whiskers" not in str(agent.get_state(thread()))
    assert "Whiskers" not in str([*saver.blobs.values()])
    assert motorhead.session("t").load().total == 13


@pytest.mark.parametrize("kept", ["checkpointer", "process"])
def test_a_prompt_grows_at_its_end(make: MakeMotorhead, kept: str) -> None:
    """Lines of earlier turns stand where they stood, in the user's time zone, and each message is recalled once."""
    motorhead = remembering(make, window=Window(max_messages=40), compaction="inline")
    facts = [f"My {name} cat is called {name.title()}y." for name in ("red", "blue", "green", "black", "white")]
    motorhead.session("old", "bob").append([HumanMessage(text) for text in facts])
    motorhead.flush()
    saver = InMemorySaver() if kept == "checkpointer" else None
    model, config = Model(), thread(user_id="bob", time_zone="Asia/Kolkata")
    ours = MotorheadMiddleware(motorhead, recall=2)
    for at, name in enumerate(("red", "blue", "green", "red")):
        if kept == "checkpointer":
            ours = MotorheadMiddleware(motorhead, recall=2)  # another process
        agent, _ = agent_of(motorhead, model, middleware=[ours], checkpointer=saver)
        agent.invoke(say(f"What is my {name} cat called, {at}?"), config)
    for before, after in pairwise(model.prompts):
        assert after[: len(before)] == before
    lines = memory_of(model.prompts[-1])
    assert all(lines.count(f"{name.title()}y") == 1 for name in ("red", "blue", "green"))
    assert " IST] Human: My " in lines
    # What was deleted is not shown again.
    motorhead.session("old", "bob").delete()
    agent.invoke(say("And now?"), config)
    assert "cat is called" not in memory_of(model.prompts[-1])
