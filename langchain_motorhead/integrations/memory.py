"""`MotorheadMemory`: a session as a `BaseMemory` of LangChain, for `LLMChain` and similar chains."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from langchain_classic.base_memory import BaseMemory
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, get_buffer_string
from pydantic import ConfigDict, Field, PrivateAttr, StrictStr, ValidationError

from langchain_motorhead.exceptions import InvalidInputError
from langchain_motorhead.handles.handle import Handle
from langchain_motorhead.integrations.chat_history import MotorheadChatMessageHistory
from langchain_motorhead.messages.quoting import one_line
from langchain_motorhead.options import DEFAULTS, REMOTE_DEFAULTS, UrlOptions
from langchain_motorhead.prompts.layout import conversation
from langchain_motorhead.prompts.records import SummaryRole, record_message
from langchain_motorhead.sessions.load import Memory

OPTIONS = frozenset(UrlOptions.__annotations__)
"""Fields that are options of the `Motorhead` that the memory makes for itself."""


class MotorheadMemory(BaseMemory):
    """A session as the memory of a chain. Making one does no I/O.

    Attributes:
        session_id: Any string that is not empty.
        user_id: Id of the user whose session it is.
        motorhead: A `Motorhead`. Or give `url` or `client` instead, with options.
        url: URL of Redis or of a server, as `Motorhead.from_url` takes it.
        client: A client of redis-py.
        llm: With `url` or `client`, as are the next eleven: see `Options`.
        embeddings: See `Options`.
        recall: See `Options`.
        window: See `Options`.
        namespace: See `Options`.
        archive: See `Options`.
        facts: See `Options`.
        compaction: See `Options`.
        ttl: See `Options`.
        fallback: See `Options`.
        token_counter: See `Options`.
        summary_timeout: See `Options`.
        max_concurrency: See `Options`.
        summary_tokens: See `Options`.
        api_key: With the `url` of a server, as are the next two: see `RemoteOptions`.
        client_id: See `RemoteOptions`.
        timeout: See `RemoteOptions`.
        memory_key: The variable of the prompt that gets the conversation.
        summary_key: The variable of the prompt that gets the summary. By default the summary is the first message of
            the conversation.
        input_key: The input of the chain that is stored as the human's message. By default the only input that is not
            a variable of this memory.
        output_key: The output of the chain that is stored as the model's message. By default the only output, or
            `"output"`.
        return_messages: Whether the prompt gets a list of messages instead of one text.
        summary_role: Role of the message with the summary in that list. See `MotorheadChatMessageHistory`.
        human_prefix: Name of the human in the text.
        ai_prefix: Name of the model in the text.

    Raises:
        InvalidInputError: There is no such field, or its value cannot be used.

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
    namespace: str = DEFAULTS["namespace"]
    archive: Any = DEFAULTS["archive"]
    facts: Any = DEFAULTS["facts"]
    compaction: str = DEFAULTS["compaction"]
    ttl: Any = None
    fallback: Any = None
    token_counter: Any = None
    summary_timeout: float = DEFAULTS["summary_timeout"]
    max_concurrency: int = DEFAULTS["max_concurrency"]
    summary_tokens: int = DEFAULTS["summary_tokens"]
    api_key: str | None = Field(default=None, repr=False)
    client_id: str | None = None
    timeout: float = REMOTE_DEFAULTS["timeout"]
    memory_key: str = "history"
    summary_key: str | None = None
    input_key: str | None = None
    output_key: str | None = None
    return_messages: bool = False
    summary_role: SummaryRole = "human"
    human_prefix: str = "Human"
    ai_prefix: str = "AI"

    _history: MotorheadChatMessageHistory = PrivateAttr()
    _context: str | None = PrivateAttr(default=None)

    def __init__(self, **fields: Any) -> None:
        try:
            super().__init__(**fields)
        except ValidationError as error:
            raise InvalidInputError.from_validation(type(self).__name__, error, type(self).model_fields) from error
        options: Any = {name: getattr(self, name) for name in OPTIONS & self.model_fields_set}
        motorhead = Handle.resolve(self.motorhead, self.url, self.client, **options)
        self._history = MotorheadChatMessageHistory(self.session_id, user_id=self.user_id, motorhead=motorhead)

    @property
    def memory_variables(self) -> list[str]:
        """The variables of the prompt that this memory fills."""
        return [self.memory_key] if self.summary_key is None else [self.memory_key, self.summary_key]

    @property
    def chat_memory(self) -> MotorheadChatMessageHistory:
        """The same session as a chat message history."""
        return self._history

    @property
    def context(self) -> str | None:
        """The summary when the session was last loaded, or None."""
        return self._context

    async def init(self) -> None:
        """Load the session, so that `context` has the summary. Nothing else needs it.

        Raises:
            StoreError: Redis refused, or could not be reached.
        """
        self._context = (await self._history.session.aload()).summary

    def close(self) -> None:
        """Wait for work in the background, then close the connections. A `motorhead` that was given stays open."""
        if self.motorhead is None:
            self._history.motorhead.close()

    async def aclose(self) -> None:
        """Wait for work in the background, then close the connections. See `close`."""
        if self.motorhead is None:
            await self._history.motorhead.aclose()

    def load_memory_variables(self, inputs: dict[str, Any]) -> dict[str, Any]:
        """Load the conversation, in one round trip.

        Args:
            inputs: The inputs of the chain, which are not used.

        Returns:
            The values of `memory_variables`.

        Raises:
            InvalidInputError: The session belongs to another user.
            StoreError: Redis refused, or could not be reached.
        """
        return self._variables(self._history.session.load())

    async def aload_memory_variables(self, inputs: dict[str, Any]) -> dict[str, Any]:
        """Load the conversation, in one round trip. See `load_memory_variables`."""
        return self._variables(await self._history.session.aload())

    def save_context(self, inputs: dict[str, Any], outputs: dict[str, Any]) -> None:
        """Store an input and an output of the chain as messages, in one round trip.

        Args:
            inputs: The inputs of the chain. `input_key` says which one is stored.
            outputs: The outputs of the chain. `output_key` says which one is stored.

        Raises:
            InvalidInputError: There are several inputs or outputs, and no key says which one is meant.
            StoreError: Redis refused, or could not be reached.
        """
        self._history.session.append(self._turn(inputs, outputs))

    async def asave_context(self, inputs: dict[str, Any], outputs: dict[str, Any]) -> None:
        """Store an input and an output of the chain as messages. See `save_context`."""
        await self._history.session.aappend(self._turn(inputs, outputs))

    def clear(self) -> None:
        """Delete the session: its messages, its summary, and its documents in the search index."""
        self._context = None
        self._history.clear()

    async def aclear(self) -> None:
        """Delete the session. See `clear`."""
        self._context = None
        await self._history.aclear()

    def delete_session(self) -> None:
        """Delete the session, under the name that the memory in langchain-community has for it."""
        self.clear()

    def _variables(self, memory: Memory) -> dict[str, Any]:
        self._context = memory.summary
        plain = memory if self.summary_key is None else replace(memory, summary=None)
        history: Any
        if self.return_messages:
            history = conversation(plain, self.summary_role)
        else:
            # Quoted already, and nobody's line.
            record = record_message(plain.summary, [] if plain.gap is None else [f"{plain.gap}."], plain.epoch)
            lines = [] if record is None else [str(record.text)]
            history = "\n".join([*lines, *map(self._line, memory.messages)])
        if self.summary_key is None:
            return {self.memory_key: history}
        return {self.memory_key: history, self.summary_key: memory.summary or ""}

    def _line(self, message: BaseMessage) -> str:
        """Return a message as LangChain writes it, on one line, so that it cannot look like several."""
        return one_line(get_buffer_string([message], human_prefix=self.human_prefix, ai_prefix=self.ai_prefix))

    def _turn(self, inputs: dict[str, Any], outputs: dict[str, Any]) -> list[BaseMessage]:
        # Chains have "stop" among their inputs, which is an argument for the model.
        known = {*self.memory_variables, "stop"}
        question = _chosen(inputs, self.input_key, [key for key in inputs if key not in known], "input_key")
        answers = list(outputs) if len(outputs) == 1 or "output" not in outputs else ["output"]
        answer = _chosen(outputs, self.output_key, answers, "output_key")
        return [*_messages(question, HumanMessage), *_messages(answer, AIMessage)]


def _chosen(values: dict[str, Any], key: str | None, candidates: list[str], option: str) -> Any:
    if key is None:
        if len(candidates) != 1:
            raise InvalidInputError(f"which one of {sorted(values)} shall be stored? Name it: {option}=...")
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
