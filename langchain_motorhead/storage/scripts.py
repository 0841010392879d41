"""Lua scripts, loaded once with the SHA-1 digests by which Redis knows them.

Each script is a file in `lua/`. Files named `lib_*` hold functions; they are put before the scripts that use them, or
into the branch of a script that includes them.

A script declares the keys that it always touches. It does not declare keys that only stored data names, such as the
documents of a session, its groups in `session_delete` and `session_restore`, and the items of a store: they are in the
slot of a declared key, except groups, which no script touches in a cluster, and what `search_node` finds, which is on
its node. Nor does it declare keys that may not exist, without need: while a cluster moves a slot, it refuses a script
that names one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from hashlib import sha1
from importlib.resources import files


@dataclass(frozen=True, slots=True)
class Script:
    """A Lua script: its source, and the SHA-1 digest by which EVALSHA calls it once Redis has the source."""

    source: str
    sha: str


SCRIPTED = frozenset({"EVALSHA", "EVAL"})
"""Commands that call scripts. Their replies are returned unchanged; redis-py converts the replies of other commands."""

READS = frozenset({"HMGET", "LRANGE", "LLEN"})
"""Commands that read a session. They have short arguments, often the same ones, and redis-py converts no reply."""


INCLUDE = re.compile(r"^ *-- include (lib_\w+)$", re.MULTILINE)
"""A line of a script in whose place a file is put.

Redis makes the functions of a script anew in every call, which takes 33 ns for each. Those that few calls need stand
in the branch that needs them.
"""

# Files with the functions that each script uses, which are put before it.
_LIBRARIES = {
    "session_append": ("lib_numbers", "lib_formats", "lib_registries"),
    "session_restore": ("lib_numbers", "lib_documents", "lib_epochs", "lib_registries", "lib_buckets", "lib_marks"),
    "registry_add": ("lib_numbers", "lib_registries"),
    "session_read": ("lib_snapshot",),
    "session_snapshot": ("lib_numbers", "lib_summaries"),
    "summaries_read": ("lib_numbers", "lib_summaries"),
    "restore_stage": ("lib_numbers", "lib_buckets", "lib_marks"),
    "marks_page": ("lib_numbers", "lib_buckets"),
    "marks_find": ("lib_numbers", "lib_buckets", "lib_marks", "lib_earlier_marks"),
    "session_forget": (
        "lib_numbers",
        "lib_formats",
        "lib_documents",
        "lib_buckets",
        "lib_marks",
        "lib_earlier_marks",
        "lib_archive",
        "lib_summaries",
    ),
    "compaction_begin": ("lib_numbers", "lib_formats", "lib_leases", "lib_snapshot", "lib_archive"),
    "compaction_commit": ("lib_numbers", "lib_formats", "lib_leases", "lib_archive", "lib_summaries"),
    "summary_extend": ("lib_numbers", "lib_formats", "lib_leases", "lib_summaries"),
    "summary_set": ("lib_numbers", "lib_formats", "lib_summaries"),
    "rebuild_begin": ("lib_numbers", "lib_formats", "lib_leases", "lib_summaries"),
    "rebuild_add": ("lib_numbers", "lib_formats", "lib_leases", "lib_summaries"),
    "rebuild_swap": ("lib_numbers", "lib_formats", "lib_summaries"),
    "transcript_read": ("lib_numbers", "lib_archive"),
    "index_begin": ("lib_numbers", "lib_leases", "lib_documents"),
    "index_commit": ("lib_numbers", "lib_leases", "lib_documents", "lib_vectors"),
    "vectors_commit": ("lib_numbers", "lib_vectors"),
    "documents_remake": ("lib_numbers", "lib_leases", "lib_documents", "lib_vectors"),
    "documents_renew": ("lib_numbers", "lib_documents"),
    "documents_read": ("lib_numbers", "lib_documents"),
    "session_delete": ("lib_numbers", "lib_formats", "lib_documents"),
    "documents_erase": ("lib_numbers", "lib_documents"),
    "erasure_note": ("lib_numbers",),
    "facts_begin": ("lib_numbers", "lib_leases", "lib_facts"),
    "facts_read": ("lib_numbers", "lib_facts"),
    "facts_write": ("lib_numbers", "lib_facts"),
    **dict.fromkeys(
        (
            "compaction_fail",
            "compaction_release",
            "lease_renew",
            "item_page",
            "item_prune",
            "item_put",
            "facts_fail",
            "facts_vectors",
            "learned_note",
        ),
        ("lib_numbers",),
    ),
}


def source_of(name: str) -> str:
    """Return the source of a script, with the functions that it uses, or the source of a `lib_*` file."""
    return "\n".join(map(_text_of, (*_LIBRARIES.get(name, ()), name)))


def _text_of(name: str) -> str:
    text = (files(__package__) / "lua" / f"{name}.lua").read_text("utf-8")
    return INCLUDE.sub(lambda found: _text_of(found[1]), text)


def to_script(source: str) -> Script:
    """Build a script from its source."""
    return Script(source, sha1(source.encode(), usedforsecurity=False).hexdigest())


# Loaded with the module, so that no event loop is blocked at first use.
SCRIPTS = {
    name: to_script(source_of(name))
    for name in (
        "session_append", "session_read", "session_delete", "session_snapshot", "session_restore", "restore_stage",
        "marks_page", "marks_find", "transcript_read", "session_forget", "summaries_read", "summary_extend",
        "summary_set", "rebuild_begin", "rebuild_add", "rebuild_swap",
        "compaction_begin", "compaction_commit", "compaction_release", "compaction_fail", "lease_renew",
        "index_begin", "index_commit", "index_describe", "vectors_commit", "documents_read", "documents_revise",
        "documents_remake", "documents_renew", "documents_erase", "erasure_note",
        "registry_add", "registry_prune", "primary_read", "sessions_exist",
        "search_node", "search_keys", "item_get", "item_put", "item_page", "item_prune",
        "facts_begin", "facts_read", "facts_write", "facts_fail", "facts_sweep", "facts_vectors",
        "learned_note",
    )
}  # fmt: skip
