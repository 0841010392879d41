"""Forgetting and editing, broken on purpose in one place each: what a simulation has to find."""

from __future__ import annotations

from langchain_motorhead.recall import indexing
from langchain_motorhead.sessions import forgetting, replacing
from simulation.mutations import Broken

_NEVER = "if false then"
_EPOCH = "if known[1] ~= epoch or (known[2] or '0') ~= revision then"


def script(scenario: str, name: str, old: str, new: str) -> Broken:
    """Break a script."""
    return Broken(scenario, ((name, old, new),))


FORGETTING_BROKEN = {
    "a session that is forgotten of after it was made anew": script(
        "forgetting_anew", "session_forget", _EPOCH, _NEVER
    ),
    "a forget that lets summaries in flight be stored": script(
        "editing", "session_forget", "redis.call('HINCRBY', state, 'revision', 1)", ""
    ),
    "a forget that keeps summaries": script(
        "forgetting", "session_forget", "fall_back(versions, rebuild, state, first, tonumber(since))", ""
    ),
    "a forget that keeps the text in the list": script(
        "forgetting_tools",
        "session_forget",
        "redis.call('LSET', messages, tonumber(ARGV[at]) - first, ARGV[at + 1])",
        "",
    ),
    "a forget that keeps the text in the archive": script(
        "forgetting", "session_forget", "redis.call('LSET', archive, places[at], ARGV[at + 2])", ""
    ),
    "a forget that takes what left the list for what follows": script(
        "editing", "session_forget", "if place < 0 or place >= length then", _NEVER
    ),
    "a forget that overwrites a chunk that was merged": script(
        "forgetting_tools", "session_forget", "if there:sub(1, #ARGV[at + 1]) ~= ARGV[at + 1] then", _NEVER
    ),
    "a forget that does not see what was appended meanwhile": script(
        "forgetting", "session_forget", "if wanted ~= '' and first + length ~= tonumber(wanted) then", _NEVER
    ),
    "a forget that does not count the archive": script(
        "forgetting", "session_forget", "redis.call('HINCRBY', state, 'archive_bytes', grown)", ""
    ),
    "a forget that does not count tokens": script(
        "forgetting_tools", "session_forget", "if size ~= '' and known[8] then", _NEVER
    ),
    "a forget that leaves documents": script(
        "forgetting_documents",
        "session_forget",
        "documents + unlink_all(document_keys(prefix, seq, seq + 1))",
        "documents",
    ),
    "an index of what was forgotten meanwhile": script(
        "forgetting_documents", "index_commit", "if (known[11] or '0') ~= revision then", _NEVER
    ),
    "an edit whose documents are not made again": script(
        "forgetting_documents", "session_forget", "redis.call('HSET', state, 'remake', remake)", ""
    ),
    "documents made again of what was changed meanwhile": script(
        "forgetting_documents",
        "documents_remake",
        "(known[2] or '0') ~= revision or to_remake(state) ~= note",
        "to_remake(state) ~= note",
    ),
    "a note of missing vectors that is not written": script(
        "forgetting_documents", "session_forget", "if seq < embedded and not", "if false and not"
    ),
    "documents that are noted, and not made again": Broken(
        "forgetting_documents", ((indexing._step, "seen.remake and seen.indexed >= seen.total", "False"),)
    ),
    "a call that is forgotten without its result": Broken(
        "forgetting_tools", ((replacing.Search._answers, 'record.get("tool_call_id") in self._calls', "False"),)
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
