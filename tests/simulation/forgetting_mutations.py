"""Forgetting and editing, broken on purpose in one place each: what a simulation has to find."""

from __future__ import annotations

from langchain_motorhead.recall.indexing import flow as indexing
from langchain_motorhead.sessions.changes import forgetting, replacing
from simulation.breaking import NEVER, Broken, in_script

_EPOCH = "if known[1] ~= epoch or (known[2] or '0') ~= revision then"


FORGETTING_BROKEN = {
    "a session that is forgotten of after it was made anew": in_script(
        "forgetting_anew", "session_forget", _EPOCH, NEVER
    ),
    "a forget that lets summaries in flight be stored": in_script(
        "editing", "session_forget", "redis.call('HINCRBY', state, 'revision', 1)", ""
    ),
    "a forget that keeps summaries": in_script(
        "forgetting", "session_forget", "fall_back(versions, rebuild, state, first, tonumber(since))", ""
    ),
    "a forget that keeps the text in the list": in_script(
        "forgetting_tools",
        "session_forget",
        "redis.call('LSET', messages, tonumber(ARGV[at]) - first, ARGV[at + 1])",
        "",
    ),
    "a forget that keeps the text in the archive": in_script(
        "forgetting", "session_forget", "redis.call('LSET', archive, places[at], ARGV[at + 2])", ""
    ),
    "a forget that takes what left the list for what follows": in_script(
        "editing", "session_forget", "if place < 0 or place >= length then", NEVER
    ),
    "a forget that overwrites a chunk that was merged": in_script(
        "forgetting_tools", "session_forget", "if there:sub(1, #ARGV[at + 1]) ~= ARGV[at + 1] then", NEVER
    ),
    "a forget that does not see what was appended meanwhile": in_script(
        "forgetting", "session_forget", "if record:find(id, 1, true) then", NEVER
    ),
    "a forget that does not count the archive": in_script(
        "forgetting", "session_forget", "redis.call('HINCRBY', state, 'archive_bytes', grown)", ""
    ),
    "a forget that does not count tokens": in_script(
        "forgetting_tools", "session_forget", "if size ~= '' and known[8] then", NEVER
    ),
    "a forget that leaves documents": in_script(
        "forgetting_documents",
        "session_forget",
        "documents + unlink_all(document_keys(prefix, seq, seq + 1))",
        "documents",
    ),
    "an index of what was forgotten meanwhile": in_script(
        "forgetting_documents", "index_commit", "if (known[13] or '0') ~= revision then", NEVER
    ),
    "an edit whose documents are not made again": in_script(
        "forgetting_documents", "session_forget", "redis.call('HSET', state, 'remake', remake)", ""
    ),
    "documents made again of what was changed meanwhile": in_script(
        "editing_documents",
        "documents_remake",
        "(known[2] or '0') ~= revision or to_remake(state) ~= note",
        "to_remake(state) ~= note",
    ),
    "a note of missing vectors that is not written": in_script(
        "forgetting_documents", "session_forget", "if seq < embedded and not", "if false and not"
    ),
    "documents that are noted, and not made again": Broken(
        "forgetting_documents", ((indexing._step, "seen.remake and seen.indexed >= seen.total", "False"),)
    ),
    "a call that is forgotten without its result": Broken(
        "forgetting_tools",
        ((replacing.Search._answers, "isinstance(call_id, str) and call_id in self._calls", "False"),),
    ),
    "a result that is forgotten with nothing in its place": Broken(
        "forgetting_tools",
        (
            (
                replacing.Search._new,
                "return result_tombstone(record) if is_result(record) and not of_call else TOMBSTONE",
                "return TOMBSTONE",
            ),
        ),
    ),
    "a summary from before a later message": Broken(
        "forgetting_tools", ((forgetting._replace, "since=since,", "since=targets[-1].seq,"),)
    ),
}
