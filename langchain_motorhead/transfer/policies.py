"""Import policies: where to import from, and what to do with existing sessions. Imports nothing, for a fast --help."""

from __future__ import annotations

from enum import StrEnum


class Existing(StrEnum):
    """What an import does with an existing session that it did not import itself."""

    REFUSE = "refuse"
    """Leave it unchanged, and report a problem."""
    SKIP = "skip"
    """Leave it unchanged."""
    REPLACE = "replace"
    """Delete it with its documents, and import the other."""


class Source(StrEnum):
    """The package that wrote the sessions to import."""

    MOTORHEAD = "motorhead"
    LANGCHAIN_REDIS = "langchain-redis"
    LANGCHAIN_COMMUNITY = "langchain-community"
