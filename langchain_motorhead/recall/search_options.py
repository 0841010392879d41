"""The options of a search: checked by pydantic, and turned into a `Query`. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import UTC, date, datetime, time
from functools import cache
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

from pydantic import AfterValidator, ConfigDict, Field, TypeAdapter, ValidationError, with_config
from pydantic_core import PydanticCustomError
from typing_extensions import TypedDict  # before Python 3.12, pydantic does not accept the standard library's

from langchain_motorhead.exceptions import InvalidInputError
from langchain_motorhead.messages.text import without_surrogates
from langchain_motorhead.recall.query import Query
from langchain_motorhead.storage.keys import session_keys

if TYPE_CHECKING:
    from typing_extensions import Unpack

DEFAULT_RESULTS_COUNT = 4
MAX_RESULTS_COUNT = 10_000
MAX_NEIGHBORS_COUNT = 20
# A question may name a time up to 1,000 years before it, and datetime ends with the year 9999.
_FIRST_YEAR, _LAST_YEAR = 1970, 9000


def _check_search_type(value: str) -> str:
    if value not in ("hybrid", "similarity", "mmr"):
        raise PydanticCustomError("search_type", 'must be "hybrid", "similarity" or "mmr"')
    return value


ResultCount: TypeAlias = Annotated[int, Field(ge=1, le=MAX_RESULTS_COUNT)]
NeighborCount: TypeAlias = Annotated[int, Field(ge=0, le=MAX_NEIGHBORS_COUNT)]
Fraction: TypeAlias = Annotated[float, Field(ge=0, le=1)]
SearchType: TypeAlias = Annotated[str, AfterValidator(_check_search_type)]


class SearchOptions(TypedDict, total=False):
    """Keyword arguments of a search. `MotorheadRetriever` has a field of each name, and says what it does."""

    search_type: SearchType
    score_threshold: float | None
    roles: Sequence[str] | None
    after: datetime | date | None
    before: datetime | date | None
    now: datetime | None
    filter: Any
    neighbors: NeighborCount
    exclude_window: bool
    fetch_k: ResultCount
    lambda_mult: Fraction
    facts: bool
    expand: bool


@with_config(ConfigDict(extra="forbid", arbitrary_types_allowed=True))
class _CheckedOptions(SearchOptions, total=False):
    k: ResultCount


def to_query(
    text: str,
    namespace: str,
    *,
    session_id: str | None = None,
    user_id: str | None = None,
    unseen: tuple[str, int] | None = None,
    k: int = DEFAULT_RESULTS_COUNT,
    **options: Unpack[SearchOptions],
) -> Query:
    """Build the query of a search, and check all of it.

    Args:
        text: The words to search for.
        namespace: The namespace that is searched.
        session_id: Search this session only.
        user_id: Search the sessions of this user only.
        unseen: A session's id and a sequence number: leave out messages of that session from this number on.
        k: How many messages to find at most.
        **options: See `MotorheadRetriever`. A date means its first moment; a time without a zone is in UTC.

    Raises:
        InvalidInputError: There is no such option, or a value cannot be used. A misspelled name is reported with the
            most similar one that exists.
    """
    if not isinstance(text, str):
        raise InvalidInputError(f"a query must be a string, not {type(text).__name__}")
    session_keys(namespace, "any" if session_id is None else session_id, user_id)  # raises if an id cannot be used
    try:
        given: dict[str, Any] = {**_adapter().validate_python({"k": k, **options})}
    except ValidationError as error:
        known = _CheckedOptions.__annotations__
        raise InvalidInputError.from_validation("the search", error, known) from error
    roles, after, before = given.get("roles"), given.get("after"), given.get("before")
    if roles is not None and not (roles and all(roles)):
        raise InvalidInputError('roles must be a list of roles, such as ["human"]')
    if (threshold := given.get("score_threshold")) is not None and math.isnan(threshold):
        raise InvalidInputError("score_threshold must be a number, not NaN, which no score reaches")
    if given.get("filter") is not None:
        _check_filter(given["filter"])
    if given.get("facts"):
        _check_facts(given.get("search_type", "hybrid"), session_id, user_id)
    if given.get("expand") and given.get("search_type", "hybrid") != "hybrid":
        raise InvalidInputError(f'expand=True adds words to a search_type="hybrid" only, not {given["search_type"]!r}')
    given["roles"] = None if roles is None else tuple(map(without_surrogates, roles))  # as they are stored
    given["after"] = None if after is None else _seconds(after)
    given["before"] = None if before is None else _seconds(before)
    if (now := given.get("now")) is not None:
        if not _FIRST_YEAR <= now.year <= _LAST_YEAR:
            raise InvalidInputError(f"now must be a time from {_FIRST_YEAR} to {_LAST_YEAR}, not in {now.year}")
        given["now"] = now.replace(tzinfo=UTC) if now.tzinfo is None else now
    return Query(text, session_id=session_id, user_id=user_id, unseen=unseen, **given)


@cache
def _adapter() -> TypeAdapter[_CheckedOptions]:
    return TypeAdapter(_CheckedOptions)  # takes milliseconds to build, so it is built when first needed


def _check_filter(given: object) -> None:
    from redisvl.query.filter import FilterExpression

    if not isinstance(given, FilterExpression):
        raise InvalidInputError(
            f"filter must be a filter expression of redisvl, such as Num('seq') > 10, not {type(given).__name__}"
        )


def _check_facts(search_type: str, session_id: str | None, user_id: str | None) -> None:
    if search_type != "hybrid":
        raise InvalidInputError(f'facts are ranked with messages by search_type="hybrid" only, not {search_type!r}')
    if session_id is None and user_id is None:
        raise InvalidInputError("facts=True searches what is known about one user: give user_id, or session_id")


def _seconds(moment: datetime | date) -> float:
    """Return a moment as seconds since 1970."""
    if not isinstance(moment, datetime):
        moment = datetime.combine(moment, time())
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
