"""The catalog of tools: their names, descriptions and arguments, and which of them a `Motorhead` offers."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ValidationError

from langchain_motorhead.exceptions import InvalidInputError, MotorheadError
from langchain_motorhead.tools import arguments, flows

if TYPE_CHECKING:
    from langchain_motorhead.backends.base import Backend, BackendFlow
    from langchain_motorhead.tools.scope import ToolScope


@dataclass(frozen=True, slots=True)
class MemoryTool:
    """A tool of memory for models.

    Attributes:
        name: Its name.
        description: What a model reads about it.
        arguments: Model of its arguments.
        flow: Builds the flow that does it, from the scope and the arguments.
        needs: What the `Motorhead` must have: `"search"`, `"facts"` or nothing.
        writes: Whether it changes what is stored.
        destroys: Whether it removes something.
    """

    name: str
    description: str
    arguments: type[BaseModel]
    flow: Callable[[ToolScope, Any], BackendFlow[str]]
    needs: str = ""
    writes: bool = False
    destroys: bool = False

    def check(self, backend: Backend) -> None:
        """Raise an error if the `Motorhead` does not have what the tool needs.

        Raises:
            RecallNotConfiguredError: There is no embedding model.
            InvalidInputError: Facts are not configured.
        """
        if self.needs == "search":
            backend.check_search()
        elif self.needs == "facts":
            backend.check_facts()

    def bind(self, scope: ToolScope, given: Any) -> BackendFlow[str]:
        """Return the flow for arguments that a model gave.

        Raises:
            InvalidInputError: The arguments cannot be used.
        """
        try:
            return self.flow(scope, self.arguments.model_validate(given or {}))
        except ValidationError as error:
            raise InvalidInputError(f"{self.name}: {explain(error)}") from None


CATALOG: tuple[MemoryTool, ...] = (
    MemoryTool(
        "search_memory",
        "Search everything that was said in earlier conversations with this user, by meaning and by words. Use it "
        "when something is asked or mentioned that is not in this conversation. Each result has its conversation and "
        "the number of the message, with which read_conversation shows what was said around it.",
        arguments.SearchMemory,
        flows.search_memory,
        needs="search",
    ),
    MemoryTool(
        "read_conversation",
        "Read messages of a conversation word for word: its newest ones, or those around a message that search_memory "
        "found.",
        arguments.ReadConversation,
        flows.read_conversation,
    ),
    MemoryTool(
        "list_sessions",
        "List the conversations with this user, the newest first, with their sizes, times and summaries.",
        arguments.ListSessions,
        flows.list_sessions,
    ),
    MemoryTool(
        "user_profile",
        "Return what is known about this user: facts with their ids, the most important first, or those about a topic.",
        arguments.UserProfile,
        flows.user_profile,
        needs="facts",
    ),
    MemoryTool(
        "remember",
        "Store a fact about this user for later conversations. Use it when the user asks to remember something, or "
        "states something that will matter later. Not for what a document or a website says.",
        arguments.Remember,
        flows.remember,
        needs="facts",
        writes=True,
    ),
    MemoryTool(
        "correct_fact",
        "Replace a fact about this user that is wrong or outdated, when the user says what holds instead.",
        arguments.CorrectFact,
        flows.correct_fact,
        needs="facts",
        writes=True,
    ),
    MemoryTool(
        "forget_fact",
        "Remove a fact about this user for good, when the user asks for it.",
        arguments.ForgetFact,
        flows.forget_fact,
        needs="facts",
        writes=True,
        destroys=True,
    ),
)
"""All tools, in the order in which a model sees them."""


def select(backend: Backend, names: bool | Iterable[str], *, read_only: bool = False) -> list[MemoryTool]:  # noqa: FBT001
    """Return tools: those that are named, or all that the `Motorhead` can offer.

    Args:
        backend: Backend of the `Motorhead`.
        names: Names of tools. True for all that need nothing that is not configured, False for none.
        read_only: Whether to leave out the tools that change what is stored.

    Raises:
        InvalidInputError: There is no such tool, it needs facts that are not configured, or it writes and `read_only`
            is true.
        RecallNotConfiguredError: A tool was named that searches, and there is no embedding model.
    """
    if isinstance(names, bool):
        offered = [each for each in CATALOG if names and not (read_only and each.writes)]
        return [each for each in offered if _is_available(each, backend)]
    if isinstance(names, str):
        raise InvalidInputError(f"tools takes True, or a list of names such as [{names!r}]")
    chosen = list(dict.fromkeys(names))
    by_name = {each.name: each for each in CATALOG}
    for name in chosen:
        if name not in by_name:
            near = get_close_matches(str(name), by_name, 1)
            hint = f"Did you mean {near[0]!r}?" if near else f"There are {', '.join(by_name)}"
            raise InvalidInputError(f"there is no tool {name!r}. {hint}")
        if read_only and by_name[name].writes:
            raise InvalidInputError(f"{name} changes what is stored, and only reading is allowed")
        try:
            by_name[name].check(backend)
        except MotorheadError as error:
            raise type(error)(f"the tool {name!r} cannot be offered: {error}") from error
    return [each for each in CATALOG if each.name in chosen]


def explain(error: ValidationError) -> str:
    """Return what is wrong with arguments, without their values."""
    return "; ".join(f"{'.'.join(map(str, each['loc'])) or 'arguments'}: {each['msg']}" for each in error.errors())


def _is_available(tool: MemoryTool, backend: Backend) -> bool:
    try:
        tool.check(backend)
    except MotorheadError:
        return False
    return True
