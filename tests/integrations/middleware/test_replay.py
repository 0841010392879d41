"""Real dialogues with real tool calls, replayed through agents whose model checks every prompt it is shown."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from typing import Any

import pytest
from langchain_core.callbacks import CallbackManagerForToolRun
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, ToolMessage
from langchain_core.tools import BaseTool
from langgraph.checkpoint.memory import InMemorySaver

from langchain_motorhead import Motorhead, Window
from langchain_motorhead.demo.dialogues import Dialogue, in_a_row, load_dialogues
from langchain_motorhead.sessions.load import SUMMARY_PREFIX
from support.agents import Model, agent_of, faults, memory_of, thread
from support.factory import MakeMotorhead
from support.summarizers import SEPARATOR, Ledger, remembered

SMALL = Window(max_messages=8)


class Scripted(BaseTool):
    """A service of the dialogues, which answers as it did."""

    description: str = "A service."
    answers: dict[str, str]
    args_schema: Any = {"type": "object", "properties": {}, "additionalProperties": True}

    def _run(self, *args: Any, run_manager: CallbackManagerForToolRun | None = None, **given: Any) -> str:
        return self.answers[json.dumps(given, sort_keys=True)]


class Player:
    """Says what the model of a dialogue said, having checked what it is shown."""

    def __init__(self, dialogue: Dialogue, window: Window) -> None:
        self.dialogue, self.window = dialogue, window
        self.faults: list[str] = []
        self.summaries = 0

    def __call__(self, messages: Sequence[BaseMessage]) -> AIMessage:
        """Check a prompt, and answer it."""
        newest = next(message for message in reversed(messages) if not isinstance(message, ToolMessage))
        results = len(messages) - 1 - list(messages).index(newest)
        at = int(str(newest.id).rpartition("/")[2]) + 1 + results
        self._check(messages, self.dialogue.messages[:at])
        said = self.dialogue.messages[at]
        assert isinstance(said, AIMessage)
        return said

    def _check(self, prompt: Sequence[BaseMessage], said: Sequence[BaseMessage]) -> None:
        found, told = faults(prompt), memory_of(prompt)
        if len(prompt) > 2 + self.window.read_limit + 4:
            found.append(f"{len(prompt)} messages in the prompt")
        self.summaries += SUMMARY_PREFIX in told
        if self.summaries and SUMMARY_PREFIX not in told:
            found.append("the summary is gone")
        told = told.replace(SEPARATOR, "\n") + "\n"
        shown = [str(message.content) for message in prompt]
        for at, message in enumerate(said):
            if str(message.content) not in shown and f"{message.content}\n" not in told:
                found.append(f"{at} is neither in the summary nor in the prompt: {message.content}")
        if said and [str(message.content) for message in said][-1] != shown[-1]:
            found.append("it does not end with what was said last")
        self.faults += [f"{self.dialogue.name}/{len(said)}: {fault}" for fault in found]


def services(dialogue: Dialogue) -> list[BaseTool]:
    """Make the tools that a dialogue calls."""
    results = {message.tool_call_id: message for message in dialogue.messages if isinstance(message, ToolMessage)}
    answers: dict[str, dict[str, str]] = {}
    for message in dialogue.messages:
        for call in message.tool_calls if isinstance(message, AIMessage) else ():
            key = json.dumps(call["args"], sort_keys=True)
            answers.setdefault(call["name"], {})[key] = str(results[str(call["id"])].content)
    return [Scripted(name=name, answers=given) for name, given in answers.items()]


def prepared(motorhead: Motorhead, dialogue: Dialogue, **options: Any) -> tuple[Any, Player]:
    """Make an agent that plays the model's part of a dialogue."""
    player = Player(dialogue, SMALL)
    agent, _ = agent_of(motorhead, Model(answer=player), tools=services(dialogue), **options)
    return agent, player


def questions(dialogue: Dialogue) -> list[BaseMessage]:
    """Give what the person says."""
    return [message for message in dialogue.messages if isinstance(message, HumanMessage)]


def expected(dialogue: Dialogue) -> list[str]:
    """Give what a session is to know in the end."""
    return [str(message.content) for message in dialogue.messages]


@pytest.mark.parametrize("saved", [False, True], ids=["no checkpointer", "checkpointer"])
def test_a_long_dialogue(make: MakeMotorhead, saved: bool) -> None:
    """Many dialogues in a row: every prompt is right and bounded, and nothing that was said is missing from it."""
    dialogue = in_a_row(distinct(load_dialogues()), "long")
    motorhead = make(llm=Ledger(), window=SMALL, compaction="inline")
    agent, player = prepared(motorhead, dialogue, checkpointer=InMemorySaver() if saved else None)
    for message in questions(dialogue):
        agent.invoke({"messages": [message]}, thread())
    assert player.faults == []
    assert player.summaries > 100
    assert remembered(motorhead.session("t").load()) == expected(dialogue)


async def test_dialogues_at_once(amake: MakeMotorhead) -> None:
    """All dialogues at once, in sessions of their own, compacted in the background."""
    motorhead = amake(llm=Ledger(), window=SMALL)
    dialogues = distinct(load_dialogues())

    async def play(dialogue: Dialogue) -> Player:
        agent, player = prepared(motorhead, dialogue)
        for message in questions(dialogue):
            await agent.ainvoke({"messages": [message]}, thread(dialogue.name))
            await motorhead.aflush()
        assert remembered(await motorhead.session(dialogue.name).aload()) == expected(dialogue)
        return player

    players = await asyncio.gather(*map(play, dialogues))
    assert [fault for player in players for fault in player.faults] == []
    assert sum(player.summaries for player in players) > 100


def distinct(dialogues: Sequence[Dialogue]) -> list[Dialogue]:
    """Leave out dialogues in which the same call is made twice, with other results."""
    kept, seen = [], dict[str, str]()
    for dialogue in dialogues:
        results = {m.tool_call_id: str(m.content) for m in dialogue.messages if isinstance(m, ToolMessage)}
        calls = [
            (f"{call['name']} {json.dumps(call['args'], sort_keys=True)}", results[str(call["id"])])
            for message in dialogue.messages
            for call in (message.tool_calls if isinstance(message, AIMessage) else ())
        ]
        if all(seen.get(key, result) == result for key, result in calls):
            own = dict[str, str]()
            if all(own.setdefault(key, result) == result for key, result in calls):
                seen.update(own)
                kept.append(dialogue)
    return kept
