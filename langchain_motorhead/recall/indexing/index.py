"""The recall index of a namespace: described and created once, and refused if it was made with other settings."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from functools import partial

from langchain_motorhead.exceptions import EmbeddingMismatchError, SearchUnavailableError
from langchain_motorhead.flows.protocol import Embed, Flow, Vectors
from langchain_motorhead.messages.tokens import TokenCounter
from langchain_motorhead.recall.config import Recall
from langchain_motorhead.recall.indexing import descriptions
from langchain_motorhead.recall.indexing.descriptions import Description
from langchain_motorhead.recall.indexing.schema import index_name, index_schema
from langchain_motorhead.recall.indexing.slices import AT_ONCE
from langchain_motorhead.search_index.lifecycle import command, create, creation, fill, ignoring_error
from langchain_motorhead.storage.keys import recall_key

logger = logging.getLogger(__name__)

PROBE = "Is anybody there?"
"""Embedded to learn the dimensions of the model's vectors, and whether the model works."""

MANY_FLAT_DOCUMENTS = 100_000
"""With more, a search of a whole namespace by a flat index takes tens of milliseconds: see the guide to recall."""


@dataclass(slots=True)
class Indexer:
    """What indexing needs besides the session.

    Attributes:
        namespace: Namespace of the index.
        recall: How to index.
        model: Name of the embedding model.
        count: Returns the number of tokens of messages.
        ready: Whether the index is known to exist.
        unsearchable: Whether Redis is known to lack the search module. Documents are then stored for later.
    """

    namespace: str
    recall: Recall
    model: str
    count: TokenCounter
    ready: bool = False
    unsearchable: bool = False

    @property
    def at_once(self) -> int:
        """How many documents one script stores."""
        return AT_ONCE[self.recall.algorithm]

    def describe(self, dimensions: int, generation: int = 1) -> Description:
        """Return the description of the index that these settings make."""
        settings = f"{self.recall.algorithm} {self.recall.metric} {self.recall.datatype} {self.recall.language}"
        return Description(self.model, dimensions, settings, generation)

    def check(self, there: Description, dimensions: int | None) -> None:
        """Refuse an index that was made with other settings.

        Args:
            there: Description of the existing index.
            dimensions: Dimensions of the model's vectors, or None if they are not known yet.

        Raises:
            EmbeddingMismatchError: It was made with another model or other settings.
        """
        ours = self.describe(there.dimensions if dimensions is None else dimensions, there.generation)
        if ours != there:
            raise EmbeddingMismatchError(
                f"the index of namespace {self.namespace!r} was made with {_text(there)}; this is {_text(ours)}. Call "
                "Motorhead.reindex() to rebuild it with these, or use the model and the Recall that it was made with. "
                "If it is the same model under another name, give that name as Recall(model=...)"
            )


def set_up(indexer: Indexer, dimensions: int | None = None) -> Flow[Description]:
    """Create the index, unless it exists, and return its description.

    Args:
        indexer: Settings of the index.
        dimensions: Dimensions of the vectors, or None to ask the model.

    Raises:
        EmbeddingMismatchError: The existing index was made with another model or other settings.
        SearchUnavailableError: Redis has no search module.
        EmbeddingError: The model failed.
    """
    if dimensions is None:
        vectors: Vectors = yield Embed((PROBE,))
        dimensions = len(vectors[0])
    there: Description
    new, scan, there = yield descriptions.establish(indexer.namespace, indexer.describe(dimensions))
    indexer.check(there, dimensions)
    yield from make_index(indexer, there, scan=scan)
    # If only the description was deleted, the alias of its index still exists.
    point = "FT.ALIASUPDATE" if new else "FT.ALIASADD"
    name = index_name(indexer.namespace, there.generation)
    yield from ignoring_error("already exists", command(point, recall_key(indexer.namespace), name))
    indexer.ready, indexer.unsearchable = True, False
    return there


def prepared(indexer: Indexer, dimensions: int | None) -> Flow[Description]:
    """Create the index, unless it exists. Without a search module, documents are stored for later.

    Args:
        indexer: Settings of the index.
        dimensions: Dimensions of the vectors, or None to ask the model.

    Returns:
        The description of the index.

    Raises:
        EmbeddingMismatchError: The existing index was made with another model or other settings.
        EmbeddingError: The model failed.
    """
    try:
        return (yield from set_up(indexer, dimensions))
    except SearchUnavailableError as error:
        note_unsearchable(indexer, error)
        there: Description | None = yield descriptions.describe(indexer.namespace)
        if there is None:
            raise
        return there


def note_unsearchable(indexer: Indexer, error: SearchUnavailableError) -> None:
    """Take note that Redis lacks the search module, and log it once."""
    if not indexer.unsearchable:
        logger.warning("messages are indexed, but cannot be searched yet, only the newest ones by words: %s", error)
    indexer.unsearchable = True


def index_advice(there: Description, documents: int) -> str:
    """Return advice if the index is slow with this number of documents, or an empty string."""
    if documents < MANY_FLAT_DOCUMENTS or not there.settings.startswith("flat "):
        return ""
    return (
        'a search of the whole namespace compares all of them. Recall(algorithm="hnsw") and then Motorhead.reindex() '
        "make it faster, and find a little less"
    )


def make_index(indexer: Indexer, there: Description, *, scan: bool) -> Flow[None]:
    """Create the index of a description, unless it exists, and wait until it contains all stored documents."""
    name = index_name(indexer.namespace, there.generation)
    schema = index_schema(indexer.namespace, indexer.recall, there.dimensions, there.generation)
    how = partial(creation, schema, there.generation)
    yield from create(name, how, scan=scan)
    yield from fill(name, how, there.dimensions)


def _text(there: Description) -> str:
    return f"{there.model} ({there.dimensions} dimensions; {there.settings})"
