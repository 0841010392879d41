"""What a session has forgotten stays forgotten when an older export replaces it: it becomes tombstones. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

from langchain_motorhead.messages.ids import FORGOTTEN_CONTENT, MARK_BYTES, derived_id, mark
from langchain_motorhead.sessions.changes.replacing import Search
from langchain_motorhead.sessions.summaries.records import DamagedRecordError, read_record, versions_of
from langchain_motorhead.transfer.snapshot import ExportedSession

_ID_BYTES = MARK_BYTES - len(FORGOTTEN_CONTENT)


class ForgottenMessages:
    """Finds the messages of an import that the session which it replaces has forgotten.

    Args:
        marks: Marks of the messages of that session.
        epoch: Epoch of that session.
        same: Whether the import is an export of it, so that sequence numbers mean the same messages.
    """

    def __init__(self, marks: bytes = b"", epoch: str | None = None, *, same: bool = False) -> None:
        each = (marks[at : at + MARK_BYTES] for at in range(0, len(marks), MARK_BYTES))
        self.marks = b"".join(one for one in each if one.endswith(FORGOTTEN_CONTENT))
        digests = {self.marks[at : at + _ID_BYTES] for at in range(0, len(self.marks), MARK_BYTES)}
        seqs = _Forgotten(digests, epoch) if same else ()
        self._search = Search(_Forgotten(digests, None), seqs)  # type: ignore[arg-type]

    def replaced(self, seq: int, record: bytes) -> bytes:
        """Return what is stored of a message of the import. Each has to be given once, in order."""
        if not self.marks:
            return record
        return self._search.look_at(seq, record) or record

    def drop_summaries(self, snapshot: ExportedSession) -> None:
        """Remove from an import the summaries that were made with forgotten messages, and count these messages."""
        if not self.marks:
            return
        before = int(snapshot.state.get("forgotten", b"0"))
        snapshot.state["forgotten"] = b"%d" % max(1, before + len(self._search.found))
        if not self._search.found:
            return
        lowest, first = self._search.found[0].seq, int(snapshot.state.get("first", b"0"))
        if lowest >= min(first, int(snapshot.state.get("covered", first))):
            return
        kept = list(_before(snapshot.summaries, lowest))
        versions = versions_of(kept)
        snapshot.summaries = tuple(kept) if versions else ()
        for name in ("summary", "written_by", "kept"):
            snapshot.state.pop(name, None)
        snapshot.state["covered"] = b"%d" % (versions[-1].last.stop if versions else 0)
        if versions and versions[-1].text:
            snapshot.state["summary"] = versions[-1].text.encode("utf-8", "surrogatepass")
            if versions[-1].last.author is not None:
                snapshot.state["written_by"] = versions[-1].last.author.value.encode()


class _Forgotten(Collection[object]):
    """Ids, or sequence numbers of the session with an epoch, that were forgotten."""

    def __init__(self, digests: set[bytes], epoch: str | None) -> None:
        self._digests, self._epoch = digests, epoch

    def __contains__(self, item: object) -> bool:
        name = item if self._epoch is None else derived_id(self._epoch, item)  # type: ignore[arg-type]
        return isinstance(name, str) and mark(name)[:_ID_BYTES] in self._digests

    def __iter__(self) -> Iterator[object]:
        return iter(())

    def __len__(self) -> int:
        return len(self._digests)


def _before(records: Iterable[bytes], seq: int) -> Iterator[bytes]:
    for record in records:
        try:
            if read_record(record).stop <= seq:
                yield record
        except DamagedRecordError:
            continue
