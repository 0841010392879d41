"""Chat memory for LangChain and LangGraph on Redis: a bounded window, a running summary, and nothing lost between them.

Begin with `Motorhead`. Each public name is imported from its module when it is first used, so that `import
langchain_motorhead` takes no time.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from langchain_motorhead.client import Motorhead
    from langchain_motorhead.exceptions import (
        ClosedError,
        EmbeddedRedisError,
        EmbeddingError,
        EmbeddingMismatchError,
        IdConflictError,
        IndexMissingError,
        InvalidInputError,
        InvalidMessageError,
        LearningError,
        MissingExtraError,
        MotorheadError,
        RecallNotConfiguredError,
        SearchUnavailableError,
        SessionReplacedError,
        StoreError,
        StoreFullError,
        StoreUnavailableError,
        SummarizationError,
        UnknownFactError,
        UnknownMessageError,
        UnsupportedError,
        UnusableAnswerError,
        UnusableOperationsError,
        WrongKeyTypeError,
    )
    from langchain_motorhead.facts.config import Facts
    from langchain_motorhead.facts.learning.extractive import ExtractiveLearner
    from langchain_motorhead.facts.learning.llm import Learner, create_learner
    from langchain_motorhead.facts.learning.proposals import LearnerInput, LearnerOperation
    from langchain_motorhead.facts.learning.report import LearningReport, LearningState
    from langchain_motorhead.facts.model import Fact, Source
    from langchain_motorhead.flows.protocol import SummaryInput
    from langchain_motorhead.handles.session import Session
    from langchain_motorhead.handles.user import User
    from langchain_motorhead.integrations.chat_history import MotorheadChatMessageHistory
    from langchain_motorhead.integrations.forgetting import aforget_messages, forget_messages
    from langchain_motorhead.integrations.memory import MotorheadMemory
    from langchain_motorhead.integrations.middleware import MotorheadMiddleware
    from langchain_motorhead.integrations.nodes import MemoryState, load_memory, pre_model_hook, save_memory
    from langchain_motorhead.integrations.retriever import MotorheadRetriever
    from langchain_motorhead.integrations.store import MotorheadStore
    from langchain_motorhead.messages.tokens import TiktokenCounter, TokenCounter
    from langchain_motorhead.models.hashing_embeddings import HashingEmbeddings
    from langchain_motorhead.options import Options, RemoteOptions
    from langchain_motorhead.prompts.explanation import Explanation
    from langchain_motorhead.recall.config import Recall
    from langchain_motorhead.sessions.archive.config import Archive
    from langchain_motorhead.sessions.archive.transcript import Gap, GapReason, Transcript, TranscriptMessage
    from langchain_motorhead.sessions.changes.forgetting import Receipt
    from langchain_motorhead.sessions.checks.keeping import Kept
    from langchain_motorhead.sessions.checks.summary import check_summary
    from langchain_motorhead.sessions.compaction.report import CompactionReport
    from langchain_motorhead.sessions.compaction.window import Window
    from langchain_motorhead.sessions.gap import MemoryGap
    from langchain_motorhead.sessions.load import Memory
    from langchain_motorhead.sessions.summaries.origin import Author
    from langchain_motorhead.sessions.summaries.rebuilding import RebuildReport
    from langchain_motorhead.sessions.summaries.versions import SummaryVersion
    from langchain_motorhead.summarizers.creating import create_summarizer
    from langchain_motorhead.summarizers.extractive import ExtractiveSummarizer
    from langchain_motorhead.summarizers.llm import Summarizer

_HOMES = {
    "client": ("Motorhead",),
    "sessions.checks.summary": ("check_summary",),
    "sessions.compaction.report": ("CompactionReport",),
    "sessions.changes.forgetting": ("Receipt",),
    "sessions.checks.keeping": ("Kept",),
    "exceptions": (
        "ClosedError",
        "EmbeddedRedisError",
        "EmbeddingError",
        "EmbeddingMismatchError",
        "IdConflictError",
        "IndexMissingError",
        "InvalidInputError",
        "InvalidMessageError",
        "UnusableOperationsError",
        "UnknownFactError",
        "LearningError",
        "MissingExtraError",
        "MotorheadError",
        "RecallNotConfiguredError",
        "SearchUnavailableError",
        "SessionReplacedError",
        "StoreError",
        "StoreFullError",
        "StoreUnavailableError",
        "SummarizationError",
        "UnknownMessageError",
        "UnsupportedError",
        "UnusableAnswerError",
        "WrongKeyTypeError",
    ),
    "facts.config": ("Facts",),
    "facts.model": (
        "Fact",
        "Source",
    ),
    "facts.learning.llm": (
        "Learner",
        "create_learner",
    ),
    "facts.learning.extractive": ("ExtractiveLearner",),
    "facts.learning.proposals": (
        "LearnerInput",
        "LearnerOperation",
    ),
    "facts.learning.report": ("LearningReport", "LearningState"),
    "handles.user": ("User",),
    "summarizers.extractive": ("ExtractiveSummarizer",),
    "models.hashing_embeddings": ("HashingEmbeddings",),
    "flows.protocol": ("SummaryInput",),
    "integrations.nodes": ("MemoryState", "load_memory", "pre_model_hook", "save_memory"),
    "integrations.store": ("MotorheadStore",),
    "integrations.chat_history": ("MotorheadChatMessageHistory",),
    "sessions.load": ("Memory",),
    "integrations.forgetting": ("aforget_messages", "forget_messages"),
    "integrations.memory": ("MotorheadMemory",),
    "integrations.middleware": ("MotorheadMiddleware",),
    "options": ("Options", "RemoteOptions"),
    "prompts.explanation": ("Explanation",),
    "recall.config": ("Recall",),
    "integrations.retriever": ("MotorheadRetriever",),
    "handles.session": ("Session",),
    "summarizers.creating": ("create_summarizer",),
    "summarizers.llm": ("Summarizer",),
    "messages.tokens": ("TiktokenCounter", "TokenCounter"),
    "sessions.archive.config": ("Archive",),
    "sessions.summaries.rebuilding": ("RebuildReport",),
    "sessions.gap": ("MemoryGap",),
    "sessions.summaries.origin": ("Author",),
    "sessions.summaries.versions": ("SummaryVersion",),
    "sessions.archive.transcript": ("Gap", "GapReason", "Transcript", "TranscriptMessage"),
    "sessions.compaction.window": ("Window",),
}
_MODULES = {name: module for module, names in _HOMES.items() for name in names}
# Extras that modules need. The error for a missing one names it.
_EXTRAS = {
    "integrations.memory": "classic",
    "integrations.middleware": "langgraph",
    "integrations.nodes": "langgraph",
    "integrations.store": "langgraph",
}

__all__ = [
    "Archive",
    "Author",
    "ClosedError",
    "CompactionReport",
    "EmbeddedRedisError",
    "EmbeddingError",
    "EmbeddingMismatchError",
    "Explanation",
    "ExtractiveLearner",
    "ExtractiveSummarizer",
    "Fact",
    "Facts",
    "Gap",
    "GapReason",
    "HashingEmbeddings",
    "IdConflictError",
    "IndexMissingError",
    "InvalidInputError",
    "InvalidMessageError",
    "Kept",
    "Learner",
    "LearnerInput",
    "LearnerOperation",
    "LearningError",
    "LearningReport",
    "LearningState",
    "Memory",
    "MemoryGap",
    "MemoryState",
    "MissingExtraError",
    "Motorhead",
    "MotorheadChatMessageHistory",
    "MotorheadError",
    "MotorheadMemory",
    "MotorheadMiddleware",
    "MotorheadRetriever",
    "MotorheadStore",
    "Options",
    "RebuildReport",
    "Recall",
    "RecallNotConfiguredError",
    "Receipt",
    "RemoteOptions",
    "SearchUnavailableError",
    "Session",
    "SessionReplacedError",
    "Source",
    "StoreError",
    "StoreFullError",
    "StoreUnavailableError",
    "SummarizationError",
    "Summarizer",
    "SummaryInput",
    "SummaryVersion",
    "TiktokenCounter",
    "TokenCounter",
    "Transcript",
    "TranscriptMessage",
    "UnknownFactError",
    "UnknownMessageError",
    "UnsupportedError",
    "UnusableAnswerError",
    "UnusableOperationsError",
    "User",
    "Window",
    "WrongKeyTypeError",
    "aforget_messages",
    "check_summary",
    "create_learner",
    "create_summarizer",
    "forget_messages",
    "load_memory",
    "pre_model_hook",
    "save_memory",
]


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        module = import_module(f"{__name__}.{_MODULES[name]}")
    except ModuleNotFoundError as error:
        extra = _EXTRAS.get(_MODULES[name])
        if extra is None:
            raise
        from langchain_motorhead.exceptions import MissingExtraError

        raise MissingExtraError(
            f'{name} needs an extra: pip install "langchain-motorhead[{extra}]" ({error})'
        ) from error
    value = getattr(module, name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
