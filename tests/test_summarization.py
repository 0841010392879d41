"""A model is shown all there is to summarize, within its budget, and what it fails to say never becomes a summary."""

import re
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.language_models import BaseChatModel, FakeListLLM
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage, ToolMessage
from langchain_core.messages.utils import count_tokens_approximately
from langchain_core.output_parsers import StrOutputParser
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import ConfigurableField, Runnable, RunnableLambda
from pydantic import Field

from langchain_motorhead.exceptions import InvalidInputError, SummarizationError
from langchain_motorhead.flows.protocol import SummaryInput
from langchain_motorhead.messages.text import message_text
from langchain_motorhead.models.usage import UsageHandler
from langchain_motorhead.summarizers.llm import (
    DEFAULT_BUDGET,
    PROMPT,
    Summarizer,
    budget_of,
    create_summarizer,
    resolve_summarizer,
)

Fold = Callable[..., Awaitable[str]]

BOTH = "<{summary}|{messages}>"


class Scripted(BaseChatModel):
    """Answers from a list, the last again and again, and keeps what it was asked."""

    answers: list[Any] = Field(default_factory=lambda: ["new"])
    asked: list[list[BaseMessage]] = Field(default_factory=list)
    options: dict[str, Any] = Field(default_factory=dict)

    @property
    def _llm_type(self) -> str:
        return "scripted"

    @property
    def prompts(self) -> list[str]:
        """What it was asked, as text."""
        return ["\n".join(str(message.content) for message in messages) for messages in self.asked]

    def _generate(self, messages: list[BaseMessage], *args: Any, **kwargs: Any) -> ChatResult:
        answer = self.answers[min(len(self.asked), len(self.answers) - 1)]
        self.asked.append(messages)
        self.options.update(kwargs)
        if isinstance(answer, Exception):
            raise answer
        message = answer if isinstance(answer, AIMessage) else AIMessage(answer)
        return ChatResult(generations=[ChatGeneration(message=message)])

    async def _agenerate(self, messages: list[BaseMessage], *args: Any, **kwargs: Any) -> ChatResult:
        return self._generate(messages, **kwargs)


@pytest.fixture(params=["sync", "async"])
def fold(request: pytest.FixtureRequest) -> Fold:
    """Calls a summarizer, one way or the other."""

    async def fold(
        summarizer: Runnable[SummaryInput, Any],
        messages: Sequence[BaseMessage],
        summary: str | None = None,
        config: Any = None,
        **kwargs: Any,
    ) -> Any:
        given = SummaryInput(summary=summary, messages=messages)
        if request.param == "sync":
            return summarizer.invoke(given, config, **kwargs)
        return await summarizer.ainvoke(given, config, **kwargs)

    return fold


def words(messages: Sequence[BaseMessage]) -> int:
    """Count a token a word, and one a message."""
    return sum(1 + len(message_text(message).split()) for message in messages)


def numbered(count: int, name: str = "w") -> str:
    """Make a text of words that are all different."""
    return " ".join(f"{name}{at}." for at in range(count))


async def test_prompt(fold: Fold) -> None:
    """The model is shown the instruction, the summary and the messages with their speakers; its answer counts."""
    model = Scripted(answers=["  Bob is in Oslo.\n"])
    messages = [HumanMessage("I am in Oslo"), ToolMessage("3 degrees", tool_call_id="c", name="weather")]
    assert await fold(create_summarizer(model), messages, "The user is Bob.") == "Bob is in Oslo."
    ((instruction, said),) = model.asked
    assert instruction == SystemMessage(PROMPT)
    assert isinstance(said, HumanMessage)
    assert "The user is Bob." in said.text
    assert "Human: I am in Oslo\nTool weather: 3 degrees" in said.text


