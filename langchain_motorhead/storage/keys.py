"""Names of the Redis keys, and nothing about what they hold.

Ids are percent-encoded, so that no id can break out of its key or its hash tag, and two ids never share a key.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from urllib.parse import quote, unquote

from langchain_motorhead.exceptions import InvalidInputError

PREFIX = "motorhead"
DIGEST = "#"
"""What a tag begins with that has an id's digest, and nothing else does."""
_LONGEST_TAG = 1_000


@dataclass(frozen=True, slots=True)
class SessionKeys:
    """Where one session lives.

    Attributes:
        session_id: Id as the user gave it.
        namespace: Namespace as the user gave it.
        user_id: User as given, if any.
        messages: Key of the list of messages.
        state: Key of the hash of everything else. In one cluster slot with `messages` and `lease`.
        lease: Key that says who is compacting.
        indexing: Key that says who is indexing.
        stale: Key that says how many documents may be left of a session of this id that expired.
        documents: What the keys of its documents for recall begin with; a sequence number follows. In the same slot.
        registries: Keys of the sorted sets that list this session: the namespace's, and the user's if there is one.
        member: The session's id as a member of those.
        user: The user's id as a field of `state`, or empty.
    """

    session_id: str
    namespace: str
    user_id: str | None
    messages: str
    state: str
    lease: str
    indexing: str
    stale: str
    documents: str
    registries: tuple[str, ...]
    member: bytes
    user: bytes


def session_keys(namespace: str, session_id: str, user_id: str | None = None) -> SessionKeys:
    """Name the keys of a session.

    Raises:
        InvalidInputError: An id is not a string, or empty.
    """
    for name, value in (("namespace", namespace), ("session_id", session_id), ("user_id", user_id)):
        if value is not None or name != "user_id":
            _checked(name, value)
    return _session_keys(namespace, session_id, user_id)


@lru_cache(maxsize=1024)
def _session_keys(namespace: str, session_id: str, user_id: str | None) -> SessionKeys:
    tag = f"{_quoted(namespace)}/{_quoted(session_id)}"
    registries = [registry_key(namespace)]
    if user_id is not None:
        registries.append(registry_key(namespace, user_id))
    return SessionKeys(
        session_id=session_id,
        namespace=namespace,
        user_id=user_id,
        messages=f"{PREFIX}:{{{tag}}}:messages",
        state=f"{PREFIX}:{{{tag}}}:state",
        lease=f"{PREFIX}:{{{tag}}}:lease",
        indexing=f"{PREFIX}:{{{tag}}}:indexing",
        stale=f"{PREFIX}:{{{tag}}}:documents",
        documents=f"{recall_key(namespace)}:{{{tag}}}:",
        registries=tuple(registries),
        member=to_member(session_id),
        user=b"" if user_id is None else to_member(user_id),
    )


def check_user(keys: SessionKeys, owner: str | None) -> None:
    """Refuse a session to a user whose it is not.

    Raises:
        InvalidInputError: The session is of another user than `keys` say.
    """
    if keys.user_id is not None and owner is not None and keys.user_id != owner:
        raise InvalidInputError(
            f"session {keys.session_id!r} is another user's than {keys.user_id!r}. "
            "Give the user_id that it was made with, or another session_id"
        )


def registry_key(namespace: str, user_id: str | None = None) -> str:
    """Name the sorted set of a namespace's sessions, or of one user's in it.

    Raises:
        InvalidInputError: An id is not a string, or empty.
    """
    key = f"{PREFIX}:sessions:{_encoded('namespace', namespace)}"
    return key if user_id is None else f"{key}:{_encoded('user_id', user_id)}"


def group_key(namespace: str, group: str | None = None) -> str:
    """Name the sorted set of a group of a namespace's sessions; or, without one, of those that are in groups alone.

    Raises:
        InvalidInputError: A name is not a string, or empty.
    """
    encoded = _encoded("namespace", namespace)
    return f"{PREFIX}:grouped:{encoded}" if group is None else f"{PREFIX}:groups:{encoded}:{_encoded('group', group)}"


def recall_key(namespace: str) -> str:
    """Name the hash that describes a namespace's index, and the index. Keys of its documents begin with it and `:`."""
    return f"{PREFIX}:recall:{_encoded('namespace', namespace)}"


def to_tag(text: str) -> str:
    """Encode an id as a tag of an index, so that it holds nothing that separates, folds or ends one.

    The search module cuts off what is longer than 4,096 bytes, so a long id is known by its digest.
    """
    tag = _quoted(text)
    return tag if len(tag) <= _LONGEST_TAG else DIGEST + blake2b(tag.encode(), digest_size=32).hexdigest()


def from_quoted(text: str) -> str:
    """Read an id from a key, or from a tag that is no digest."""
    return unquote(text, errors="surrogatepass")


def to_member(text: str) -> bytes:
    """Encode an id as a member of a sorted set or a field of a hash; any string has an encoding."""
    return text.encode("utf-8", "surrogatepass")


def from_member(data: bytes | str) -> str:
    """Undo `to_member`, also where a client has decoded the reply already."""
    return data.decode("utf-8", "surrogatepass") if isinstance(data, bytes) else data


def optional_member(data: bytes | str | None) -> str | None:
    """Return the id that `to_member` encoded, or None where Redis replied nil."""
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
