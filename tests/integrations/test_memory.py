"""The session as the memory of LangChain's classic chains."""

from __future__ import annotations

import subprocess
import sys
import warnings
from typing import Any

import pytest
from langchain_core._api import LangChainDeprecationWarning
from langchain_core.language_models.fake_chat_models import FakeListChatModel
from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.prompts import ChatPromptTemplate, MessagesPlaceholder, PromptTemplate

from langchain_motorhead import ClosedError, InvalidInputError, MotorheadMemory, Options, RemoteOptions, Window
from langchain_motorhead.integrations import memory as memory_module
from langchain_motorhead.sessions.load import quoted_summary
from support.factory import MakeMotorhead
from support.messages import contents, numbered
from support.summarizers import Ledger

SMALL = Window(max_messages=4)


class Recorder(FakeListChatModel):
    """A chat model that answers from a list, and remembers its prompts."""

    prompts: list[str] = []

    def _call(self, messages: Any, *args: Any, **kwargs: Any) -> str:
        self.prompts.append("\n".join(f"{message.type}: {message.content}" for message in messages))
        return super()._call(messages, *args, **kwargs)


def chain_of(kind: str, **arguments: Any) -> Any:
    """Make a classic chain, which is deprecated and says so, and nothing of ours does."""
    from langchain_classic.chains import ConversationChain, LLMChain

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=LangChainDeprecationWarning, message=f".*{kind}")
        return {"LLMChain": LLMChain, "ConversationChain": ConversationChain}[kind](**arguments)


@pytest.mark.filterwarnings("ignore:The method `Chain.run`")
async def test_the_originals_example(url: str, namespace: str) -> None:
    """The example of the original's documentation works as it stands but for the import."""
    template = "You are a chatbot having a conversation with a human.\n\n{chat_history}\nHuman: {human_input}\nAI:"
    prompt = PromptTemplate(input_variables=["chat_history", "human_input"], template=template)
    llm = Recorder(responses=["Hi Bob, nice to meet you!", "Your name is Bob."], prompts=[])

    memory = MotorheadMemory(session_id="testing-1", url=url, memory_key="chat_history", namespace=namespace)
    await memory.init()
    llm_chain = chain_of("LLMChain", llm=llm, prompt=prompt, verbose=False, memory=memory)
    assert llm_chain.run("hi im bob") == "Hi Bob, nice to meet you!"
    assert llm_chain.run("whats my name?") == "Your name is Bob."
    assert "Human: hi im bob\nAI: Hi Bob, nice to meet you!\nHuman: whats my name?" in llm.prompts[1]
    assert memory.context is None
    await memory.chat_memory.motorhead.aclose()


def test_a_conversation_chain(make: MakeMotorhead) -> None:
    """A ConversationChain takes the memory, with its own names for speakers."""
    llm = Recorder(responses=["hello", "you said hi"], prompts=[])
    memory = make(compaction="manual").memory("s", human_prefix="Bob", ai_prefix="Robot")
    chain = chain_of("ConversationChain", llm=llm, memory=memory)
    chain.invoke({"input": "hi"})
    chain.invoke({"input": "what did I say?"})
    assert "Bob: hi\nRobot: hello" in llm.prompts[1]
    assert contents(memory.chat_memory.messages) == ["hi", "hello", "what did I say?", "you said hi"]


async def test_an_async_chain_with_messages(amake: MakeMotorhead) -> None:
    """With `return_messages` a chat prompt gets messages; async chains use the async methods."""
    prompt = ChatPromptTemplate.from_messages(
        [("system", "Be kind."), MessagesPlaceholder("past"), ("human", "{question}")]
    )
    llm = Recorder(responses=["one", "two"], prompts=[])
    memory = amake(compaction="manual").memory("s", memory_key="past", return_messages=True)
    chain = chain_of("LLMChain", llm=llm, prompt=prompt, memory=memory)
    await chain.ainvoke({"question": "first"})
    await chain.ainvoke({"question": "second"})
    assert llm.prompts[1] == "system: Be kind.\nhuman: first\nai: one\nhuman: second"