@pytest.mark.parametrize("summary", [None, ""])
async def test_prompt_without_summary(fold: Fold, summary: str | None) -> None:
    """Without a summary so far the model is told that there is none."""
    model = Scripted()
    await fold(create_summarizer(model), [HumanMessage("hi")], summary)
    assert "none yet" in model.prompts[0]
    assert "None" not in model.prompts[0]


async def test_own_prompt(fold: Fold) -> None:
    """A prompt of one's own takes the place of ours; summary and messages follow it."""
    model = Scripted()
    await fold(create_summarizer(model, prompt='Reply in {"json": {}}'), [HumanMessage("hi")], "old")
    assert model.asked[0][0] == SystemMessage('Reply in {"json": {}}')
    assert "old" in model.asked[0][1].text
    assert "Human: hi" in model.asked[0][1].text


async def test_placeholders(fold: Fold) -> None:
    """Placeholders are replaced, each as often as it stands there, and not in what they are replaced by."""
    model = Scripted()
    prompt = r"{other} {{x}} \1 {messages} / {summary} / {messages}"
    await fold(create_summarizer(model, prompt=prompt), [HumanMessage(r"{summary}\g<0>")], "{messages}{0}")
    assert model.prompts == [r"{other} {{x}} \1 Human: {summary}\g<0> / {messages}{0} / Human: {summary}\g<0>"]


@pytest.mark.parametrize("prompt", ["Only {summary}", "Only {messages}"])
async def test_one_placeholder(fold: Fold, prompt: str) -> None:
    """A prompt with one of the two placeholders loses neither the summary so far nor the messages."""
    model = Scripted()
    await fold(create_summarizer(model, prompt=prompt), [HumanMessage("the message")], "the summary")
    assert "the message" in model.prompts[0]
    assert "the summary" in model.prompts[0]


@pytest.mark.parametrize("prompt", [PROMPT, BOTH])
@given(text=st.text(), summary=st.text(st.sampled_from("{}summary%$\\ n"), min_size=1))
def test_any_text_is_harmless(prompt: str, text: str, summary: str) -> None:
    """Summary and messages are shown verbatim, whatever stands in them."""
    model = Scripted()
    create_summarizer(model, prompt=prompt).invoke({"summary": summary, "messages": [HumanMessage(text)]})
    assert summary in model.prompts[0]
    assert f"Human: {text}" in model.prompts[0]


async def test_prompts_can_be_sent(fold: Fold) -> None:
    """What the model is shown can be encoded: a lone surrogate, which no HTTP client takes, would fail for ever."""
    model = Scripted()
    message = AIMessage("cut off \ud83d", tool_calls=[{"name": "f", "args": {"a": "\ude00"}, "id": "c"}])
    await fold(create_summarizer(model), [message], "so far \ud83d")
    assert b"cut off" in model.prompts[0].encode()


@pytest.mark.parametrize("answer", ["NONE", "None.", " none\n", '"NONE"', "**NONE**"])
@pytest.mark.parametrize(("summary", "expected"), [("old", "old"), (None, "NONE"), ("", "NONE")])
async def test_nothing_to_add(fold: Fold, answer: str, summary: str | None, expected: str) -> None:
    """A model that has nothing to add keeps the summary."""
    assert await fold(create_summarizer(Scripted(answers=[answer])), [HumanMessage("hi")], summary) == expected


async def test_none_as_a_word(fold: Fold) -> None:
    """A summary may start with the word."""
    assert await fold(create_summarizer(Scripted(answers=["None came."])), [HumanMessage("hi")], "old") == "None came."


async def test_no_messages(fold: Fold) -> None:
    """Without messages the model is not asked."""
    model = Scripted()
    assert await fold(create_summarizer(model), [], "old") == "old"
    assert model.asked == []


