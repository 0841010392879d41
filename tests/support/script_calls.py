"""A call of every script, as the package makes it, with everything that it may touch in place."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from langchain_motorhead.facts import operations as facts
from langchain_motorhead.facts import vectors
from langchain_motorhead.facts.book import Change
from langchain_motorhead.facts.model import Fact
from langchain_motorhead.facts.operations import Progress
from langchain_motorhead.item_store import operations as items
from langchain_motorhead.item_store.paths import to_name, to_path
from langchain_motorhead.messages.codec import encode
from langchain_motorhead.messages.ids import FORGOTTEN_CONTENT, mark
from langchain_motorhead.recall.indexing import document_operations as stored
from langchain_motorhead.recall.indexing import operations as index
from langchain_motorhead.recall.indexing.descriptions import Description, establish
from langchain_motorhead.recall.indexing.operations import Unindexed
from langchain_motorhead.server import groups
from langchain_motorhead.sessions import operations, registry_operations
from langchain_motorhead.sessions.append import AppendConfig
from langchain_motorhead.sessions.archive.chunks import ArchivedMessage, ArchiveWrite, make_chunk
from langchain_motorhead.sessions.archive.config import Archive
from langchain_motorhead.sessions.archive.operations import read_range
from langchain_motorhead.sessions.changes import operations as forgetting
from langchain_motorhead.sessions.changes.operations import Identity, Replacement
from langchain_motorhead.sessions.compaction import operations as compaction
from langchain_motorhead.sessions.marks import read_marks
from langchain_motorhead.sessions.operations import Dedup, NewestOf, Record
from langchain_motorhead.sessions.snapshot import SessionSnapshot, read_snapshot
from langchain_motorhead.sessions.summaries.operations import extend_summary, read_summaries, set_summary
from langchain_motorhead.sessions.summaries.origin import Author, Origin
from langchain_motorhead.sessions.summaries.rebuild_operations import Rebuilt, add_rebuilt, begin_rebuild, swap_rebuilt
from langchain_motorhead.storage import leases
from langchain_motorhead.storage.keys import session_keys, user_fact_keys
from langchain_motorhead.storage.operation import Command, Operation, Value, read_primary
from langchain_motorhead.storage.scripts import SCRIPTS
from langchain_motorhead.transfer import restoring as restores
from langchain_motorhead.transfer import snapshot as transfer
from langchain_motorhead.transfer.snapshot import ExportedSession
from support.fall_back import fall_back
from support.messages import numbered

KEYS = session_keys("ns", "s", "u")
OTHER = session_keys("ns", "imported", "u")
STORE = items.store_key("ns")
EPOCH = "0123456789abcdef"
"""Stands for the epoch of the session."""
RECORDS = [Record(encode(each), f"id-{at}", 5) for at, each in enumerate(numbered(8))]
FACTS, NO_FACTS = user_fact_keys("ns", "u"), user_fact_keys("ns", "v")
FACT = Fact("f", "x", "user", "home", datetime(2024, 1, 1, tzinfo=UTC), datetime(2024, 1, 1, tzinfo=UTC), pinned=True)
NOW, TTL, LEASE = 1_700_000_000_000_000, 3_600_000, 60_000
DESCRIPTION = Description("m", 2, "", 1)
STATE = {"created": b"1", "updated": b"2", "first": b"0"}


def append(records: list[Record], token: str = "a" * 16, dedup: Dedup | NewestOf = Dedup.SKIP_KNOWN) -> Operation[Any]:
    """Append to the session, with everything on."""
    return operations.append(KEYS, records, now=NOW, token=token, ttl=TTL, one_slot=True, dedup=dedup)


def post(count: int, request: bytes = b"") -> Operation[Any]:
    """Post to the session."""
    config = AppendConfig(count=len, counted=True, ttl=TTL, one_slot=True)
    return groups.post(groups.grouped_keys(KEYS, "g"), RECORDS[:count], config, context="c", group="g", request=request)


def _index(start: int, stop: int) -> Operation[Any]:
    seen = Unindexed(EPOCH, "u", start, 8, start, [], [], start, "", False)
    documents: list[tuple[str, int, Mapping[str, Value]]] = [
        (str(at), at, {"text": "x", "terms": "x", "seq": at}) for at in range(start, stop)
    ]
    return index.index(KEYS, "i", seen, stop, documents, lease=LEASE, generation=1)


def _seen() -> SessionSnapshot:
    return SessionSnapshot(EPOCH, 0, None, 0, 0, "u", 40, 4, 0, 8, [])


def _chunk(first: int, count: int) -> bytes:
    return make_chunk(first, [ArchivedMessage(RECORDS[at].data, NOW + at) for at in range(first, first + count)])


def committing(
    moved: ArchiveWrite | None, dropped: int = 2, first: int = 1, limits: Archive | None = None
) -> Operation[Any]:
    """Store a summary."""
    return compaction.commit_summary(
        KEYS,
        "c",
        _seen()._replace(first=first),
        lease=LEASE,
        summary="s",
        dropped=dropped,
        spent=7,
        size=-10,
        indexed=True,
        origin=Origin(Author.MODEL, None, Counter({"too long": 1})),
        moved=moved,
        limits=limits,
    )


_REBUILT = Rebuilt(EPOCH, "u", 1, "0", 0, [])


def _rebuilding() -> Operation[Any]:
    origin = Origin(Author.MODEL, None, Counter({"too long": 1}))
    return add_rebuilt(KEYS, "r", "kind", _REBUILT, lease=LEASE, start=0, stop=1, summary="new", spent=7, origin=origin)


def setup(name: str) -> Iterator[Operation[Any]]:
    """Return the operations after which the call of a name has something to change."""
    yield establish("ns", DESCRIPTION)
    yield append(RECORDS)
    yield index.unindexed(KEYS, "i", lease=LEASE, limit=8, reach=4, context=2)
    yield _index(0, 4)
    # As if more documents than one script touches were being made to live longer.
    yield Operation((Command("HSET", (KEYS.state,), ("renewing", 4_000_000_000_000, "renewed", 0)),), list)
    yield compaction.begin(KEYS, "c", lease=LEASE, limit=8, force=False)
    yield committing(ArchiveWrite((_chunk(0, 1),)), 1, first=0)
    yield items.put(STORE, [items.ItemWrite(("a",), "k", b"{}", TTL, "t", [])], None, prune=False)
    yield restores.stage_chunks(OTHER, "staged", [_chunk(0, 2)])
    yield facts.begin(FACTS, "c", EPOCH, lease=LEASE, force=False)
    yield facts.write_facts(FACTS, 0, [Change("f", FACT)], progress=Progress(EPOCH, 0, 2, "c", LEASE))
    yield facts.write_facts(NO_FACTS, 0, [])
    yield restores.stage(OTHER, "staged", [each.data for each in RECORDS], mark("id-0"), 0)
    yield registry_operations.note_erasure(OTHER, 4)
    yield Operation((Command("HSET", (f"{OTHER.documents}1",), ("epoch", "gone", "pieces", "1")),), list)
    if name == "summary_extend":
        yield fall_back(KEYS, 0)
    if name == "rebuild_swap":
        yield _rebuilding()


def restoring(session: Any, count: int, token: str, *, staged: bool) -> Operation[Any]:
    """Restore a session."""
    exported = ExportedSession(session.session_id, dict(STATE), count, iter(()), TTL)
    return restores.restore(
        session, exported, None if staged else [each.data for each in RECORDS[:count]], mark("id-1"), int(staged),
        token, "digest00", replace=True, owner=session, one_slot=True, chunks=int(staged),
        seen="" if session is OTHER else f"{EPOCH} 0",
    )  # fmt: skip


def calls() -> dict[str, Operation[Any]]:
    """Return operations by a name, which begins with that of their script."""
    more = [Record(encode(each), f"id-{at}", 5) for at, each in enumerate(numbered(3, 8), 8)]
    put = items.ItemWrite(("a",), "k", b'{"x": 1}', TTL, "t", [b"v"])
    return {
        "session_append": append(more, "b" * 16),
        "session_append without anything else": operations.append(
            KEYS,
            [each._replace(tokens=None) for each in more],
            now=NOW,
            token="b" * 16,
            ttl=0,
            one_slot=True,
        ),
        "session_append given back": append(
            [Record(more[0].data, f"motorhead-{EPOCH}-3", 5), *more], "b" * 16, NewestOf(3, whole=False)
        ),
        "session_read": read_snapshot(KEYS, 0, 3),
        "session_delete": registry_operations.delete(KEYS, one_slot=True),
        "session_snapshot": transfer.read_head(KEYS),
        "session_restore": restoring(KEYS, 2, "none", staged=False),
        "session_restore staged": restoring(OTHER, 8, "staged", staged=True),
        "restore_stage": restores.stage(OTHER, "staged", [RECORDS[0].data], mark("id-2"), 1),
        "marks_page": read_marks(KEYS, 0),
        "restore_stage archive": restores.stage_chunks(OTHER, "staged", [_chunk(2, 3)]),
        "transcript_read": read_range(KEYS, 0, 8),
        "summaries_read": read_summaries(KEYS),
        "summary_extend": extend_summary(
            KEYS,
            "c",
            _seen()._replace(first=1, revision=1, stored_covered=0),
            lease=LEASE,
            summary="s",
            stop=1,
            spent=7,
            origin=Origin(Author.MODEL, None, Counter({"too long": 1})),
        ),
        "summary_set": set_summary(KEYS, _seen()._replace(first=1), "by hand", Origin(Author.CLIENT)),
        "rebuild_begin": begin_rebuild(KEYS, "r", "kind", lease=LEASE),
        "rebuild_add": _rebuilding(),
        "rebuild_swap": swap_rebuilt(KEYS, "r", "kind", _REBUILT, stop=1, origin=Origin(Author.MODEL)),
        "compaction_begin": compaction.begin(KEYS, "c", lease=LEASE, limit=8, force=True),
        "search_node": Operation(
            (Command(SCRIPTS["search_node"], (), (1, "user", "", "ZRANGE", KEYS.registries[0], 0, 0)),), list
        ),
        "search_keys": Operation((Command(SCRIPTS["search_keys"], ()),), list),
        "compaction_begin archived": compaction.begin(KEYS, "c", lease=LEASE, limit=8, force=True, archived=True),
        "primary_read": Operation((read_primary("ZRANGE", KEYS.registries[0], 0, 9),), list),
        "sessions_exist": registry_operations.existing([KEYS, OTHER]),
        "compaction_commit": committing(None),
        "compaction_commit archive": committing(ArchiveWrite((_chunk(0, 2), _chunk(2, 1)), 0), 2),
        "compaction_commit archive from now on": committing(
            ArchiveWrite((_chunk(1, 2),)), limits=Archive(max_age=9e8, max_bytes=1)
        ),
        "compaction_release": compaction.release(KEYS, "c", EPOCH, 3),
        "compaction_fail": compaction.fail(KEYS, "c", EPOCH, first_pause=1_000, longest_pause=9_000),
        "lease_renew": leases.renew(KEYS.lease, "c", LEASE),
        "index_begin": index.unindexed(KEYS, "i", lease=LEASE, limit=8, reach=4, context=2),
        "index_commit": _index(4, 8),
        "index_describe": establish("other", DESCRIPTION),
        "vectors_commit": index.add_vectors(
            KEYS,
            "i",
            Unindexed(EPOCH, "u", 4, 8, 4, [], [], 4, "", False),
            4,
            "vector",
            [("0", b"v")],
            lease=LEASE,
            generation=1,
            vectorless="0:1",
            pause=1_000,
        ),
        "documents_renew": operations.renew_documents(KEYS),
        "documents_read": stored.texts([KEYS], 0, 4, "vector", 8, generation=2, dropped=["old"]),
        "documents_revise": stored.revise(KEYS, EPOCH, "0", "vector", [("0", "x", b"v")]),
        "documents_remake": stored.remake(
            KEYS,
            "i",
            Unindexed(EPOCH, "u", 4, 8, 0, [], [], 4),
            "3",
            3,
            [("1", 1, NOW, {"text": "y", "seq": 1}), ("2", 2, None, {"text": "y", "seq": 2})],
            lease=LEASE,
            generation=1,
            vectorless="1:1",
            pause=1_000,
        ),
        "documents_erase": registry_operations.erase_documents(OTHER, 0, 4),
        "erasure_note": registry_operations.note_erasure(KEYS, 9),
        "erasure_note done": registry_operations.note_erasure(OTHER, 0),
        "marks_find": forgetting.find_known(KEYS, ["id-1", "x", f"motorhead-{EPOCH}-3"]),
        "session_forget": forgetting.replace_messages(
            KEYS,
            Identity(EPOCH, 0, "u", 1),
            Replacement(
                (0, 2),
                ((2, b"{}"),),
                ((0, _chunk(0, 1).partition(b"\n")[0], _chunk(0, 1)),),
                mark("id-2", FORGOTTEN_CONTENT),
                -5,
                2,
                again=True,
                since=0,
            ),
        ),
        "registry_add": Operation((registry_operations.add(KEYS.registries[0], KEYS.member, NOW + 1, TTL),), list),
        "registry_prune": registry_operations.prune(KEYS.registries[0], [("s", float(NOW))]),
        "item_put": items.put(STORE, [put, put._replace(key="l", vectors=[])], None, prune=False),
        "item_get": items.get(STORE, [(to_path(("a",)) + to_name("k"), True)]),
        "item_page": items.page(STORE, ("-", "+"), None, skip=0, count=3, bare=False),
        "item_prune": Operation((items._pruning(STORE),), list),
        "facts_begin": facts.begin(FACTS, "c", EPOCH, lease=LEASE, force=True),
        "facts_read": facts.read_facts(FACTS, EPOCH, most=3, past=True),
        "facts_write": facts.write_facts(
            FACTS,
            1,
            [Change("f", None), Change("g", FACT)],
            progress=Progress(EPOCH, 2, 4, "c", LEASE),
            ttl=TTL,
            counts={"tokens:facts": 3},
        ),
        "facts_write of a session that ends": facts.write_facts(FACTS, 1, [Change("f", None)], ended=EPOCH),
        "facts_fail": facts.fail(FACTS, "c", first_pause=1_000, longest_pause=9_000),
        "facts_sweep": facts.sweep(NO_FACTS),
        "facts_vectors": vectors.store_vectors(FACTS, {"f": [0.5, 0.5], "gone": [1.0, 0.0]}, "m", 3),
        "learned_note": facts.note_learned(KEYS, EPOCH, 4, 3),
        "post": post(3),
        "post without messages": post(0),
        "post of a request that may be sent again": post(3, mark("request", b"abc")),
    }
