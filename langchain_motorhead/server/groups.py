"""Groups of sessions, which the original calls namespaces: the POST that lists a session in one, and their listing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from hashlib import blake2b
from importlib.resources import files
from typing import Any

from langchain_motorhead.flows.protocol import Flow
from langchain_motorhead.messages.ids import UNKNOWN_CONTENT, mark
from langchain_motorhead.server.http.errors import ReusedKeyError
from langchain_motorhead.sessions import registry_operations as listing
from langchain_motorhead.sessions.append import AppendConfig, append_records
from langchain_motorhead.sessions.operations import AppendResult, Dedup, Record
from langchain_motorhead.storage.keys import SessionKeys, group_key, registry_key, session_keys, to_member
from langchain_motorhead.storage.operation import Command, Operation, read_primary, together
from langchain_motorhead.storage.scripts import Script, source_of, to_script


def _load_script() -> Script:
    post = (files(__package__) / "post.lua").read_text("utf-8")
    names = ("lib_numbers", "lib_epochs", "lib_registries", "lib_buckets", "lib_marks", "lib_summaries")
    libraries = "\n".join(map(source_of, names))
    return to_script(f"{libraries}\nlocal function append(KEYS, ARGV)\n{source_of('session_append')}\nend\n{post}")


_POST = _load_script()
# What the script returns for a request whose key is that of another one.
_REUSED = 5
# Sent where a request has no message; the script ignores it.
_NO_MESSAGE = Record(b"", None, 0)
# Session ids read from Redis in one command.
_SCAN_IDS = 500


def grouped_keys(keys: SessionKeys, group: str | None) -> SessionKeys:
    """Return the keys of a session with the registry of a group added, if there is a group."""
    if group is None:
        return keys
    return replace(keys, registries=(*keys.registries, group_key(keys.namespace, group)))


def post(
    keys: SessionKeys,
    records: Sequence[Record],
    config: AppendConfig,
    *,
    context: str | None,
    group: str | None,
    dedup: Dedup = Dedup.SKIP_KNOWN,
    request: bytes = b"",
) -> Operation[AppendResult | None]:
    """Append messages, replace the summary, and list the session in a group. Atomic, except the listing in a cluster.

    A running compaction began with the old summary, so its commit does nothing and it starts again.

    Args:
        keys: Keys of the session, from `grouped_keys`.
        records: The messages; may be empty.
        config: How messages are appended.
        context: The new summary. An empty text removes the summary; None keeps it.
        group: Group to list the session in. None lists it in the namespace only.
        dedup: Which messages to skip because they are stored already.
        request: Mark of the request, from `request_mark`. A request that the session knows changes nothing. Empty to
            store the messages in any case.

    Raises:
        ReusedKeyError: Raised by `read` if the session knows another request of the same key.
    """
    placeholder = _NO_MESSAGE if config.counted else _NO_MESSAGE._replace(tokens=None)
    plain = append_records(keys, records or [placeholder], config, dedup)
    first, *others = plain.commands
    args = (
        str(len(records)),
        "0" if context is None else "1",
        to_member(context or ""),
        "" if group is None else group_key(keys.namespace, group),
        "1" if config.one_slot else "0",
        request,
        *first.args,
    )
    replaced = () if context is None else (keys.summaries,)
    grouped = (group_key(keys.namespace),) if config.one_slot else ()
    messages, state, marked, *more = first.keys
    session = (messages, state, keys.marks if request else marked, *more)

    def split() -> Operation[AppendResult | None]:
        apart = replace(config, one_slot=False)
        return post(keys, records, apart, context=context, group=group, dedup=dedup, request=request)

    def read(replies: list[Any]) -> AppendResult | None:
        if replies[0] == [_REUSED]:
            raise ReusedKeyError(
                "the Idempotency-Key was sent with another request to this session. Nothing was stored"
            )
        return plain.read(replies)

    return Operation(
        (Command(_POST, session + replaced + grouped, args), *others),
        read,
        split=split if config.one_slot else None,
    )


def request_mark(key: str | None, records: Sequence[Record], asks: tuple[str | None, str | None, Dedup]) -> bytes:
    """Return the mark by which a session recognises a request: of its key, and of what it asks for.

    Args:
        key: Text that the client made up for the request, or None for no mark.
        records: The messages.
        asks: What else it asks for: the new summary, the group, and which messages to skip.
    """
    if key is None:
        return b""
    digest = blake2b(digest_size=len(UNKNOWN_CONTENT))
    for part in (to_member(repr(asks)), *(record.data for record in records)):
        digest.update(len(part).to_bytes(8, "big"))
        digest.update(part)
    # No id that a client can send begins with this character: it is no Unicode text.
    return mark(f"\udcff{key}", digest.digest() if digest.digest() != UNKNOWN_CONTENT else b"\0\0\1")


def list_group(namespace: str, group: str | None, *, page: int, size: int) -> Flow[list[str]]:
    """List sessions, the least recently active first: those of a group, or those that are not only in groups.

    Entries of deleted or expired sessions are skipped and removed from the registry.
    """
    registry = registry_key(namespace) if group is None else group_key(namespace, group)
    ids: list[str] = []
    at, skip = 0, (page - 1) * size
    if group is not None or not (yield _exists(group_key(namespace))):  # no session is only in groups
        at, skip = skip, 0
    while (wanted := min(_SCAN_IDS, skip + size - len(ids))) > 0:
        found = yield listing.listed(registry, at, at + wanted - 1, newest_first=False)
        if not found:
            break
        names = [session_id for session_id, _ in found]
        there, elsewhere = yield together(
            listing.existing([session_keys(namespace, name) for name in names]),
            _contained(group_key(namespace), names if group is None else ()),
        )
        gone = [entry for entry, exists in zip(found, there, strict=True) if not exists]
        if gone:
            yield listing.prune(registry, gone)
            if group is None:
                yield listing.prune(group_key(namespace), gone)
        ids += [name for name, exists in zip(names, there, strict=True) if exists and name not in elsewhere]
        at += len(found) - len(gone)
    return ids[skip : skip + size]


def _exists(key: str) -> Operation[bool]:
    """Build the operation that returns whether a key exists."""
    return Operation((read_primary("EXISTS", key),), lambda replies: bool(replies[0]))


def _contained(key: str, ids: Sequence[str]) -> Operation[set[str]]:
    """Build the operation that returns which of the ids a sorted set contains."""
    if not ids:
        return Operation((), lambda _: set())
    command = read_primary("ZMSCORE", key, *(to_member(each) for each in ids))
    return Operation(
        (command,),
        lambda replies: {each for each, score in zip(ids, replies[0], strict=True) if score is not None},
    )