@pytest.mark.parametrize("answer", ["", " \n", AIMessage([]), AIMessage([{"type": "reasoning", "reasoning": "hm"}])])
async def test_empty_answers(fold: Fold, answer: Any) -> None:
    """An answer without text is a failure, also after others that had some."""
    with pytest.raises(SummarizationError):
        await fold(create_summarizer(Scripted(answers=[answer])), [HumanMessage("hi")], "old")
    summarizer = create_summarizer(Scripted(answers=["good", answer]), max_input_tokens=64, token_counter=words)
    with pytest.raises(SummarizationError):
        await fold(summarizer, [HumanMessage(numbered(50)), HumanMessage(numbered(50))], "old")


async def test_answers_in_blocks(fold: Fold) -> None:
    """Of an answer in blocks, the text is the summary."""
    answer = AIMessage([{"type": "reasoning", "reasoning": "hm"}, {"type": "text", "text": "Bob."}])
    assert await fold(create_summarizer(Scripted(answers=[answer])), [HumanMessage("hi")]) == "Bob."


async def test_completion_models(fold: Fold) -> None:
    """A model that answers with a string does as well."""
    assert await fold(create_summarizer(FakeListLLM(responses=["Bob."])), [HumanMessage("hi")]) == "Bob."


@pytest.mark.parametrize("error", [RuntimeError("boom"), ValueError("boom"), StopIteration(), StopIteration("boom")])
async def test_errors_are_no_summaries(fold: Fold, error: Exception) -> None:
    """Whatever a model raises, it is raised: no error becomes the summary."""
    with pytest.raises((type(error), RuntimeError)):
        await fold(create_summarizer(Scripted(answers=[error])), [HumanMessage("hi")], "old")


async def test_config_reaches_the_model(fold: Fold) -> None:
    """Tags and arguments of a call are the model's as well."""
    seen: list[list[str]] = []

    class Handler(BaseCallbackHandler):
        def on_chat_model_start(self, *args: Any, tags: list[str] | None = None, **kwargs: Any) -> None:
            seen.append(tags or [])

    model = Scripted()
    config = {"tags": ["nostream"], "callbacks": [Handler()]}
    await fold(create_summarizer(model), [HumanMessage("hi")], config=config, temperature=0.5)
    assert ["nostream" in tags for tags in seen] == [True]
    assert model.options["temperature"] == 0.5


MESSAGES = [HumanMessage(numbered(30, f"m{at}-")) for at in range(10)]
HUGE = HumanMessage(numbered(400, "h"))


@pytest.mark.parametrize(
    "messages", [MESSAGES, [HUGE], [*MESSAGES[:3], HUGE, *MESSAGES[3:]]], ids=["many", "huge", "both"]
)
@pytest.mark.parametrize(
    "summary", [None, "so far", numbered(60, "s"), numbered(500, "s")], ids=["0", "2", "60", "500"]
)
async def test_batches(fold: Fold, messages: list[BaseMessage], summary: str | None) -> None:
    """Every word reaches the model once, in order and within the budget, with the summary that came of those before."""
    model = Scripted(answers=[f"answer {at}" for at in range(1000)])
    summarizer = create_summarizer(model, prompt=BOTH, max_input_tokens=100, token_counter=words)
    assert await fold(summarizer, messages, summary) == model.answers[len(model.asked) - 1]
    parts = [prompt[1:-1].split("|") for prompt in model.prompts]
    shown = [word for _, said in parts for word in re.findall(r"\S+\d+\.", said)]
    wanted = " ".join(message.text for message in messages).split()
    condensed = (summary or "").split() if len((summary or "").split()) > 50 else []
    assert shown == condensed + wanted
    first = "(none yet)" if condensed or summary is None else summary
    assert [so_far for so_far, _ in parts] == [first, *model.answers[: len(parts) - 1]]
    assert all(words([HumanMessage(" ".join(part))]) <= 100 for part in parts)
    assert len(parts) <= len(shown) / 20 + 2  # and it is not asked for every few words


async def test_answer_beyond_the_budget(fold: Fold) -> None:
    """A summary that the model itself made too long is condensed too, so that no call exceeds the budget."""
    model = Scripted(answers=[numbered(150, "long"), "short"])
    summarizer = create_summarizer(model, prompt=BOTH, max_input_tokens=100, token_counter=words)
    assert await fold(summarizer, MESSAGES) == "short"
    assert all(words([HumanMessage(prompt)]) <= 110 for prompt in model.prompts)


