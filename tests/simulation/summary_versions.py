"""What has to hold of the versions of a session's summary: checked on its raw keys."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from langchain_motorhead.sessions.summaries.records import SummaryRecord, read_record, versions_of
from langchain_motorhead.storage.keys import SessionKeys
from simulation.archives import must

# The same few records are looked at again and again.
_read_record = lru_cache(maxsize=10_000)(read_record)


def records_of(key: str, there: Mapping[bytes, Any]) -> list[SummaryRecord]:
    """List the records of a list, of which each segment continues the record before it."""
    found = list[SummaryRecord]()
    for record in map(_read_record, there.get(key.encode(), ())):
        must(not record.start or (found and found[-1].stop == record.start), "{} continues {}", record, found[-1:])
        found.append(record)
    return found


def check_versions(keys: SessionKeys, state: Mapping[bytes, bytes], there: Mapping[bytes, Any]) -> None:
    """Records are contiguous and counted; the last version is the summary, and covers what the session says."""
    stored: Sequence[bytes] = there.get(keys.summaries.encode(), ())
    records = records_of(keys.summaries, there)
    rebuilt = there.get(keys.rebuild.encode(), ())[1:]
    records_of(keys.rebuild, {keys.rebuild.encode(): rebuilt})
    must(len(records) == int(state.get(b"versions", 0)), "{} versions are counted", state.get(b"versions"))
    first = int(state.get(b"first", 0))
    covered = int(state.get(b"covered", first))
    must(covered <= first, "the summary covers {} messages, and {} left the list", covered, first)
    if not records:
        must(not covered and b"summary" not in state, "a summary has no version")
        return
    last = versions_of(stored)[-1]
    must(last.last.stop == covered, "the last version covers {} messages, and the summary {}", last.last.stop, covered)
    summary = state.get(b"summary", b"").decode()
    must(last.text == summary, "the last version is {!r}, and the summary {!r}", last.text, summary)
    author = state.get(b"written_by", b"").decode()
    must(not summary or last.last.author == author, "written by {}, and noted as by {}", author, last.last.author)
