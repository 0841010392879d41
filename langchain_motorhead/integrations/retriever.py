"""What was said, as LangChain documents: a retriever, and a tool over it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, time
from typing import TYPE_CHECKING, Any, Literal

from langchain_core.callbacks import AsyncCallbackManagerForRetrieverRun, CallbackManagerForRetrieverRun
from langchain_core.documents import Document
from langchain_core.retrievers import BaseRetriever
from pydantic import ConfigDict, Field, PrivateAttr, ValidationError

from langchain_motorhead.exceptions import InvalidInputError
from langchain_motorhead.handle import motorhead_of
from langchain_motorhead.recall.query import Hit, Query
from langchain_motorhead.recall.rendering import _speaker, as_lines
from langchain_motorhead.storage.keys import session_keys

if TYPE_CHECKING:
    from langchain_core.tools import BaseTool

    from langchain_motorhead.client import Motorhead

_OPTIONS = frozenset({"embeddings", "recall", "namespace", "api_key", "client_id"})
_MOST, _MOST_NEIGHBORS = 10_000, 20


class MotorheadRetriever(BaseRetriever):
    """What was said, found again: in one session, in all of a user's, or in the whole namespace. Two round trips.

    A document's `page_content` is what a message says. Its `id` and `metadata["message_id"]` are the message's id; the
    metadata has `session_id`, `user_id`, `namespace`, `role`, `name`, `seq` (sequence number in the session), `created`
    (when it was appended, ISO 8601, UTC) and `score` as well.

    Attributes:
        motorhead: The configuration to work with; or give `url` or `client`, with `embeddings`.
        url: Of Redis or of a server, as `Motorhead.from_url` takes it.
        client: A client of redis-py.
        embeddings: With `url` or `client`: see `Options`.
        recall: With `url` or `client`: see `Options`.
        namespace: With `url` or `client`: see `Options`.
        api_key: With the `url` of a server: see `RemoteOptions`.
        client_id: With the `url` of a server: see `RemoteOptions`.
        session_id: Search this session alone.
        user_id: Search this user's sessions alone. Without either, the whole namespace is searched.
        k: Documents to return at most.
        search_type: `"hybrid"` goes by meaning and by words, and finds the most; `"similarity"` by meaning alone;
            `"mmr"` too, preferring what does not repeat the rest.
        score_threshold: Leave out what scores lower. The score of `"similarity"` and `"mmr"` is the similarity by the
            index's metric, with `"cosine"` 1 at most; that of `"hybrid"`, from 0 to 1, is relative to the best of the
            search.
        roles: Only messages of these roles: LangChain's types, such as `"human"`, or a `ChatMessage`'s role.
        after: Only messages appended at this time or later. A date is its start; a time without a zone is UTC.
        before: Only messages appended before this time.
        filter: Any filter of redisvl, on `role`, `name`, `created` (seconds since 1970), `seq`, `terms` (stemmed
            words), and `session`, `user` and `namespace` (percent-encoded).
        neighbors: Return each message with so many before and after it, as one document; `metadata["message_ids"]`
            has the ids, that of the message that was found first. Of a long neighbor it has the first piece.
        exclude_window: Leave out what is still in the list of its session, whichever that is: a session's own prompt
            has it anyway.
        fetch_k: For `"mmr"`: of how many to choose.
        lambda_mult: For `"mmr"`: from 0, as diverse as can be, to 1, as similar.

    Example:
        ```python
        retriever = motorhead.retriever(user_id="bob", k=5)
        retriever.invoke("Where does he want to move?")
        ```
    """

    model_config = ConfigDict(arbitrary_types_allowed=True, extra="forbid")

    motorhead: Any = Field(default=None, repr=False)
    url: str | None = Field(default=None, repr=False)  # it may hold a password
    client: Any = Field(default=None, repr=False)
    embeddings: Any = Field(default=None, repr=False)
    recall: Any = None
    namespace: str | None = None
    api_key: str | None = Field(default=None, repr=False)
    client_id: str | None = None
    session_id: str | None = None
    user_id: str | None = None
    k: int = Field(default=4, ge=1, le=_MOST)
    search_type: Literal["hybrid", "similarity", "mmr"] = "hybrid"
    score_threshold: float | None = None
    roles: Sequence[str] | None = None
    after: datetime | date | None = None
    before: datetime | date | None = None
    filter: Any = None
    neighbors: int = Field(default=0, ge=0, le=_MOST_NEIGHBORS)
    exclude_window: bool = False
    fetch_k: int = Field(default=20, ge=1, le=_MOST)
    lambda_mult: float = Field(default=0.5, ge=0, le=1)

    _motorhead: Motorhead = PrivateAttr()
    _unseen: tuple[str, int] | None = PrivateAttr(default=None)

    def __init__(self, **fields: Any) -> None:
        try:
            super().__init__(**fields)
        except ValidationError as error:
            problems = "; ".join(f"{'.'.join(map(str, found['loc']))}: {found['msg']}" for found in error.errors())
            raise InvalidInputError(f"MotorheadRetriever cannot be made: {problems}") from error
        # LangChain may make it anew with every field, those that were not given as well.
        options: Any = {name: value for name in _OPTIONS if (value := getattr(self, name)) is not None}
        self._motorhead = motorhead_of(self.motorhead, self.url, self.client, **options)
        self.query("")  # checks the rest

    def without(self, unseen: tuple[str, int] | None) -> MotorheadRetriever:
        """Leave out what a prompt has anyway: messages of a session from a sequence number on.

        Args:
            unseen: The session's id, and the number. None to leave out nothing.

        Returns:
            This retriever itself.
        """
        self._unseen = unseen
        return self

    def _get_relevant_documents(
        self, query: str, *, run_manager: CallbackManagerForRetrieverRun, **changes: Any
    ) -> list[Document]:
        hits = self._motorhead._search(self.query(query, **changes))
        return [self._document(hit) for hit in hits]

    async def _aget_relevant_documents(
        self, query: str, *, run_manager: AsyncCallbackManagerForRetrieverRun, **changes: Any
    ) -> list[Document]:
        hits = await self._motorhead._asearch(self.query(query, **changes))
        return [self._document(hit) for hit in hits]

    def query(self, text: str, **changes: Any) -> Query:
        """Give what is asked for, as data. See `Motorhead.retriever` for what it raises."""
        if not isinstance(text, str):
            raise InvalidInputError(f"a query is a string, not {type(text).__name__}")
        if changes:
            fixed = {name: getattr(self, name) for name in self.model_fields_set - _OPTIONS - {"url", "client"}}
            changed = MotorheadRetriever(**{**fixed, **changes, "motorhead": self._motorhead})
            return changed.without(self._unseen).query(text)
        session_keys(self._motorhead.namespace, "any" if self.session_id is None else self.session_id, self.user_id)
        if self.roles is not None and (isinstance(self.roles, str) or not self.roles or not all(self.roles)):
            raise InvalidInputError('roles must be a list of roles, such as ["human"]')
        if self.filter is not None:
            _check_filter(self.filter)
        return Query(
            text=text,
            k=self.k,
            session_id=self.session_id,
            user_id=self.user_id,
            search_type=self.search_type,
            score_threshold=self.score_threshold,
            roles=None if self.roles is None else tuple(self.roles),
            after=None if self.after is None else _seconds(self.after),
            before=None if self.before is None else _seconds(self.before),
            unseen=self._unseen,
            filter=self.filter,
            neighbors=self.neighbors,
            exclude_window=self.exclude_window,
            fetch_k=self.fetch_k,
            lambda_mult=self.lambda_mult,
        )

    def _document(self, hit: Hit) -> Document:
        metadata: dict[str, Any] = {
            "message_id": hit.message_id,
            "session_id": hit.session_id,
            "user_id": hit.user_id,
            "namespace": self._motorhead.namespace,
            "role": hit.role,
            "name": hit.name,
            "seq": hit.seq,
            "created": hit.created and hit.created.isoformat(),
            "score": hit.score,
        }
        around = [*hit.before, *hit.after]
        if not self.neighbors:
            return Document(page_content=hit.text, metadata=metadata, id=hit.message_id)
        metadata["message_ids"] = [each.message_id for each in (hit, *around)]
        lines = [f"{_speaker(each)}: {each.text}" for each in (*hit.before, hit, *hit.after)]
        return Document(page_content="\n".join(lines), metadata=metadata, id=hit.message_id)


def _check_filter(given: Any) -> None:
    from redisvl.query.filter import FilterExpression

    if not isinstance(given, FilterExpression):
        raise InvalidInputError(
            f"filter must be a filter of redisvl, such as Num('seq') > 10, not {type(given).__name__}"
        )


def recall_tool(retriever: MotorheadRetriever, name: str, description: str) -> BaseTool:
    """Make a tool by which an agent searches what was said.

    Args:
        retriever: What it searches with.
        name: Name of the tool.
        description: What the model is told of it.

    Returns:
        The tool. It answers with a line for each message, and has the documents as its artifact.
    """
    from langchain_core.tools import StructuredTool

    def found(documents: list[Document]) -> tuple[str, list[Document]]:
        return as_lines(documents) or "Nothing was found.", documents

    def search(query: str) -> tuple[str, list[Document]]:
        return found(retriever.invoke(query))

    async def asearch(query: str) -> tuple[str, list[Document]]:
        return found(await retriever.ainvoke(query))

    return StructuredTool.from_function(
        search, asearch, name=name, description=description, response_format="content_and_artifact"
    )


def _seconds(moment: datetime | date) -> float:
    if not isinstance(moment, datetime):
        moment = datetime.combine(moment, time())
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
