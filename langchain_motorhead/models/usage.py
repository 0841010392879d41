"""Token usage: a callback handler that counts the tokens of a summarization, whatever runnable does it."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage
from langchain_core.messages.utils import count_tokens_approximately
from langchain_core.outputs import ChatGeneration, LLMResult

from langchain_motorhead.messages.tokens import whole_count


class UsageHandler(BaseCallbackHandler):
    """Adds up the tokens of all model calls of a run, as the models report them, else counted approximately."""

    run_inline = True  # it is fast, and otherwise langchain-core would start a thread for it

    def __init__(self) -> None:
        self.tokens = 0
        self._lock = threading.Lock()
        self._prompts: dict[UUID, int] = {}

    def on_chat_model_start(
        self, serialized: dict[str, Any], messages: list[list[BaseMessage]], *, run_id: UUID, **kwargs: Any
    ) -> None:
        """Count the prompt, in case the model does not report its usage."""
        with self._lock:
            self._prompts[run_id] = sum(count_tokens_approximately(prompt) for prompt in messages)

    def on_llm_start(self, serialized: dict[str, Any], prompts: list[str], *, run_id: UUID, **kwargs: Any) -> None:
        """Count the prompt of a completion model, in case the model does not report its usage."""
        with self._lock:
            self._prompts[run_id] = count_tokens_approximately([HumanMessage(prompt) for prompt in prompts])

    def on_llm_end(self, response: LLMResult, *, run_id: UUID, **kwargs: Any) -> None:
        """Add the tokens of a finished call."""
        answers = [generation for row in response.generations for generation in row]
        reported = sum(_reported(generation) for generation in answers)
        counted = count_tokens_approximately([AIMessage(generation.text) for generation in answers])
        with self._lock:
            prompt = self._prompts.pop(run_id, 0)
            self.tokens += reported or prompt + counted

    def on_llm_error(self, error: BaseException, *, run_id: UUID, **kwargs: Any) -> None:
        """Add the tokens of a call that was stopped, or whose answer is in the error: they are paid for, too."""
        response = kwargs.get("response")
        if isinstance(response, LLMResult) and any(
            generation.text for row in response.generations for generation in row
        ):
            self.on_llm_end(response, run_id=run_id)
            return
        # OpenAI's client raises an error with the answer if structured output was cut off or filtered.
        completion = getattr(error, "completion", None)
        with self._lock:
            prompt = self._prompts.pop(run_id, 0)
            if completion is not None:
                usage = getattr(completion, "usage", None)
                self.tokens += whole_count(getattr(usage, "total_tokens", None)) or prompt


def _reported(generation: object) -> int:
    message = generation.message if isinstance(generation, ChatGeneration) else None
    usage = message.usage_metadata if isinstance(message, AIMessage) else None
    total = usage.get("total_tokens") if isinstance(usage, Mapping) else None
    return whole_count(total) or 0
