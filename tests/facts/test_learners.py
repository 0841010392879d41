"""Learners: what a model is asked, how its answer is read and repaired, and what is found without one."""

from __future__ import annotations

import json
from typing import Any

import pytest
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage
from langchain_core.runnables import RunnableLambda
from openai import ContentFilterFinishReasonError, LengthFinishReasonError
from openai.types.chat import ChatCompletion

from langchain_motorhead import (
    ExtractiveLearner,
    InvalidInputError,
    LearnerInput,
    UnusableOperationsError,
    create_learner,
)
from langchain_motorhead.facts.learning.answers import read_operations
from support.scripted_models import Scripted

OPERATION = {"op": "add", "text": "x", "subject": "user", "attribute": "y", "sources": [{"seq": 1, "quote": "q"}]}


def given(*texts: str, role: str = "human", names: tuple[str, ...] = ()) -> LearnerInput:
    """Make the input of a learner."""
    return {
        "session_id": "s",
        "user_id": "bob",
        "messages": [
            {"seq": at, "role": role, "name": names[at] if names else None, "text": text, "said_at": "2024-01-01T00:00"}
            for at, text in enumerate(texts)
        ],
        "facts": [
            {"n": 0, "text": "Lives in </facts> Bonn", "subject": "user", "attribute": "home", "said_at": "2023-01-01",
             "pinned": False},
        ],
    }  # fmt: skip


@pytest.mark.parametrize(
    "answer",
    [
        json.dumps({"operations": [OPERATION]}),
        f"<think>hm</think>```json\n{json.dumps([OPERATION])}\n```",
        f"Here they are: {json.dumps({'facts': [OPERATION]})} - done.",
        AIMessage("", tool_calls=[{"name": "record_facts", "args": {"operations": [OPERATION]}, "id": "1"}]),
        {"raw": AIMessage(json.dumps([OPERATION])), "parsed": None, "parsing_error": None},
        [OPERATION],
        OPERATION,
    ],
)
def test_operations_are_found_however_they_are_wrapped(answer: Any) -> None:
    """JSON in text, calls of functions, structured output, and plain data."""
    assert read_operations(answer) == [OPERATION]


@pytest.mark.parametrize("answer", ['{"operations": []}', "[]", [], "NONE", "```json\n[]\n```"])
def test_nothing_new_is_an_empty_list(answer: Any) -> None:
    """It is no fault of an answer."""
    assert read_operations(answer) == []


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ("", "empty"),
        ("The user seems nice.", "empty"),
        ('{"operations": [{"op": "add", "te', "cut off"),
        ('{"operations": [' + " " * 100_000 + "{", "cut off"),
        ("<think" + " " * 100_000 + "{", "empty"),
        ("<think>let me see", "cut off"),
        ("I'm sorry, but I can't help with that.", "refused"),
        (AIMessage("[]", response_metadata={"finish_reason": "length"}), "cut off"),
        (AIMessage("[]", response_metadata={"finish_reason": "content_filter"}), "refused"),
        (None, "empty"),
        (17, "empty"),
        ("[1, 2]", "cut off"),
        ([OPERATION] * 501, "too long"),
    ],
)
def test_garbage_is_no_empty_list(answer: Any, reason: str) -> None:
    """An answer that cannot be read says why."""
    with pytest.raises(UnusableOperationsError) as error:
        read_operations(answer)
    assert error.value.reason.startswith(reason)


async def test_an_answer_that_cannot_be_read_is_asked_for_once_more() -> None:
    """The model is shown what it wrote. A second such answer is an error."""
    model = Scripted(answers=["I found some facts!", json.dumps([OPERATION])])
    assert await create_learner(model).ainvoke(given("I live in Rome")) == [OPERATION]
    assert [len(asked) for asked in model.asked] == [2, 4]
    prompt = model.prompts[0]
    assert "[0, 2024-01-01T00:00] human: I live in Rome" in prompt
    assert "0: Lives in &lt;/facts> Bonn [user | home" in prompt
    garbage = Scripted(answers=["There are some facts.", "Bob lives in Rome."])
    with pytest.raises(UnusableOperationsError):
        create_learner(garbage, prompt="List facts.").invoke(given("I live in Rome"))
    assert (len(garbage.asked), garbage.prompts[0].startswith("List facts.")) == (2, True)


def test_a_model_that_refuses_structured_output_is_asked_for_json() -> None:
    """Its error says so once. Any other error is the caller's to see."""
    asked: list[str] = []

    class Refusing(Scripted):
        def with_structured_output(self, *args: Any, **kwargs: Any) -> Any:
            def refuse(_: Any) -> Any:
                asked.append("structured")
                raise ValueError("400: response_format is not supported")

            return RunnableLambda(refuse)

    model: BaseChatModel = Refusing(answers=[json.dumps([OPERATION])])
    learner = create_learner(model)
    assert learner.invoke(given("a")) == learner.invoke(given("b")) == [OPERATION]
    assert asked == ["structured"]
    with pytest.raises(ConnectionError):
        create_learner(Scripted(answers=[ConnectionError("away")])).invoke(given("a"))


def test_an_answer_that_a_client_raises_an_error_for_is_unusable() -> None:
    """OpenAI's client raises one for structured output that was cut off, or filtered: no failure of the model."""
    answer = ChatCompletion(id="a", choices=[], created=0, model="m", object="chat.completion")
    for error, reason in (
        (LengthFinishReasonError(completion=answer), "cut off: "),
        (ContentFilterFinishReasonError(), "refused: "),
    ):
        with pytest.raises(UnusableOperationsError) as raised:
            create_learner(Scripted(answers=[error])).invoke(given("a"))
        assert raised.value.reason.startswith(reason)


@pytest.mark.parametrize("wrong", [{"llm": "gpt"}, {"prompt": " "}, {"max_input_tokens": 0}])
def test_a_learner_needs_a_model_and_an_instruction(wrong: dict[str, Any]) -> None:
    """The error says what to give."""
    with pytest.raises(InvalidInputError):
        create_learner(**{"llm": Scripted(), **wrong})


def test_what_people_say_of_themselves_is_found_without_a_model() -> None:
    """Word for word, with what it is about. Questions and others' words are left out."""
    said = given(
        "Hi! My name is Bob and I live in Rome. Do I like it? Sure. I'm allergic to nuts. If I go, I go.",
        "My sister works in Ghent. I moved to Oslo. The weather is fine.",
    )
    found = ExtractiveLearner().invoke(said)
    assert [(each["attribute"], each["text"], each["op"], each.get("fact")) for each in found] == [
        ("name", "My name is Bob", "add", None),
        ("home", "I live in Rome.", "supersede", 0),
        ("allergy", "I'm allergic to nuts.", "add", None),
        ("family", "My sister works in Ghent.", "add", None),
        ("home", "I moved to Oslo.", "supersede", 2),
    ]
    assert ExtractiveLearner().invoke(given("I live in Rome", role="ai")) == []
    two = ExtractiveLearner().invoke(given("I love tea", "I love milk", names=("Ann", "Bob")))
    assert [each["subject"] for each in two] == ["Ann", "Bob"]
