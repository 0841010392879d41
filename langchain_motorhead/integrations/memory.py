"""A session as LangChain's `BaseMemory`, for `LLMChain(memory=...)` and its kin."""

from __future__ import annotations

from typing import Any

from langchain_classic.base_memory import BaseMemory
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, get_buffer_string
from pydantic import ConfigDict, Field, PrivateAttr, StrictStr, ValidationError

from langchain_motorhead.exceptions import InvalidInputError
from langchain_motorhead.handle import motorhead_of
from langchain_motorhead.integrations.chat_history import MotorheadChatMessageHistory
from langchain_motorhead.sessions.load import Memory

# Fields that are the Motorhead's options, where the memory makes its own.
_OPTIONS = frozenset(
    {
        "llm",
        "embeddings",
        "recall",
        "window",
        "namespace",
        "compaction",
        "ttl",
        "fallback",
        "token_counter",
        "summary_timeout",
        "max_concurrency",
        "api_key",
        "client_id",
        "timeout",
    }
)


class MotorheadMemory(BaseMemory):
    """A session as the memory of a chain. Making one does no I/O.

    Attributes:
        session_id: Any string but the empty one.
        user_id: Whose session it is.
        motorhead: The configuration to work with; or give `url` or `client`.
        url: Of Redis or of a server, as `Motorhead.from_url` takes it.
        client: A client of redis-py.
        llm: With `url` or `client`, this and the next ten: see `Options`.
        embeddings: See `Options`.
        recall: See `Options`.
        window: See `Options`.
        namespace: See `Options`.
        compaction: See `Options`.
        ttl: See `Options`.
        fallback: See `Options`.
        token_counter: See `Options`.
        summary_timeout: See `Options`.
        max_concurrency: See `Options`.
        api_key: With the `url` of a server, this and the next two: see `RemoteOptions`.
        client_id: See `RemoteOptions`.
        timeout: See `RemoteOptions`.
        memory_key: Variable of the prompt that gets the conversation.
        summary_key: Variable that gets the summary. By default it is in the conversation, as its first message.
        input_key: Input of the chain to store. By default the only one that is no variable of ours.
        output_key: Output of the chain to store. By default the only one, or `"output"`.
        return_messages: Whether the prompt gets messages rather than a text.
        human_prefix: Who the user is in the text.
        ai_prefix: Who the model is in the text.

    Example:
        ```python
        memory = MotorheadMemory(session_id="testing-1", url="redis://localhost:6379", memory_key="chat_history")
        await memory.init()
        LLMChain(llm=llm, prompt=prompt, memory=memory)
        ```
    """

    model_config = ConfigDict(arbitrary_types_allowed=True, extra="forbid")

    session_id: StrictStr
    user_id: StrictStr | None = None
    motorhead: Any = None
    url: str | None = Field(default=None, repr=False)  # it may hold a password
    client: Any = None
    llm: Any = None
    embeddings: Any = None
    recall: Any = None
    window: Any = None
    namespace: str = "default"
    compaction: str = "background"
    ttl: Any = None
    fallback: Any = None
    token_counter: Any = None
    summary_timeout: float = 60.0
    max_concurrency: int = 16
    api_key: str | None = Field(default=None, repr=False)
    client_id: str | None = None
    timeout: float = 30.0
    memory_key: str = "history"
    summary_key: str | None = None
    input_key: str | None = None
    output_key: str | None = None
    return_messages: bool = False
    human_prefix: str = "Human"
    ai_prefix: str = "AI"

    _history: MotorheadChatMessageHistory = PrivateAttr()
    _context: str | None = PrivateAttr(default=None)

    def __init__(self, **fields: Any) -> None:
        try:
            super().__init__(**fields)
        except ValidationError as error:
            problems = "; ".join(f"{'.'.join(map(str, found['loc']))}: {found['msg']}" for found in error.errors())
            raise InvalidInputError(f"MotorheadMemory cannot be made: {problems}") from error
        options: Any = {name: getattr(self, name) for name in _OPTIONS & self.model_fields_set}
        motorhead = motorhead_of(self.motorhead, self.url, self.client, **options)
        self._history = MotorheadChatMessageHistory(self.session_id, user_id=self.user_id, motorhead=motorhead)

    @property
    def memory_variables(self) -> list[str]:
        """Variables of the prompt that this memory fills."""
        return [self.memory_key] if self.summary_key is None else [self.memory_key, self.summary_key]

    @property
    def chat_memory(self) -> MotorheadChatMessageHistory:
        """The same session as a chat message history."""
        return self._history

    @property
    def context(self) -> str | None:
        """The summary, as of the last time that the session was read."""
        return self._context

    async def init(self) -> None:
        """Read the session, so that `context` is known. Not needed for anything else.

        Raises:
            StoreError: Redis refused, or could not be reached.
        """
        self._context = (await self._history.session.aload()).summary

    def close(self) -> None:
        """Wait for work in the background, and close the connection. A `motorhead` that was given stays open."""
        if self.motorhead is None:
            self._history.motorhead.close()

    async def aclose(self) -> None:
        """Wait for work in the background, and close the connection. See `close`."""
        if self.motorhead is None:
            await self._history.motorhead.aclose()

    def load_memory_variables(self, inputs: dict[str, Any]) -> dict[str, Any]:
        """Read the conversation, in one round trip."""
        return self._variables(self._history.session.load())

    async def aload_memory_variables(self, inputs: dict[str, Any]) -> dict[str, Any]:
        """Read the conversation, in one round trip."""
        return self._variables(await self._history.session.aload())

    def save_context(self, inputs: dict[str, Any], outputs: dict[str, Any]) -> None:
        """Store what was asked and what was answered, in one round trip.

        Raises:
            InvalidInputError: It is not clear which input or output is meant.
        """
        self._history.session.append(self._turn(inputs, outputs))

    async def asave_context(self, inputs: dict[str, Any], outputs: dict[str, Any]) -> None:
        """Store what was asked and what was answered. See `save_context`."""
        await self._history.session.aappend(self._turn(inputs, outputs))

    def clear(self) -> None:
        """Delete the session and everything of it."""
        self._context = None
        self._history.clear()

    async def aclear(self) -> None:
        """Delete the session and everything of it."""
        self._context = None
        await self._history.aclear()

    def delete_session(self) -> None:
        """Delete the session, as Motorhead's client calls it."""
        self.clear()

    def _variables(self, memory: Memory) -> dict[str, Any]:
        self._context = memory.summary
        messages = memory.as_messages() if self.summary_key is None else memory.messages
        said: Any = messages
        if not self.return_messages:
            said = get_buffer_string(messages, human_prefix=self.human_prefix, ai_prefix=self.ai_prefix)
        if self.summary_key is None:
            return {self.memory_key: said}
        return {self.memory_key: said, self.summary_key: memory.summary or ""}

    def _turn(self, inputs: dict[str, Any], outputs: dict[str, Any]) -> list[BaseMessage]:
        # "stop" is an argument of the model that chains carry among their inputs.
        known = {*self.memory_variables, "stop"}
        asked = _chosen(inputs, self.input_key, [key for key in inputs if key not in known], "input_key")
        answers = list(outputs) if len(outputs) == 1 or "output" not in outputs else ["output"]
        answered = _chosen(outputs, self.output_key, answers, "output_key")
        return [*_messages(asked, HumanMessage), *_messages(answered, AIMessage)]


def _chosen(values: dict[str, Any], key: str | None, candidates: list[str], option: str) -> Any:
    if key is None:
        if len(candidates) != 1:
            raise InvalidInputError(f"which of {sorted(values)} is to be stored? Name it: {option}=...")
        key = candidates[0]
    if key not in values:
        raise InvalidInputError(f"{option}={key!r} is not among {sorted(values)}")
    return values[key]


def _messages(value: Any, kind: type[HumanMessage | AIMessage]) -> list[BaseMessage]:
    if isinstance(value, BaseMessage):
        return [value]
    if isinstance(value, list) and value and all(isinstance(item, BaseMessage) for item in value):
        return value
    return [kind(value if isinstance(value, str) else str(value))]
