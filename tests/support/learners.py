"""Learners that answer by a script, and keep what they were given."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

from langchain_core.runnables import Runnable, RunnableConfig

from langchain_motorhead import LearnerInput

Answer = Callable[[LearnerInput], Any]


class ScriptedLearner(Runnable[LearnerInput, Any]):
    """Answers with a function, the correct one by default.

    Args:
        answers: Functions of the first calls; the last one answers all later calls too.
    """

    max_input_tokens: int

    def __init__(self, *answers: Answer) -> None:
        self.answers = answers or (correct,)
        self.calls: list[LearnerInput] = []

    @property
    def learned(self) -> Counter[tuple[str, int]]:
        """How often it was given each message."""
        return Counter((call["session_id"], each["seq"]) for call in self.calls for each in call["messages"])

    def invoke(self, input: LearnerInput, config: RunnableConfig | None = None, **kwargs: Any) -> Any:
        """Answer."""
        self.calls.append(input)
        return self.answers[min(len(self.calls), len(self.answers)) - 1](input)


def correct(given: LearnerInput) -> Any:
    """Note each message of a person as it is. A message `KEY: VALUE` supersedes what is known of the key."""
    numbers = {fact["attribute"]: fact["n"] for fact in given["facts"]}
    found: list[dict[str, Any]] = []
    for message in given["messages"]:
        if message["role"] != "human":
            continue
        text = message["text"]
        key = text.partition(":")[0] if ":" in text else text
        operation: dict[str, Any] = {"op": "add", "text": text, "subject": "user", "attribute": key}
        if key in numbers:
            operation |= {"op": "supersede", "fact": numbers[key]}
        numbers[key] = len(given["facts"]) + len(found)
        found.append({**operation, "sources": [{"seq": message["seq"], "quote": text}]})
    return found


def lying(given: LearnerInput) -> Any:
    """Invent quotes, messages and facts, and put words of the assistant into the person's mouth."""
    lie = {"op": "add", "text": "a lie", "subject": "user", "attribute": "a lie"}
    said, answers = given["messages"][-1], [each for each in given["messages"] if each["role"] == "ai"]
    return [
        {**lie, "sources": [{"seq": said["seq"], "quote": "never said"}]},
        {**lie, "sources": [{"seq": 10_000, "quote": said["text"]}]},
        {**lie, "op": "supersede", "fact": 10_000, "sources": [{"seq": said["seq"], "quote": said["text"]}]},
        *({**lie, "sources": [{"seq": each["seq"], "quote": each["text"]}]} for each in answers),
    ]


def garbled(given: LearnerInput) -> Any:
    """Answer with something that is no list of operations."""
    return "I think the user is nice, and likes things."


def failing(given: LearnerInput) -> Any:
    """Fail as a provider does."""
    raise ConnectionError("the model is away")