async def test_condensing_keeps_to_the_budget(fold: Fold) -> None:
    """A long summary is condensed in pieces that leave room for what became of those before."""
    model = Scripted(answers=[numbered(40, "short")])
    summarizer = create_summarizer(model, prompt=BOTH, max_input_tokens=100, token_counter=words)
    await fold(summarizer, MESSAGES[:1], numbered(400, "s"))
    assert all(words([HumanMessage(prompt)]) <= 110 for prompt in model.prompts)


async def test_verbose_models_come_to_an_end(fold: Fold) -> None:
    """A model whose answers are always too long is asked a bounded number of times, and still sees every message."""
    model = Scripted(answers=[numbered(150, "long")])
    summarizer = create_summarizer(model, prompt=BOTH, max_input_tokens=100, token_counter=words)
    await fold(summarizer, MESSAGES, numbered(80, "s"))
    assert len(model.asked) < 200
    shown = " ".join(model.prompts)
    assert all(word in shown for message in MESSAGES for word in message.text.split())


async def test_nothing_to_add_in_batches(fold: Fold) -> None:
    """A batch that adds nothing keeps the summary that the others made."""
    summarizer = create_summarizer(
        Scripted(answers=["NONE", "first", "NONE"]), max_input_tokens=64, token_counter=words
    )
    assert await fold(summarizer, MESSAGES[:5], "old") == "first"


async def test_condensing_to_nothing(fold: Fold) -> None:
    """A model that finds nothing to condense in a long summary does not thereby erase it."""
    summary = numbered(40, "s")
    model = Scripted(answers=["NONE", "more"])
    summarizer = create_summarizer(model, prompt=BOTH, max_input_tokens=64, token_counter=words)
    answer = await fold(summarizer, [HumanMessage(numbered(50))], summary)
    assert "s39." in answer + " ".join(model.prompts[1:])


@settings(deadline=None)
@given(st.lists(st.text(st.sampled_from("ab \n")).map(HumanMessage), max_size=30), st.integers(64, 200))
def test_nothing_is_lost_in_batches(messages: list[BaseMessage], budget: int) -> None:
    """However messages fall into batches, the model is shown all of their text."""
    model = Scripted()
    summarizer = create_summarizer(
        model,
        prompt="{messages}\0{summary}",
        max_input_tokens=budget,
        token_counter=lambda messages: sum(1 + len(message.text) for message in messages),
    )
    summarizer.invoke({"summary": None, "messages": messages})
    shown = "".join(prompt.split("\0")[0] for prompt in model.prompts)
    plain = re.compile(r"Human: |\s")
    assert plain.sub("", shown) == plain.sub("", "".join(message.text for message in messages))


@pytest.mark.parametrize(
    ("profile", "budget"),
    [
        (None, DEFAULT_BUDGET),
        ({}, DEFAULT_BUDGET),
        ({"max_input_tokens": 4_000}, 3_000),
        ({"max_input_tokens": 1_000_000}, DEFAULT_BUDGET),
        ({"max_input_tokens": 10}, 64),
    ],
)
@pytest.mark.parametrize(
    "wrap",
    [
        lambda model: model,
        lambda model: model.bind(stop=["x"]),
        lambda model: model.with_config(tags=["x"]),
        lambda model: model.with_retry(),
        lambda model: model.with_fallbacks([Scripted()]),
    ],
    ids=["model", "bind", "config", "retry", "fallbacks"],
)
def test_budget_of_the_model(wrap: Callable[[Any], Runnable[Any, Any]], profile: Any, budget: int) -> None:
    """The budget is what the model's profile leaves room for, or the default if that is less, however it is wrapped."""
    summarizer = create_summarizer(wrap(Scripted(profile=profile)))
    assert summarizer.max_input_tokens == budget
    assert budget_of(summarizer) == budget


