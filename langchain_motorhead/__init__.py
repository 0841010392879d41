"""Chat memory for LangChain and LangGraph on Redis: a bounded window, a running summary, and nothing lost between them.

Names are loaded when they are first used, so that importing the package costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from langchain_motorhead.client import Motorhead
    from langchain_motorhead.compaction import CompactionReport
    from langchain_motorhead.exceptions import (
        ClosedError,
        EmbeddedRedisError,
        EmbeddingError,
        EmbeddingMismatchError,
        IndexMissingError,
        InvalidInputError,
        InvalidMessageError,
        MotorheadError,
        RecallNotConfiguredError,
        SearchUnavailableError,
        StoreError,
        StoreUnavailableError,
        SummarizationError,
        UnsupportedError,
        WrongKeyTypeError,
    )
    from langchain_motorhead.extractive import ExtractiveSummarizer
    from langchain_motorhead.flows import SummaryInput
    from langchain_motorhead.graph import MemoryState, load_memory, pre_model_hook, save_memory
    from langchain_motorhead.graph_store import MotorheadStore
    from langchain_motorhead.hashing import HashingEmbeddings
    from langchain_motorhead.history import MotorheadChatMessageHistory
    from langchain_motorhead.loading import Memory
    from langchain_motorhead.memory import MotorheadMemory
    from langchain_motorhead.middleware import MotorheadMiddleware
    from langchain_motorhead.options import Options, RemoteOptions
    from langchain_motorhead.recall import Recall
    from langchain_motorhead.retriever import MotorheadRetriever
    from langchain_motorhead.session import Session
    from langchain_motorhead.summarization import Summarizer, create_summarizer
    from langchain_motorhead.tokens import TiktokenCounter, TokenCounter
    from langchain_motorhead.window import Window

_HOMES = {
    "client": ("Motorhead",),
    "compaction": ("CompactionReport",),
    "exceptions": (
        "ClosedError",
        "EmbeddedRedisError",
        "EmbeddingError",
        "EmbeddingMismatchError",
        "IndexMissingError",
        "InvalidInputError",
        "InvalidMessageError",
        "MotorheadError",
        "RecallNotConfiguredError",
        "SearchUnavailableError",
        "StoreError",
        "StoreUnavailableError",
        "SummarizationError",
        "UnsupportedError",
        "WrongKeyTypeError",
    ),
    "extractive": ("ExtractiveSummarizer",),
    "hashing": ("HashingEmbeddings",),
    "flows": ("SummaryInput",),
    "graph": ("MemoryState", "load_memory", "pre_model_hook", "save_memory"),
    "graph_store": ("MotorheadStore",),
    "history": ("MotorheadChatMessageHistory",),
    "loading": ("Memory",),
    "memory": ("MotorheadMemory",),
    "middleware": ("MotorheadMiddleware",),
    "options": ("Options", "RemoteOptions"),
    "recall": ("Recall",),
    "retriever": ("MotorheadRetriever",),
    "session": ("Session",),
    "summarization": ("Summarizer", "create_summarizer"),
    "tokens": ("TiktokenCounter", "TokenCounter"),
    "window": ("Window",),
}
_MODULES = {name: module for module, names in _HOMES.items() for name in names}
_OF_LANGGRAPH = ("graph", "graph_store", "middleware")

__all__ = [
    "ClosedError",
    "CompactionReport",
    "EmbeddedRedisError",
    "EmbeddingError",
    "EmbeddingMismatchError",
    "ExtractiveSummarizer",
    "HashingEmbeddings",
    "IndexMissingError",
    "InvalidInputError",
    "InvalidMessageError",
    "Memory",
    "MemoryState",
    "Motorhead",
    "MotorheadChatMessageHistory",
    "MotorheadError",
    "MotorheadMemory",
    "MotorheadMiddleware",
    "MotorheadRetriever",
    "MotorheadStore",
    "Options",
    "Recall",
    "RecallNotConfiguredError",
    "RemoteOptions",
    "SearchUnavailableError",
    "Session",
    "StoreError",
    "StoreUnavailableError",
    "SummarizationError",
    "Summarizer",
    "SummaryInput",
    "TiktokenCounter",
    "TokenCounter",
    "UnsupportedError",
    "Window",
    "WrongKeyTypeError",
    "create_summarizer",
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
        if _MODULES[name] not in _OF_LANGGRAPH:
            raise
        raise ImportError(f'{name} needs an extra: pip install "langchain-motorhead[langgraph]" ({error})') from error
    value = getattr(module, name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
