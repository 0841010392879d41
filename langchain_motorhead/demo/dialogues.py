"""The demo's dialogues: reads the package's data file as LangChain messages. Knows nothing of sessions.

Each message has an id that is unique in the demo, `DIALOGUE/POSITION`, by which the audit follows it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, ToolMessage

SOURCE = "google-research-datasets/dstc8-schema-guided-dialogue, CC BY-SA 4.0"
# Topics of services whose name in the data set is unclear.
_TOPICS = {"Media": "movies", "Services": "therapists"}


@dataclass(frozen=True, slots=True)
class Dialogue:
    """A dialogue of two speakers and their tools.

    Attributes:
        name: A name that is unique in the demo.
        topic: The services that it is about.
        messages: Its messages, oldest first.
    """

    name: str
    topic: str
    messages: tuple[BaseMessage, ...]


def load_dialogues() -> list[Dialogue]:
    """Return the shipped dialogues, in an order in which the first few are always varied."""
    lines = (files(__package__) / "dialogues.jsonl").read_text("utf-8").splitlines()
    return [_dialogue(json.loads(line)) for line in lines]


def in_a_row(dialogues: Sequence[Dialogue], name: str) -> Dialogue:
    """Return one long dialogue made of several, with ids of its own."""
    messages = [message for dialogue in dialogues for message in dialogue.messages]
    return Dialogue(name, f"{len(dialogues)} dialogues in a row", _marked(messages, name))


def turns(dialogue: Dialogue) -> list[list[BaseMessage]]:
    """Return a dialogue in parts as an application stores them: a user message, a call with its results, an answer."""
    groups: list[list[BaseMessage]] = []
    for message in dialogue.messages:
        if isinstance(message, ToolMessage) and groups:
            groups[-1].append(message)
        else:
            groups.append([message])
    return groups


def _dialogue(record: dict[str, Any]) -> Dialogue:
    name = record["dialogue_id"]
    messages = [_message(message, name) for message in record["messages"]]
    return Dialogue(name, ", ".join(_topic(service) for service in record["services"]), _marked(messages, name))


def _marked(messages: Sequence[BaseMessage], name: str) -> tuple[BaseMessage, ...]:
    return tuple(message.model_copy(update={"id": f"{name}/{at}"}) for at, message in enumerate(messages))


def _message(record: dict[str, Any], name: str) -> BaseMessage:
    content = record["content"]
    match record["role"]:
        case "human":
            return HumanMessage(content)
        case "tool":
            # The data numbers the calls of each dialogue from 0, so their ids would not be unique in a row.
            return ToolMessage(content, tool_call_id=f"{name}-{record['tool_call_id']}", name=record["name"])
        case _:
            calls = [{**call, "id": f"{name}-{call['id']}"} for call in record.get("tool_calls", ())]
            return AIMessage(content, tool_calls=calls)


def _topic(service: str) -> str:
    name = service.partition("_")[0]
    return _TOPICS.get(name) or re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).lower()