def test_budget_of_any_runnable() -> None:
    """The budget of a summarizer of one's own is what it says, if it says something of use."""

    def made(budget: object) -> Runnable[Any, Any]:
        summarizer = create_summarizer(Scripted())
        summarizer.max_input_tokens = budget  # type: ignore[assignment]
        return summarizer

    assert budget_of(made(500)) == 500
    assert [budget_of(made(budget)) for budget in (None, "500", 5)] == [DEFAULT_BUDGET] * 3
    assert budget_of(RunnableLambda(lambda given: "x")) == DEFAULT_BUDGET


@pytest.mark.parametrize(
    ("options", "name"),
    [
        *(({"llm": bad}, "llm") for bad in ("gpt-4o", None, lambda x: x)),
        *(({"prompt": bad}, "prompt") for bad in ("", " ", None, 5)),
        *(({"max_input_tokens": bad}, "max_input_tokens") for bad in (63, 0, 100.0, "100", True)),
    ],
)
def test_bad_options(options: dict[str, Any], name: str) -> None:
    """An option that cannot be used is refused by name."""
    with pytest.raises(InvalidInputError, match=f"^{name} must be"):
        create_summarizer(**{"llm": Scripted(), **options})


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
    assert await fold(summarizer, [HumanMessage("hi")], "old") == "new"


@pytest.mark.parametrize(
    "own",
    [
        RunnableLambda(lambda given: f"{given['summary']}+{len(given['messages'])}"),
        ChatPromptTemplate.from_template("{summary}{messages}") | Scripted(answers=["old+1"]) | StrOutputParser(),
        create_summarizer(Scripted(answers=["old+1"])),
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


def spent(input_tokens: int, output_tokens: int) -> AIMessage:
    """Make an answer that reports what it cost."""
    usage = {"input_tokens": input_tokens, "output_tokens": output_tokens, "total_tokens": input_tokens + output_tokens}
    return AIMessage("answer", usage_metadata=usage)


async def test_reported_usage(fold: Fold) -> None:
    """What the model reports is added up over all calls."""
    usage = UsageHandler()
    model = Scripted(answers=[spent(10, 1), spent(20, 2), spent(30, 3)])
    summarizer = create_summarizer(model, max_input_tokens=64, token_counter=words)
    await fold(summarizer, MESSAGES[:5], config={"callbacks": [usage]})
    assert usage.tokens == 66


async def test_estimated_usage(fold: Fold) -> None:
    """For a model that reports nothing, what it was shown and what it answered is counted approximately."""
    usage, model = UsageHandler(), Scripted(answers=["an answer"])
    await fold(create_summarizer(model), MESSAGES[:1], config={"callbacks": [usage]})
    expected = count_tokens_approximately([*model.asked[0], AIMessage("an answer")])
    assert abs(usage.tokens - expected) <= 2
    await fold(create_summarizer(model), MESSAGES[:1], config={"callbacks": [usage]})
    assert abs(usage.tokens - 2 * expected) <= 4


async def test_estimated_usage_of_completion_models(fold: Fold) -> None:
    """For a model of text, too, what it was shown is counted, and not only its answer."""
    usage = UsageHandler()
    await fold(create_summarizer(FakeListLLM(responses=["x"])), [HUGE], config={"callbacks": [usage]})
    assert usage.tokens >= count_tokens_approximately([HUGE])


async def test_usage_of_retries(fold: Fold) -> None:
    """A call that failed costs nothing that is known; the one after it counts."""
    usage = UsageHandler()
    model = Scripted(answers=[RuntimeError("boom"), spent(10, 1)]).with_retry(wait_exponential_jitter=False)
    assert await fold(create_summarizer(model), MESSAGES[:1], config={"callbacks": [usage]}) == "answer"
    assert usage.tokens == 11
