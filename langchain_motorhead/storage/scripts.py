"""The Lua scripts of this package, loaded once, with the hashes by which Redis knows them."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha1
from importlib.resources import files


@dataclass(frozen=True, slots=True)
class Script:
    """A Lua script, which Redis knows by its hash once it has seen its source."""

    source: str
    sha: str


SCRIPTED = frozenset({"EVALSHA", "EVAL"})
"""Names by which scripts are sent. Their replies are what they returned; redis-py reshapes those to other commands."""


# Files whose functions a script begins with.
_BEGINNINGS = {
    "session_append": ("lib_documents", "lib_epochs"),
    "session_restore": ("lib_documents", "lib_epochs"),
    "compaction_begin": ("lib_leases",),
    "index_begin": ("lib_leases",),
    **dict.fromkeys(("index_commit", "session_delete", "documents_read"), ("lib_documents",)),
}


def source_of(name: str) -> str:
    """Give the source of a script, or of functions for one."""
    names = (*_BEGINNINGS.get(name, ()), name)
    return "\n".join((files(__package__) / "lua" / f"{each}.lua").read_text("utf-8") for each in names)


def to_script(source: str) -> Script:
    """Give the script of a source."""
    return Script(source, sha1(source.encode(), usedforsecurity=False).hexdigest())


# Read with the module, and not from within an event loop when first used.
SCRIPTS = {
    name: to_script(source_of(name))
    for name in (
        "session_append", "session_read", "session_delete", "session_snapshot", "session_restore", "restore_stage",
        "compaction_begin", "compaction_commit", "compaction_release", "compaction_fail", "lease_renew",
        "index_begin", "index_commit", "index_describe", "documents_read", "documents_revise", "registry_prune",
        "item_get", "item_put", "item_page", "item_prune",
    )
}  # fmt: skip