@pytest.mark.parametrize("return_messages", [True, False])
def test_where_the_summary_goes(make: MakeMotorhead, return_messages: bool) -> None:
    """The summary is the first message of the history, or has a variable of its own, as the user chooses."""
    motorhead = make(llm=Ledger(), window=SMALL, compaction="inline")
    motorhead.session("s").append(numbered(6))
    within = motorhead.memory("s", return_messages=return_messages)
    beside = motorhead.memory("s", return_messages=return_messages, summary_key="summary", memory_key="recent")
    assert within.memory_variables == ["history"]
    assert beside.memory_variables == ["recent", "summary"]
    history = within.load_memory_variables({})["history"]
    loaded = beside.load_memory_variables({})
    assert loaded["summary"] == "m0\u241fm1\u241fm2\u241fm3"
    if return_messages:
        assert [message.type for message in history] == ["human", "human", "ai"]
        assert contents(loaded["recent"]) == ["m4", "m5"]
    else:
        assert history == f"{quoted_summary(loaded['summary'])}\nHuman: m4\nAI: m5"
        assert loaded["recent"] == "Human: m4\nAI: m5"
    assert within.context == beside.context == "m0\u241fm1\u241fm2\u241fm3"


async def test_init_reads_the_context(amake: MakeMotorhead) -> None:
    """After `init`, the summary of earlier conversations is known."""
    motorhead = amake(llm=Ledger(), window=SMALL, compaction="inline")
    await motorhead.session("s").aappend(numbered(6))
    memory = motorhead.memory("s")
    assert memory.context is None
    await memory.init()
    assert memory.context == "m0\u241fm1\u241fm2\u241fm3"
    await memory.aclear()
    assert memory.context is None
    await memory.init()
    assert memory.context is None


def test_which_input_and_output_are_stored(make: MakeMotorhead) -> None:
    """The only input and output are stored, or those that are named; where that is unclear, the error says so."""
    motorhead = make(compaction="manual")
    memory = motorhead.memory("a")
    memory.save_context({"q": "one", "history": "…", "stop": ["x"]}, {"output": "two", "source": "x"})
    assert contents(memory.chat_memory.messages) == ["one", "two"]
    for inputs, outputs, option in (
        ({"q": "1", "r": "2"}, {"a": "3"}, "input_key"), ({"q": "1"}, {"a": "3", "b": "4"}, "output_key"),
        ({}, {"a": "3"}, "input_key"),
    ):  # fmt: skip
        with pytest.raises(InvalidInputError, match=option):
            memory.save_context(inputs, outputs)
    chosen = motorhead.memory("b", input_key="q", output_key="a")
    chosen.save_context({"q": HumanMessage("three", id="3"), "r": "x"}, {"a": [AIMessage("four")], "b": "y"})
    assert contents(chosen.chat_memory.messages) == ["three", "four"]
    assert chosen.chat_memory.messages[0].id == "3"
    with pytest.raises(InvalidInputError, match="input_key='q'"):
        chosen.save_context({"r": "x"}, {"a": "y"})


def test_options_are_the_motorheads() -> None:
    """A memory made alone takes every option of a Motorhead."""
    assert (
        set(MotorheadMemory.model_fields)
        >= {*Options.__annotations__, *RemoteOptions.__annotations__}
        == memory_module.OPTIONS
    )


async def test_closing(make: MakeMotorhead, url: str, namespace: str) -> None:
    """A memory closes the configuration that it made, and leaves one that it was given open."""
    motorhead = make()
    given = MotorheadMemory(session_id="s", motorhead=motorhead)
    given.close()
    await given.aclose()
    motorhead.session("s").append(HumanMessage("still open"))
    for _ in range(2):
        alone = MotorheadMemory(session_id="s", url=url, namespace=namespace)
        alone.close()
        await alone.aclose()
        with pytest.raises(ClosedError):
            alone.load_memory_variables({})


def test_clearing_forgets_the_session(make: MakeMotorhead) -> None:
    """`clear`, and `delete_session` as the original's client calls it, delete the session."""
    memory = make(compaction="manual").memory("s")
    for forget in (memory.clear, memory.delete_session):
        memory.save_context({"input": "a"}, {"output": "b"})
        forget()
        assert memory.load_memory_variables({}) == {"history": ""}


def test_no_warning_of_langchains(url: str) -> None:
    """Importing, making and using the memory and the history emits no warning, not even a deprecation."""
    script = f"""
import langchain_motorhead
from langchain_motorhead import *
history = MotorheadChatMessageHistory("warnings", url={url!r})
history.add_user_message("hi")
memory = MotorheadMemory(session_id="warnings", url={url!r}, memory_key="chat_history")
memory.load_memory_variables({{}})
memory.save_context({{"input": "a"}}, {{"output": "b"}})
assert len(history.messages) == 3
memory.clear()
memory.chat_memory.motorhead.close()
history.motorhead.close()
"""
    run = subprocess.run([sys.executable, "-W", "error", "-c", script], capture_output=True, text=True, check=False)
    assert (run.returncode, run.stderr) == (0, "")
