"""Which model, and which summarizer, an option or a name stands for."""

from collections.abc import Callable
from typing import Any

import pytest
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import HumanMessage
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import ConfigurableField, Runnable, RunnableLambda

from langchain_motorhead.exceptions import InvalidInputError
from langchain_motorhead.flows.protocol import SummaryInput
from langchain_motorhead.summarizers.creating import create_summarizer, resolve_summarizer
from langchain_motorhead.summarizers.llm import Summarizer
from support.scripted_models import Fold, Scripted, words


@pytest.mark.parametrize(
    "wrap",
    [
        lambda model: model,
        lambda model: model.bind(stop=["x"]),
        lambda model: model.with_config(tags=["x"]),
        lambda model: model.with_retry().bind(stop=["x"]),
        lambda model: model.with_fallbacks([Scripted()]),
        lambda model: model.configurable_fields(answers=ConfigurableField(id="answers")),
        lambda model: model.configurable_alternatives(ConfigurableField(id="model"), other=Scripted()),
    ],
    ids=["model", "bind", "config", "retry", "fallbacks", "fields", "alternatives"],
)
async def test_resolve_model(wrap: Callable[[BaseChatModel], Runnable[Any, Any]], fold: Fold) -> None:
    """A model is made into a summarizer, however it is wrapped."""
    model = Scripted(answers=["new"])
    summarizer = resolve_summarizer(wrap(model), "summarizer", words)
    assert isinstance(summarizer, Summarizer)
    assert await fold(summarizer, [HumanMessage("hi")]) == "new"


@pytest.mark.parametrize(
    "own",
    [
        RunnableLambda(lambda given: f"{given['summary']}+{len(given['messages'])}"),
        ChatPromptTemplate.from_template("{summary}{messages}") | Scripted(answers=["old+1"]) | StrOutputParser(),
        create_summarizer(Scripted(answers=["old+1"]), prompt="Summarize."),
    ],
    ids=["lambda", "chain", "summarizer"],
)
async def test_resolve_summarizer(own: Runnable[SummaryInput, Any], fold: Fold) -> None:
    """A runnable that is no model is the summarizer itself."""
    assert resolve_summarizer(own, "summarizer", words) is own
    assert await fold(own, [HumanMessage("hi")], "old") == "old+1"


@pytest.mark.parametrize("name", ["openai:gpt-4o-mini", "gpt-4o-mini"])
def test_resolve_name(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The name of a model stands for a summarizer with it, and with the counter that is asked for."""
    monkeypatch.setenv("OPENAI_API_KEY", "none")
    summarizer = resolve_summarizer(name, "summarizer", words)
    assert isinstance(summarizer, Summarizer)
    assert isinstance(summarizer.model, BaseChatModel)


@pytest.mark.parametrize("name", ["nobody:model", "a model of no known provider", "openai:gpt-4o-mini", ""])
def test_names_that_cannot_be_resolved(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that no model can be made of, or not without a key, is refused with the option and a way out."""
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with pytest.raises(InvalidInputError, match=rf"(?s)fallback_summarizer={name!r} ") as raised:
        resolve_summarizer(name, "fallback_summarizer", words)
    assert "init_chat_model" in str(raised.value)
    assert raised.value.__cause__ is not None or not name


@pytest.mark.parametrize("thing", [None, 5, object(), lambda given: "x", Scripted, b"gpt-4o"])
def test_things_that_cannot_be_resolved(thing: object) -> None:
    """What is neither a model nor a runnable is refused by the option's name."""
    with pytest.raises(InvalidInputError, match=r"^summarizer must be"):
        resolve_summarizer(thing, "summarizer", words)
