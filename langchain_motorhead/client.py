"""`Motorhead`: chat memory on one Redis or server, with methods that build its LangChain and LangGraph integrations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from langchain_motorhead.handles.handle import Handle

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from langchain_core.tools import BaseTool
    from langgraph.store.base import TTLConfig

    from langchain_motorhead.integrations.chat_history import MotorheadChatMessageHistory
    from langchain_motorhead.integrations.memory import MotorheadMemory
    from langchain_motorhead.integrations.retriever import MotorheadRetriever
    from langchain_motorhead.integrations.store import MotorheadStore
    from langchain_motorhead.prompts.records import SummaryRole


class Motorhead(Handle):
    """Chat memory on one Redis or server, in one namespace, with one set of options. Making one does no I/O.

    A session keeps its newest messages word for word, in its *window*. When the window grows beyond its bounds, the
    session is *compacted*: its oldest messages are summarized, and removed only when the new summary is stored.

    Use a `Motorhead` as a context manager, sync or async, or close it: closing waits for summaries that are being
    written. One `Motorhead` may be used by many threads and tasks at once.

    Args:
        client: A client of redis-py, sync or async: of one server, of Sentinel or of a cluster. `close` does not close
            it. `Motorhead.from_url` needs no client.
        async_client: The client for async calls if `client` is sync, or for sync calls if it is async. By default one
            is made with the settings of `client`.
        **options: See `Options`.

    Raises:
        InvalidInputError: An argument cannot be used.

    Example:
        ```python
        with Motorhead.from_url("redis://localhost:6379", llm="openai:gpt-4o-mini") as motorhead:
            session = motorhead.session("session-1", user_id="bob")
            session.append([HumanMessage("hi, I'm Bob"), AIMessage("Hello Bob!")])
            memory = session.load()
        ```
    """

    def history(
        self, session_id: str, user_id: str | None = None, *, summary_role: SummaryRole = "human"
    ) -> MotorheadChatMessageHistory:
        """Return a session as a chat message history of LangChain.

        Args:
            session_id: Any string that is not empty.
            user_id: Id of the user whose session it is.
            summary_role: Role of the message with the summary. See `MotorheadChatMessageHistory`.

        Example:
            ```python
            chain = RunnableWithMessageHistory(model, motorhead.history)
            ```
        """
        from langchain_motorhead.integrations.chat_history import MotorheadChatMessageHistory

        return MotorheadChatMessageHistory(session_id, user_id=user_id, motorhead=self, summary_role=summary_role)

    def memory(self, session_id: str, *, user_id: str | None = None, **fields: Any) -> MotorheadMemory:
        """Return a session as the memory of an `LLMChain`.

        Args:
            session_id: Any string that is not empty.
            user_id: Id of the user whose session it is.
            **fields: Such as `memory_key`. See `MotorheadMemory`.

        Raises:
            InvalidInputError: There is no such field, or its value cannot be used.
            MissingExtraError: The extra `classic` is not installed.
        """
        from langchain_motorhead import MotorheadMemory

        return MotorheadMemory(session_id=session_id, user_id=user_id, motorhead=self, **fields)

    def retriever(self, session_id: str | None = None, user_id: str | None = None, **fields: Any) -> MotorheadRetriever:
        """Return a retriever that searches messages: of a session, of a user's sessions, or of the whole namespace.

        Args:
            session_id: Search this session only.
            user_id: Search the sessions of this user only.
            **fields: Such as `k`, the number of messages to find. See `MotorheadRetriever`.

        Raises:
            RecallNotConfiguredError: There is no embedding model.
            InvalidInputError: There is no such field, or its value cannot be used.

        Example:
            ```python
            motorhead.retriever(user_id="bob", k=5).invoke("Where does he want to move?")
            ```
        """
        from langchain_motorhead.integrations.retriever import MotorheadRetriever

        self._backend.check_search()
        return MotorheadRetriever(motorhead=self, session_id=session_id, user_id=user_id, **fields)

    def recall_tool(
        self,
        session_id: str | None = None,
        user_id: str | None = None,
        *,
        name: str = "search_memory",
        description: str = "Search earlier conversations for what the user may have said before.",
        **fields: Any,
    ) -> BaseTool:
        """Return a tool with which an agent can search messages.

        Args:
            session_id: Search this session only.
            user_id: Search the sessions of this user only.
            name: Name of the tool.
            description: The description of the tool that the model reads.
            **fields: Such as `k`, the number of messages to find. See `MotorheadRetriever`.

        Raises:
            RecallNotConfiguredError: There is no embedding model.
            InvalidInputError: There is no such field, or its value cannot be used.
        """
        from langchain_motorhead.integrations.retriever import recall_tool

        return recall_tool(self.retriever(session_id, user_id, **fields), name, description)

    def tools(
        self,
        names: Sequence[str] | None = None,
        *,
        user_id: str | None = None,
        session_id: str | None = None,
        read_only: bool = False,
    ) -> list[BaseTool]:
        """Return tools with which an agent reads and changes memory.

        They are `search_memory`, `read_conversation`, `list_sessions`, and with the option `facts` also `user_profile`,
        `remember`, `correct_fact` and `forget_fact`. A model cannot choose whose memory it is: no argument of a tool
        names a user or a namespace. An answer has 8,000 characters at most, and quotes what is stored as data.

        Args:
            names: Names of the tools. None for all that need nothing that is not configured. `read_result`, with which
                an agent reads a result that a prompt shows in part, must be named.
            user_id: The user whose conversations and facts the tools can reach. Without it and `session_id`, the tools
                take both from the run of the agent, as `MotorheadMiddleware` does.
            session_id: The conversation that `read_conversation` reads if the model names none. Without a user, the
                only one that the tools can reach.
            read_only: Whether to leave out the tools that change facts.

        Raises:
            InvalidInputError: An id cannot be used, there is no such tool, or it needs facts that are not configured.
            RecallNotConfiguredError: `search_memory` was named, and there is no embedding model.
            MissingExtraError: No id is given, and the extra `langgraph` is not installed.

        Example:
            ```python
            agent = create_agent("openai:gpt-4o-mini", motorhead.tools(user_id="bob"))
            ```
        """
        from langchain_motorhead.integrations.tools import memory_tools

        chosen = True if names is None else names
        return memory_tools(self, chosen, user_id=user_id, session_id=session_id, read_only=read_only)

    def store(
        self, *, index: Mapping[str, Any] | Literal[False] | None = None, ttl: TTLConfig | None = None
    ) -> MotorheadStore:
        """Return a LangGraph store on the same Redis, in the same namespace.

        Args:
            index: How items are found by a query. See `MotorheadStore`.
            ttl: How long items are kept. See `MotorheadStore`.

        Raises:
            InvalidInputError: An argument cannot be used.
            MissingExtraError: The extra `langgraph` is not installed.
            UnsupportedError: This `Motorhead` works with a server, which has no store.
        """
        from langchain_motorhead import MotorheadStore

        return MotorheadStore(self, index=index, ttl=ttl)
