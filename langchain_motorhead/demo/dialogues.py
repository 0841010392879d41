"""The dialogues that the demo replays: read from the package's data, as LangChain messages. Knows nothing of sessions.

Each message has an id that no other message of the demo has, `DIALOGUE/POSITION`: its mark, by which it is followed.
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
# Services whose name in the data set does not say what they are for.
_TOPICS = {"Media": "movies", "Services": "therapists"}


@dataclass(frozen=True, slots=True)
class Dialogue:
    """What two parties and their tools said.

    Attributes:
        name: Unique in the demo.
        topic: Services that it is about.
        messages: Oldest first, each with its mark as id.
    """

    name: str
    topic: str
    messages: tuple[BaseMessage, ...]


def load_dialogues() -> list[Dialogue]:
    """Read the shipped dialogues, in an order where any first few are varied."""
    lines = (files(__package__) / "dialogues.jsonl").read_text("utf-8").splitlines()
    return [_dialogue(json.loads(line)) for line in lines]


def in_a_row(dialogues: Sequence[Dialogue], name: str) -> Dialogue:
    """Make one long dialogue of several, with marks of its own."""
    messages = [message for dialogue in dialogues for message in dialogue.messages]
    return Dialogue(name, f"{len(dialogues)} dialogues in a row", _marked(messages, name))


def turns(dialogue: Dialogue) -> list[list[BaseMessage]]:
    """Cut a dialogue where a chat application would store it: what a person said; a call and its results; an answer."""
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
            # Calls are numbered anew in each dialogue of the data; in a row, their ids would not be unique.
            return ToolMessage(content, tool_call_id=f"{name}-{record['tool_call_id']}", name=record["name"])
        case _:
            calls = [{**call, "id": f"{name}-{call['id']}"} for call in record.get("tool_calls", ())]
            return AIMessage(content, tool_calls=calls)


def _topic(service: str) -> str:
    name = service.partition("_")[0]
    return _TOPICS.get(name) or re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).lower()
