"""No two sessions share a key, whatever their ids are made of, and a session lives in one cluster slot."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from langchain_motorhead.exceptions import InvalidInputError
from langchain_motorhead.storage.keys import (
    from_member,
    own_fact_keys,
    registry_key,
    session_keys,
    to_member,
    user_fact_keys,
)

# Characters that mean something to a key, an encoding or a shell; few, so that ids collide if they can.
HOSTILE = st.text(
    st.sampled_from("{}:*|/%\n\0 ab7Bsessions\u00e9e\u0301\ud83d\ude00\U0001f600"), min_size=1, max_size=6
)
IDS = HOSTILE | st.text(st.characters(), min_size=1)


def named(namespace: str, session: str, user: str | None) -> dict[tuple[str | None, ...], str]:
    """Give every key of a session, by what it stands for."""
    keys = session_keys(namespace, session, user)
    names: dict[tuple[str | None, ...], str] = {
        ("messages", namespace, session): keys.messages,
        ("state", namespace, session): keys.state,
        ("lease", namespace, session): keys.lease,
        ("registry", namespace): keys.registries[0],
    }
    if user is not None:
        names["registry", namespace, user] = keys.registries[1]
    return names


def hash_tag(key: str) -> str:
    """Give the part of a key that Redis Cluster hashes: from the first brace to the next closing one, if not empty."""
    start = key.find("{")
    end = key.find("}", start + 1)
    return key[start + 1 : end] if start >= 0 and end > start + 1 else key


@given(first=st.tuples(IDS, IDS, st.none() | IDS), second=st.tuples(IDS, IDS, st.none() | IDS))
def test_keys_are_one_to_one(first: tuple[str, str, str | None], second: tuple[str, str, str | None]) -> None:
    """Two keys are equal exactly where they stand for the same thing."""
    for one, key in named(*first).items():
        for other, other_key in named(*second).items():
            assert (key == other_key) == (one == other)


@pytest.mark.parametrize(
    "mark", ["/", ":", "{", "}", "}:", "}/{", "%", "%2F", "%3A", "|", "*", "\0", "\n", "sessions:"]
)
def test_marks_in_ids(mark: str) -> None:
    """A character that separates ids in a key separates nothing when it stands in an id."""
    triples = [
        (f"a{mark}b", "c", "d"),
        ("a", f"b{mark}c", "d"),
        ("a", "b", f"c{mark}d"),
        (f"a{mark}", "c", f"{mark}d"),
        ("a", f"{mark}c", f"d{mark}"),
        *(("a", "c", "d"), (f"a{mark}d", "c", None), (mark, mark, mark), (f"{mark}a", "c", "a")),
    ]
    names = [name for triple in triples for name in named(*triple).items()]
    assert len({key for _, key in names}) == len({meaning for meaning, _ in names})


@given(IDS, IDS, IDS)
def test_one_slot_a_session(namespace: str, session: str, user: str) -> None:
    """The keys of a session have one hash tag between them, and another session has another."""
    keys = session_keys(namespace, session, user)
    tags = {hash_tag(key) for key in (keys.messages, keys.state, keys.lease)}
    assert len(tags) == 1
    assert tags != {hash_tag(session_keys(namespace, session + "x").messages)}
    assert not tags & {keys.messages, keys.state, keys.lease}  # a tag was found


@given(IDS, IDS, st.none() | IDS)
def test_keys_are_printable(namespace: str, session: str, user: str | None) -> None:
    """A key is printable ASCII without spaces, and no pattern for SCAN."""
    for key in named(namespace, session, user).values():
        assert key.isascii()
        assert key.isprintable()
        assert not set(key) & set(" *?[]^\\")


def test_keys_are_documented() -> None:
    """The names are those of the design: other programs read them."""
    keys = session_keys("app", "a b", "bob")
    assert (keys.messages, keys.state, keys.lease) == (
        "motorhead:{app/a%20b}:messages",
        "motorhead:{app/a%20b}:state",
        "motorhead:{app/a%20b}:lease",
    )
    assert keys.registries == ("motorhead:sessions:app", "motorhead:sessions:app:bob")
    assert (keys.namespace, keys.session_id, keys.user_id) == ("app", "a b", "bob")
    assert registry_key("app", "bob") == keys.registries[1]


@pytest.mark.parametrize("bad", ["", None, 7, b"id", ["id"], True])
@pytest.mark.parametrize("name", ["namespace", "session_id", "user_id"])
def test_bad_ids_are_refused(name: str, bad: Any) -> None:
    """An id that is empty or no string is refused by name; only a user may be left out."""
    ids: dict[str, Any] = {"namespace": "n", "session_id": "s", "user_id": "u"} | {name: bad}
    if name == "user_id" and bad is None:
        assert len(session_keys(**ids).registries) == 1
        return
    with pytest.raises(InvalidInputError, match=name):
        session_keys(**ids)


@given(st.text(st.characters()))
def test_members_round_trip(text: str) -> None:
    """Any string comes back from a sorted set, also through a client that decodes replies itself."""
    assert from_member(to_member(text)) == text
    assert from_member(text) == text


def test_no_session_has_a_key_of_a_user() -> None:
    """Whatever ids are, keys of facts are not those of a session or of another user, and are in one slot."""
    hostile = [
        "u",
        "users/u",
        "users",
        "u}:facts",
        "{u}",
        "u/users/v",
        "%2F",
        "a/b",
        "ns/users/u",
        ":facts",
        "..",
        "\ud800",
        "é",
    ]
    users: dict[str, object] = {}
    for namespace in hostile:
        for name in hostile:
            for key in user_fact_keys(namespace, name).all:
                assert users.setdefault(key, (namespace, name)) == (namespace, name)
                assert key.count("{") == key.count("}") == 1
            session = session_keys(namespace, name)
            own = own_fact_keys(session)
            tag = session.state.partition("}")[0]
            assert all(key.startswith(f"{tag}}}:facts") for key in own.all)
            for key in (
                *own.all,
                session.state,
                session.messages,
                session.archive,
                session.documents,
                *session.registries,
            ):
                assert users.setdefault(key, "session") in ("session",)
