"""The index of a namespace: described once, made once, refused where it was made otherwise."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from langchain_motorhead.exceptions import EmbeddingMismatchError
from langchain_motorhead.flows.protocol import Embed, Flow, Vectors
from langchain_motorhead.messages.tokens import TokenCounter
from langchain_motorhead.recall import index_operations as operations
from langchain_motorhead.recall.config import Recall
from langchain_motorhead.recall.index_operations import Description
from langchain_motorhead.recall.schema import index_name, index_schema
from langchain_motorhead.search_index.lifecycle import command, create, creation, fill, ignoring_error
from langchain_motorhead.storage.keys import recall_key

PROBE = "Is anybody there?"
"""Embedded to see how long vectors are, and whether the model is there at all."""


@dataclass(slots=True)
class Indexer:
    """What indexing needs to know beside the session.

    Attributes:
        namespace: Whose index.
        recall: How to index.
        model: Name of the embedding model.
        count: Counts tokens.
        ready: Whether the index is known to be there.
        unsearchable: Whether Redis is known to have no search module: documents are kept for when it has.
    """

    namespace: str
    recall: Recall
    model: str
    count: TokenCounter
    ready: bool = False
    unsearchable: bool = False

    def describe(self, dimensions: int, generation: int = 1) -> Description:
        """Describe the index that this would make."""
        settings = f"{self.recall.algorithm} {self.recall.metric} {self.recall.datatype} {self.recall.language}"
        return Description(self.model, dimensions, settings, generation)

    def check(self, there: Description, dimensions: int | None) -> None:
        """Refuse an index that was made otherwise.

        Raises:
            EmbeddingMismatchError: It was made with another model, or other settings.
        """
        ours = self.describe(there.dimensions if dimensions is None else dimensions, there.generation)
        if ours != there:
            raise EmbeddingMismatchError(
                f"the index of namespace {self.namespace!r} was made with {_told(there)}; this is {_told(ours)}. Call "
                "Motorhead.reindex() to make it anew with this, or give the model and the Recall it was made with. "
                "Recall(model=...) names the same model in another class"
            )


def set_up(indexer: Indexer, dimensions: int | None = None) -> Flow[Description]:
    """Make the index, unless it is there.

    Args:
        indexer: What to make.
        dimensions: Of the vectors; None to ask the model.

    Raises:
        EmbeddingMismatchError: There is one of another model, or of other settings.
        SearchUnavailableError: Redis has no search module.
        EmbeddingError: The model does not say how long its vectors are.
    """
    if dimensions is None:
        vectors: Vectors = yield Embed((PROBE,))
        dimensions = len(vectors[0])
    there: Description
    new, there = yield operations.establish(indexer.namespace, indexer.describe(dimensions))
    indexer.check(there, dimensions)
    yield from make_index(indexer, there, scan=not new)
    # A description that was deleted leaves the alias of its index.
    point = "FT.ALIASUPDATE" if new else "FT.ALIASADD"
    name = index_name(indexer.namespace, there.generation)
    yield from ignoring_error("already exists", command(point, recall_key(indexer.namespace), name))
    indexer.ready, indexer.unsearchable = True, False
    return there


def make_index(indexer: Indexer, there: Description, *, scan: bool) -> Flow[None]:
    """Make the index of a description, unless it is there, and wait until all documents that there were are in it."""
    name = index_name(indexer.namespace, there.generation)
    schema = index_schema(indexer.namespace, indexer.recall, there.dimensions, there.generation)
    how = partial(creation, schema, there.generation)
    yield from create(name, how, scan=scan)
    yield from fill(name, how, there.dimensions)


def _told(there: Description) -> str:
    return f"{there.model} ({there.dimensions} dimensions; {there.settings})"
