"""What makes a summarizer of what the user gives: a model, the name of one, or a summarizer; and how much it takes."""

from __future__ import annotations

from typing import Any

from langchain_core.language_models import BaseLanguageModel
from langchain_core.runnables import Runnable

from langchain_motorhead.exceptions import InvalidInputError
from langchain_motorhead.flows.protocol import SummaryInput
from langchain_motorhead.messages.tokens import TokenCounter, count_tokens
from langchain_motorhead.models.by_name import chat_model
from langchain_motorhead.models.summarizer_client import model_below
from langchain_motorhead.summarizers.llm import Summarizer
from langchain_motorhead.summarizers.prompting import DEFAULT_BUDGET, DEFAULT_OUTPUT_TOKENS, PROMPT, with_words

_MIN_BUDGET_TOKENS = 64
_MIN_OUTPUT_TOKENS = 16


def create_summarizer(
    llm: BaseLanguageModel[Any] | Runnable[Any, Any],
    *,
    prompt: str = PROMPT,
    max_input_tokens: int | None = None,
    max_output_tokens: int = DEFAULT_OUTPUT_TOKENS,
    token_counter: TokenCounter | None = None,
) -> Summarizer:
    """Build a runnable that takes a previous summary and new messages, and returns the new summary.

    If the input is too large for one call, the model is called several times. A message larger than one input is split.

    Args:
        llm: A chat model, or a runnable over one, such as `model.with_retry()`.
        prompt: Your own instruction. It has to ask for the whole summary, which is then written anew each time. The
            placeholders `{summary}` and `{messages}` are replaced by quoted blocks: the text between lines `<summary>`
            and `</summary>`, or `<messages>` and `</messages>`. Without the placeholders, both blocks follow in a
            message of their own. Other braces stay as they are.
        max_input_tokens: Largest number of tokens of summary and messages in one call. The default is three quarters
            of the limit in the model's profile, and at most 8,000, since models overlook things in longer inputs.
        max_output_tokens: Largest number of tokens of a summary. It is passed to the model under its provider's name
            for it, and an answer that goes on is stopped where the model streams. The reasoning of a model that thinks
            before it answers does not count.
        token_counter: Returns the number of tokens of messages, as `trim_messages` takes it. The default uses tiktoken
            if its encoding can be loaded.

    Returns:
        A runnable whose input is a dict with `summary` (a string or None) and `messages`.

    Raises:
        InvalidInputError: An argument is invalid.

    Example:
        ```python
        summarizer = create_summarizer(ChatOpenAI(model="gpt-4o-mini"))
        summarizer.invoke({"summary": None, "messages": [HumanMessage("I am Bob, and I moved to Oslo in May.")]})
        ```
    """
    if not isinstance(llm, Runnable):
        raise InvalidInputError(f"llm must be a chat model or a runnable over one, not {type(llm).__name__}")
    if not isinstance(prompt, str) or not prompt.strip():
        raise InvalidInputError("prompt must be a string that tells the model how to summarize")
    budget = _budget_of(llm) if max_input_tokens is None else max_input_tokens
    if not isinstance(budget, int) or budget < _MIN_BUDGET_TOKENS:
        raise InvalidInputError(
            f"max_input_tokens must be a whole number of at least {_MIN_BUDGET_TOKENS}, not {budget!r}"
        )
    if not isinstance(max_output_tokens, int) or max_output_tokens < _MIN_OUTPUT_TOKENS:
        raise InvalidInputError(
            f"max_output_tokens must be a whole number of at least {_MIN_OUTPUT_TOKENS}, not {max_output_tokens!r}"
        )
    count, asked = token_counter or count_tokens, with_words(prompt, max_output_tokens)
    return Summarizer(llm, asked, budget, max_output_tokens, count, extends=prompt == PROMPT)


def resolve_summarizer(
    llm: object, option: str, count: TokenCounter, max_output_tokens: int = DEFAULT_OUTPUT_TOKENS
) -> Runnable[SummaryInput, Any]:
    """Return the summarizer for an option, which is a chat model, the name of one, or a summarizer.

    Args:
        llm: Value of the option.
        option: Name of the option, for the error message.
        count: Returns the number of tokens of messages.
        max_output_tokens: Largest number of tokens of a summary by a model. A summarizer has its own limit.

    Raises:
        InvalidInputError: It is none of these, or there is no model of that name.
    """
    if isinstance(llm, str) and llm.strip():
        llm = chat_model(llm, option)
    if not isinstance(llm, Runnable):
        raise InvalidInputError(
            f"{option} must be a chat model, a name that init_chat_model accepts, or a runnable that summarizes: "
            f"{option}={llm!r:.40} is none of these"
        )
    if model_below(llm) is None:
        return llm
    return create_summarizer(llm, token_counter=count, max_output_tokens=max_output_tokens)


def budget_of(summarizer: Runnable[SummaryInput, Any]) -> int:
    """Return the largest number of tokens of messages for one call of a summarizer."""
    budget = getattr(summarizer, "max_input_tokens", None)
    return budget if isinstance(budget, int) and budget >= _MIN_BUDGET_TOKENS else DEFAULT_BUDGET


def _budget_of(llm: Runnable[Any, Any]) -> int:
    profile = getattr(model_below(llm), "profile", None)
    limit = profile.get("max_input_tokens") if isinstance(profile, dict) else None
    # A quarter is left for the prompt, and for differences between token counters.
    return max(_MIN_BUDGET_TOKENS, min(DEFAULT_BUDGET, limit * 3 // 4)) if isinstance(limit, int) else DEFAULT_BUDGET
