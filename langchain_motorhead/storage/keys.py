"""Names of the Redis keys of sessions, users, registries and indexes.

Ids are percent-encoded, so that no id can break out of its key or its hash tag, and two ids never share a key. All keys
of a session have the same hash tag, the part in braces: a cluster keeps them in one slot, so one script may touch them.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from urllib.parse import quote, unquote

from langchain_motorhead.exceptions import InvalidInputError

PREFIX = "motorhead"
DIGEST = "#"
"""First character of a tag that holds the digest of an id. No other tag begins with it."""
_MAX_TAG_CHARS = 1_000


@dataclass(frozen=True, slots=True)
class SessionKeys:
    """The Redis keys of one session.

    Attributes:
        session_id: Id of the session, as given.
        namespace: Namespace of the session, as given.
        user_id: User of the session, as given, or None.
        messages: Key of the list of stored messages.
        marks: Key of the hash with the marks of the messages, by which a message that is sent again is recognised.
        state: Key of the hash with the summary, the counts and the rest of the state.
        archive: Key of the list of chunks, which hold the messages that left the list of messages.
        summaries: Key of the list of records of the summary's versions.
        rebuild: Key of the list with the records of a summary that is being made again.
        rebuilding: Key of the lease of that work: it names the worker that makes the summary again, and expires.
        lease: Key of the compaction lease: it names the worker that compacts the session, and expires.
        indexing: Key of the indexing lease: it names the worker that indexes the session, and expires.
        stale: Key of the number of documents that an expired session of the same id may have left.
        documents: Prefix of the keys of the session's recall documents. A sequence number follows.
        registries: Keys of the sorted sets that list the session: of the namespace, and of the user if there is one.
        member: Session id as a member of the registries.
        user: User id as a field of `state`, or empty.
    """

    session_id: str
    namespace: str
    user_id: str | None
    messages: str
    marks: str
    state: str
    archive: str
    summaries: str
    rebuild: str
    rebuilding: str
    lease: str
    indexing: str
    stale: str
    documents: str
    registries: tuple[str, ...]
    member: bytes
    user: bytes


def session_keys(namespace: str, session_id: str, user_id: str | None = None) -> SessionKeys:
    """Return the keys of a session.

    Raises:
        InvalidInputError: An id is not a string, or is empty.
    """
    _checked("namespace", namespace)
    _checked("session_id", session_id)
    if user_id is not None:
        _checked("user_id", user_id)
    return _session_keys(namespace, session_id, user_id)


@lru_cache(maxsize=1024)
def _session_keys(namespace: str, session_id: str, user_id: str | None) -> SessionKeys:
    tag = f"{_quoted(namespace)}/{_quoted(session_id)}"
    own = () if user_id is None else (registry_key(namespace, user_id),)
    return SessionKeys(
        session_id=session_id,
        namespace=namespace,
        user_id=user_id,
        messages=f"{PREFIX}:{{{tag}}}:messages",
        marks=f"{PREFIX}:{{{tag}}}:marks",
        state=f"{PREFIX}:{{{tag}}}:state",
        archive=f"{PREFIX}:{{{tag}}}:archive",
        summaries=f"{PREFIX}:{{{tag}}}:summaries",
        rebuild=f"{PREFIX}:{{{tag}}}:rebuild",
        rebuilding=f"{PREFIX}:{{{tag}}}:rebuilding",
        lease=f"{PREFIX}:{{{tag}}}:lease",
        indexing=f"{PREFIX}:{{{tag}}}:indexing",
        stale=f"{PREFIX}:{{{tag}}}:documents",
        documents=f"{recall_key(namespace)}:{{{tag}}}:",
        registries=(registry_key(namespace), *own),
        member=to_member(session_id),
        user=b"" if user_id is None else to_member(user_id),
    )


@dataclass(frozen=True, slots=True)
class FactKeys:
    """The Redis keys of the facts about one user, or of a session that has no user. They are in one cluster slot.

    Attributes:
        current: Key of the hash with the facts that hold now, by their ids.
        past: Key of the hash with the facts that were superseded or retracted, by their ids.
        order: Key of the sorted set that lists the current facts: those that a person stated last, then by time.
        state: Key of the hash with the version, how far each session was learned, and the counts.
        lease: Key of the learning lease: it names the worker that learns for this user, and expires.
        ended: Key of the sorted set of the epochs of deleted sessions, from which nothing may be learned any more. It
            expires a day after the last deletion.
        vectors: Key of the hash with the vectors of facts, by their ids. It is empty without an embedding model.
        session: Key of the state of the session, if the facts are those of a session without a user. Else None.
    """

    current: str
    past: str
    order: str
    state: str
    lease: str
    ended: str
    vectors: str
    session: str | None = None

    @property
    def stored(self) -> tuple[str, str, str, str]:
        """The keys that hold the facts, in the order in which the scripts take them."""
        return self.current, self.past, self.order, self.state

    @property
    def all(self) -> tuple[str, ...]:
        """All keys that are removed with the user."""
        return *self.stored, self.lease, self.ended, self.vectors

    @property
    def end(self) -> str:
        """The key by which scripts see that a session was deleted: `ended`, or the state of the session itself."""
        return self.ended if self.session is None else self.session


def user_fact_keys(namespace: str, user_id: str) -> FactKeys:
    """Return the keys of the facts about a user.

    Their hash tag has two slashes. That of a session has one, so no session has a key of a user.

    Raises:
        InvalidInputError: An id is not a string, or is empty.
    """
    return _fact_keys(f"{_encoded('namespace', namespace)}/users/{_encoded('user_id', user_id)}")


def users_prefix(namespace: str) -> str:
    """Return what the keys of all users' facts in a namespace begin with, and those of nothing else."""
    return f"{PREFIX}:{{{_encoded('namespace', namespace)}/users/"


