"""A limit for answers: a copy of a model with a maximum of output tokens, however its provider names it. Pure."""

from __future__ import annotations

from typing import Any

from langchain_core.language_models import BaseChatModel, BaseLanguageModel
from langchain_core.runnables import Runnable, RunnableBinding, RunnableSequence

# What LangChain's classes call the limit: OpenAI, Anthropic and most others; Gemini; Ollama; Hugging Face; others.
LIMIT_FIELDS = (
    "max_tokens", "max_output_tokens", "num_predict", "max_new_tokens", "max_completion_tokens", "max_tokens_to_sample",
    "n_predict", "max_length_tokens",
)  # fmt: skip
# Attributes in which runnables keep what they wrap: bindings and retries, fallbacks, configurable fields.
_WRAPPED = ("bound", "runnable", "default")


def limited(runnable: Runnable[Any, Any], tokens: int) -> Runnable[Any, Any]:
    """Return a copy of a runnable whose model has a limit of output tokens.

    A lower limit that the model has already stays, and so does any limit that is bound to it. A model without a field
    for the limit is returned unchanged.

    Args:
        runnable: A model, or a runnable over one, such as `model.with_retry()`.
        tokens: Largest number of tokens of an answer.
    """
    if isinstance(runnable, BaseLanguageModel):
        return _limited_model(runnable, tokens)
    if isinstance(runnable, RunnableBinding) and any(name in runnable.kwargs for name in LIMIT_FIELDS):
        return runnable
    if isinstance(runnable, RunnableSequence):
        return _changed(runnable, {"first": limited(runnable.first, tokens)})
    for name in _WRAPPED:
        if isinstance(below := getattr(runnable, name, None), Runnable):
            changes: dict[str, Any] = {name: limited(below, tokens)}
            others = getattr(runnable, "fallbacks", None)
            if others:
                changes["fallbacks"] = [limited(other, tokens) for other in others]
            return _changed(runnable, changes)
    return runnable


def streams(runnable: Runnable[Any, Any]) -> bool:
    """Return whether a runnable yields the answer of its model while the model writes.

    One that tries again, or that does something with the answer, is called instead: a stream would skip that.
    """
    if isinstance(runnable, RunnableBinding):
        return streams(runnable.bound)
    if not isinstance(runnable, BaseChatModel) or runnable.disable_streaming is True:
        return False
    overrides = (getattr(type(runnable), name) is not getattr(BaseChatModel, name) for name in ("_stream", "_astream"))
    return any(overrides)


def thinks(model: BaseLanguageModel[Any] | None) -> bool:
    """Return whether a model's profile says that it reasons before it answers."""
    profile = getattr(model, "profile", None)
    return isinstance(profile, dict) and profile.get("reasoning_output") is True


def _limited_model(model: BaseLanguageModel[Any], tokens: int) -> Runnable[Any, Any]:
    fields = getattr(type(model), "model_fields", {})
    for name in LIMIT_FIELDS:
        if name in fields:
            current = getattr(model, name)
            if isinstance(current, int) and 0 < current <= tokens and name in getattr(model, "model_fields_set", ()):
                return model
            return _changed(model, {name: tokens})
    return model


def _changed(runnable: Any, changes: dict[str, Any]) -> Runnable[Any, Any]:
    if all(getattr(runnable, name) is value for name, value in changes.items()) or not hasattr(runnable, "model_copy"):
        unchanged: Runnable[Any, Any] = runnable
        return unchanged
    copy: Runnable[Any, Any] = runnable.model_copy(update=changes)
    return copy
