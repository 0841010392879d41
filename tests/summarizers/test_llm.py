"""A model is shown all there is to summarize, and what it fails to say never becomes a summary."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.language_models import FakeListLLM
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage, ToolMessage
from langchain_core.messages.utils import count_tokens_approximately

from langchain_motorhead.exceptions import SummarizationError
from langchain_motorhead.messages.text import transcript
from langchain_motorhead.models.usage import UsageHandler
from langchain_motorhead.summarizers.creating import create_summarizer
from langchain_motorhead.summarizers.prompting import ADDITION, PROMPT
from support.quotes import quoted
from support.scripted_models import BOTH, HUGE, MESSAGES, Fold, Scripted, numbered, words


async def test_prompt(fold: Fold) -> None:
    """The model is shown the instruction, the summary and the messages with their speakers; its answer counts."""
    model = Scripted(answers=["  Bob is in Oslo.\n"])
    messages = [HumanMessage("I am in Oslo"), ToolMessage("3 degrees", tool_call_id="c", name="weather")]
    found = await fold(create_summarizer(model), messages, "The user likes tea.")
    assert found == "The user likes tea.\n\nBob is in Oslo."
    ((instruction, said),) = model.asked
    assert instruction == SystemMessage(ADDITION)
    assert isinstance(said, HumanMessage)
    assert "The user likes tea." in said.text
    assert said.text.endswith("Addition:")
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
    messages = "<messages>\nHuman: {summary}\\g<0>\n</messages>"
    summary = "<summary>\n{messages}{0}\n</summary>"
    assert model.prompts == [rf"{{other}} {{{{x}}}} \1 {messages} / {summary} / {messages}"]


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
    """Summary and messages are shown as quotes, whatever stands in them."""
    model = Scripted()
    create_summarizer(model, prompt=prompt).invoke({"summary": summary, "messages": [HumanMessage(text)]})
    assert quoted(model.prompts[0], "summary") == [summary]
    assert quoted(model.prompts[0], "messages") == [transcript([HumanMessage(text)])]


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
    assert await fold(create_summarizer(Scripted(answers=["None came."])), [HumanMessage("hi")]) == "None came."


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