def user_of(facts_state: str) -> str | None:
    """Return the user of a key of `users_prefix`, if it is `FactKeys.state`. None for any other."""
    tag, _, kind = facts_state.partition("}")
    return from_quoted(tag.rpartition("/")[2]) if kind == ":facts:state" else None


def fact_keys(keys: SessionKeys, user_id: str | None = None) -> FactKeys:
    """Return the keys of the facts that are learned from a session: its user's, or its own if it has no user.

    Args:
        keys: Keys of the session.
        user_id: The user that it is known to belong to. By default the user in `keys`.
    """
    owner = user_id if user_id is not None else keys.user_id
    if owner is not None:
        return user_fact_keys(keys.namespace, owner)
    return own_fact_keys(keys)


def own_fact_keys(keys: SessionKeys) -> FactKeys:
    """Return the keys of the facts of a session that has no user. They are in the slot of the session."""
    return _fact_keys(f"{_quoted(keys.namespace)}/{_quoted(keys.session_id)}", keys.state)


def _fact_keys(tag: str, session: str | None = None) -> FactKeys:
    prefix = f"{PREFIX}:{{{tag}}}:facts"
    return FactKeys(
        prefix,
        f"{prefix}:past",
        f"{prefix}:order",
        f"{prefix}:state",
        f"{prefix}:lease",
        f"{prefix}:ended",
        f"{prefix}:vectors",
        session,
    )


def check_user(keys: SessionKeys, owner: str | None) -> None:
    """Raise if a session belongs to another user than the one given.

    Args:
        keys: Keys of the session, with the user given by the caller.
        owner: User that the session belongs to, or None if it has none yet.

    Raises:
        InvalidInputError: Both users are known, and they differ.
    """
    if keys.user_id is not None and owner is not None and keys.user_id != owner:
        raise InvalidInputError(
            f"session {keys.session_id!r} belongs to another user than {keys.user_id!r}. "
            "Give the user_id that it was created with, or another session_id"
        )


def registry_key(namespace: str, user_id: str | None = None) -> str:
    """Return the key of a registry: the sorted set of a namespace's sessions, or of one user's sessions in it.

    Raises:
        InvalidInputError: An id is not a string, or is empty.
    """
    key = f"{PREFIX}:sessions:{_encoded('namespace', namespace)}"
    return key if user_id is None else f"{key}:{_encoded('user_id', user_id)}"


def group_key(namespace: str, group: str | None = None) -> str:
    """Return the key of the sorted set of a group's sessions.

    Groups are what the REST API calls `namespace` in a query. A session that was only ever posted with a group is not
    listed without one.

    Args:
        namespace: Namespace of the sessions.
        group: Name of the group. None for the set of the sessions that are listed in groups only.

    Raises:
        InvalidInputError: A name is not a string, or is empty.
    """
    encoded = _encoded("namespace", namespace)
    return f"{PREFIX}:grouped:{encoded}" if group is None else f"{PREFIX}:groups:{encoded}:{_encoded('group', group)}"


def recall_key(namespace: str) -> str:
    """Return the key of the hash that describes a namespace's recall index, which is also the name of the index.

    Keys of the documents begin with this key and a colon.
    """
    return _recall_key(_checked("namespace", namespace))


@lru_cache(maxsize=1024)
def _recall_key(namespace: str) -> str:
    return f"{PREFIX}:recall:{_quoted(namespace)}"


def to_tag(text: str) -> str:
    """Return an id encoded as a value of a TAG field, without separators, upper-case variants or special characters.

    The search module truncates values above 4,096 bytes, so a long id is replaced by its digest.
    """
    part = to_key_part(text)
    return "%5F" if part == "_" else part  # redisvl does not escape _, and the module does not take it alone


def to_key_part(text: str) -> str:
    """Return an id encoded as a part of a key, or its digest if it is long."""
    tag = _quoted(text)
    return tag if len(tag) <= _MAX_TAG_CHARS else DIGEST + blake2b(tag.encode(), digest_size=32).hexdigest()


@lru_cache(maxsize=1024)
def from_quoted(text: str) -> str:
    """Return the id that a percent-encoded part of a key, or a tag without a digest, stands for."""
    return unquote(text, errors="surrogatepass")


def to_member(text: str) -> bytes:
    """Return an id encoded as a member of a sorted set or a value of a hash. Every Python string can be encoded."""
    return text.encode("utf-8", "surrogatepass")


def from_member(data: bytes | str) -> str:
    """Return the id that `to_member` encoded, also if the client has decoded the reply already."""
    return data.decode("utf-8", "surrogatepass") if isinstance(data, bytes) else data


def optional_member(data: bytes | str | None) -> str | None:
    """Return the text that `to_member` encoded, or None if Redis replied nil."""
    return None if data is None else from_member(data)


def _encoded(name: str, value: object) -> str:
    return _quoted(_checked(name, value))


def _checked(name: str, value: object) -> str:
    if not isinstance(value, str):
        raise InvalidInputError(f"{name} must be a string, not {type(value).__name__}. Convert it: str(...)")
    if not value:
        raise InvalidInputError(f"{name} is empty. Give any non-empty string")
    return value


def _quoted(text: str) -> str:
    return quote(text, safe="", errors="surrogatepass")
