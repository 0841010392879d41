"""What an import can be told: where from, and what to do with what is there. Imports nothing, so that help is quick."""

from __future__ import annotations

from enum import StrEnum


class Existing(StrEnum):
    """What to do with a session that is there already, and did not come of the same import."""

    REFUSE = "refuse"
    """Leave it as it is, and say that it is not imported."""
    SKIP = "skip"
    """Leave it as it is."""
    REPLACE = "replace"
    """Delete it with its documents, and put the imported one in its place."""


class Source(StrEnum):
    """What wrote the sessions that are read from a Redis."""

    MOTORHEAD = "motorhead"
    LANGCHAIN_REDIS = "langchain-redis"
    LANGCHAIN_COMMUNITY = "langchain-community"
