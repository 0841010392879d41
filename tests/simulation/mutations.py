"""The package, broken on purpose in one place each: what a simulation has to find."""

from __future__ import annotations

from langchain_motorhead.messages.tool_calls import safe_cuts
from langchain_motorhead.recall.indexing import flow as indexing
from langchain_motorhead.sessions.archive import chunks as archive
from langchain_motorhead.sessions.archive import transcript
from langchain_motorhead.sessions.compaction import flow as compaction
from langchain_motorhead.sessions.compaction import summarize, writing
from simulation.breaking import NEVER, Broken, in_script, left_behind
from simulation.summary_mutations import BROKEN_SUMMARIES

_FENCE = (
    "if known[1] ~= epoch or (known[2] or '0') ~= first or redis.call('LLEN', messages) < stop - tonumber(first) then"
)
_REVISION = "if (known[4] or '0') ~= revision or is_later(known[7]) then"
_UNINDEXED = "if indexed == '1' and whole(known[3] or '0', 'indexed') < stop then"
_TRIM = "redis.call('LTRIM', messages, count, -1)"

BROKEN = {
    "a commit without any fence": Broken(
        "compacting", (("compaction_commit", _FENCE, NEVER), ("compaction_commit", _REVISION, NEVER))
    ),
    "a commit that does not compare epochs": in_script("compacting", "compaction_commit", "known[1] ~= epoch or ", ""),
    "a commit that does not compare where the list begins": Broken(
        "compacting",
        (("compaction_commit", "(known[2] or '0') ~= first or ", ""), ("compaction_commit", _REVISION, NEVER)),
    ),
    "a commit that does not compare revisions": in_script("setting", "compaction_commit", _REVISION, NEVER),
    "a commit that trims one more": in_script(
        "compacting", "compaction_commit", _TRIM, "redis.call('LTRIM', messages, count + 1, -1)"
    ),
    "a commit that trims one less": in_script(
        "compacting", "compaction_commit", _TRIM, "redis.call('LTRIM', messages, count - 1, -1)"
    ),
    "a commit that keeps so many of the newest": in_script(
        "compacting", "compaction_commit", _TRIM, "redis.call('LTRIM', messages, -1, -1)"
    ),
    "a commit that does not say where the list begins": in_script(
        "compacting", "compaction_commit", "redis.call('HINCRBY', state, 'first', count)", ""
    ),
    "a commit that does not count tokens": in_script("tools", "compaction_commit", "if size ~= '' then", NEVER),
    "a trim before what is trimmed is indexed": Broken(
        "indexing",
        (("compaction_commit", _UNINDEXED, NEVER), (compaction._plan, "if compactor.recall:", "if False:")),
    ),
    "a summary stored in one step, and the trim in another": Broken(
        "compacting",
        (
            (
                "compaction_commit",
                "redis.call('HINCRBY', state, 'first', count)\n",
                "if summary ~= '' then return 1 end\nredis.call('HINCRBY', state, 'first', count)\n",
            ),
            (
                compaction._fold,
                "if not committed:",
                "committed = yield operations.commit_summary(keys, token, seen._replace(summary=written.text), "
                "lease=LEASE_MS, summary=None, dropped=batch.count, spent=spent, size=size, indexed=compactor.recall, "
                "origin=origin)\n"
                "        if not committed:",
            ),
        ),
    ),
    "an empty answer that is taken for a summary": Broken(
        "compacting",
        (
            (
                writing.WritingTask._call,
                'if answer.is_trusted and not (answer.text or "").strip():',
                "if False:",
            ),
        ),
    ),
    "a failure that is taken for a summary": Broken(
        "compacting",
        (
            (
                writing.WritingTask.write,
                "if not self.writing.has_fallback:\n            raise",
                "return Written(str(error))",
            ),
        ),
    ),
    "a summary that forgets, and is accepted": Broken(
        "answering",
        (
            (
                writing.WritingTask._faults,
                "return check_against(answer.text, self.source)",
                "return []",
            ),
        ),
    ),
    "an answer without a summary in it, and nothing in its place": Broken(
        "answering",
        ((writing.WritingTask.write, "written or (yield from self.extract())", "written or Written(None)"),),
    ),
    "a rejected answer that takes the place of the summary": Broken(
        "answering",
        (
            (
                writing.WritingTask._ask,
                "return None, (AIMessage",
                'return Written(answer.text or "nothing"), (AIMessage',
            ),
        ),
    ),
    "a rejected answer that is not counted": in_script(
        "answering", "compaction_commit", "redis.call('HINCRBY', state, 'rejected:' .. args[at], args[at + 1])", ""
    ),
    "a refused message that is left out": Broken(
        "answering", ((summarize._Batch._withhold, "self.withheld = f", "_ = f"),)
    ),
    "a refused batch of which one half is forgotten": Broken(
        "answering", ((summarize._Batch.advance, "reversed(split)", "split[1:]"),)
    ),
    "a refused summary that is dropped": Broken(
        "answering", ((summarize._Batch._separate, "self.withheld = f", "_ = f"),)
    ),
    "a cut between a call and its result": Broken("tools", ((safe_cuts, "if at and not blocks:", "if at:"),)),
    "an append that trims": in_script(
        "compacting", "session_append", "local latest =", "redis.call('LTRIM', messages, -3, -1)\nlocal latest ="
    ),
    "an append that does not know what was sent again": Broken(
        "resending",
        (
            ("session_append", "if recent:find(token, 1, true) then", NEVER),
            ("session_append", "known[1] and count or 0", "0"),
        ),
    ),
    "a request that is not known again": in_script(
        "posting_again",
        "post",
        "local there = visit_mark(open_marks(marked, whole(was[5] or '0', 'marks')), request, 1, false)",
        "local there = nil",
    ),
    "a request that is not remembered": in_script(
        "posting_again", "post", "remember()\nreturn result\n", "return result\n"
    ),
    "marks that are not written": in_script(
        "resending_later", "session_append", "  marks_now = save(marks)", "  marks_now = known[9] or '0'"
    ),
    "marks of new messages that are not written": in_script(
        "resending_later", "session_append", "  redis.call('HSET', marked, unpack(buckets))", ""
    ),
    "a known id that is taken for a new one": in_script(
        "resending_later",
        "session_append",
        "if string.find(bucket, string.sub(ids[at], 1, 6), 1, true) then",
        NEVER,
    ),
    "new messages of which the first mark of a bucket is lost": in_script(
        "resending_later", "session_append", "changed[place] or loaded[at] or ''", "loaded[at] or ''"
    ),
    "marks that are lost when a bucket is split": in_script(
        "resending_later", "session_append", "table.concat(goes), true", "'', true"
    ),
    "a bucket that is looked for where it was before a split": in_script(
        "resending_later", "session_append", "return place < buckets and place or hash % level", "return hash % level"
    ),
    "a summary with a fraction of a token": Broken(
        "odd_numbers",
        (
            ("compaction_commit", "whole(spent, 'tokens')\n", ""),
            (writing.WritingTask._call, "whole_count(answer.tokens) or 0", "answer.tokens"),
        ),
    ),
    "a new session with the epoch of the one before": in_script(
        "resending", "session_append", "new_epoch(token:sub(-8))", "token"
    ),
    "an append that does not list the session": in_script(
        "resending", "session_append", "enlist(KEYS[at], now, id, ttl, false, known[1])", ""
    ),
    "a summary that is replaced twice": in_script("setting", "post", "if was[3] == token then", NEVER),
    "a lease given back without its token": in_script(
        "compacting", "compaction_release", "if holder == ARGV[1] then", "if holder then"
    ),
    "a lease held for longer by anybody": in_script(
        "compacting",
        "lease_renew",
        "if holder == ARGV[1] or holder == ARGV[1] .. '!' then",
        "redis.call('SET', KEYS[1], ARGV[1])\nif true then",
    ),
    "a lease taken from whoever holds it": in_script(
        "compacting", "compaction_begin", "if holder ~= 'pause' and not", "if false and not"
    ),
    "a lease left with a task that stopped": left_behind("taking_over", "compaction_begin"),
    "an indexing left with a task that stopped": left_behind("taking_over_indexing", "index_begin"),
    "a rebuild left with a task that stopped": left_behind("taking_over_a_rebuild", "rebuild_begin"),
    "a lease that goes back to a task that was given up": in_script(
        "taking_over", "compaction_begin", "tonumber(earlier) < tonumber(later)", "earlier ~= later"
    ),
    "a lease that goes to another job": in_script("taking_over", "compaction_begin", "job == own and", ""),
    "a failure that replaces the lease of another worker by a pause": in_script(
        "failing",
        "compaction_fail",
        "if not holder or holder == ARGV[1] or holder == ARGV[1] .. '!' then",
        "if true then",
    ),
    "a failure that is counted of a session that is gone": in_script(
        "compacting", "compaction_fail", "if redis.call('HGET', KEYS[1], 'epoch') ~= ARGV[2] then", NEVER
    ),
    "a request for a compaction that is forgotten": in_script(
        "chatting", "compaction_begin", "redis.call('APPEND', lease, '!')", ""
    ),
    "a lease without an end": in_script(
        "compacting",
        "compaction_begin",
        "redis.call('SET', lease, token, 'PX', duration)",
        "redis.call('SET', lease, token, 'PX', 1)\nredis.call('PERSIST', lease)",
    ),
    "an index that does not compare epochs": in_script("indexing", "index_commit", "known[1] ~= epoch or ", ""),
    "an index that does not compare how much is indexed": in_script(
        "failing_to_index", "index_commit", "if indexed ~= start then", NEVER
    ),
    "documents stored, and not that they are": in_script(
        "failing_to_index", "index_commit", "redis.call('HSET', state, 'indexed', upto)", ""
    ),
    "words stored without a note that vectors are missing": in_script(
        "missing_vectors", "index_commit", "else\n  redis.call('HSET', state, 'embedded', embedded)", ""
    ),
    "vectors that count as stored for messages after them": in_script(
        "failing_to_index", "vectors_commit", "note_vectors(state, tonumber(upto),", "note_vectors(state, indexed,"
    ),
    "a message that failed alone and is forgotten": in_script(
        "failing_alone", "index_commit", "if vectorless == before then", "if true then"
    ),
    "documents with the time of another message": in_script("indexing", "index_commit", "stamp = stamps[at]", ""),
    "documents that do not get their user": in_script(
        "indexing", "index_commit", "redis.call('HSET', key, 'user', user)", ""
    ),
    "a user who counts as stored after the first slice": in_script(
        "slicing", "index_commit", "return to >= start", "return true"
    ),
    "a slice of earlier messages that leaves one out": in_script(
        "slicing", "index_commit", "redis.call('HSET', state, done, to)", "redis.call('HSET', state, done, to + 1)"
    ),
    "a slice of documents that counts as all of them": Broken(
        "slicing", ((indexing._index_batch, "keys, token, seen, stop, some,", "keys, token, seen, upto, some,"),)
    ),
    "a deletion that leaves documents": in_script(
        "indexing", "session_delete", "unlink_all(document_keys(ARGV[3], 0, count))", ""
    ),
    "a deletion that leaves a lease": in_script(
        "compacting", "session_delete", "KEYS[3], KEYS[5], KEYS[6])", "KEYS[3], KEYS[6])"
    ),
    "a deletion that leaves the list": in_script(
        "compacting", "session_delete", "redis.call('UNLINK', KEYS[1], state,", "redis.call('UNLINK', state,"
    ),
    "a deletion that leaves the archive": in_script(
        "compacting", "session_delete", "KEYS[4], KEYS[7], KEYS[8],", "KEYS[7], KEYS[8],"
    ),
    "a commit that archives nothing": in_script(
        "compacting", "compaction_commit", "if archive then -- first", "if false then -- first"
    ),
    "a commit that archives what it does not trim": in_script(
        "compacting",
        "compaction_commit",
        _REVISION,
        "archive_messages(archive, state, first, count, ARGV, ARCHIVED, REJECTED - 1)\n" + _REVISION,
    ),
    "an archive written before the fence": in_script(
        "compacting",
        "compaction_commit",
        "if known[1] ~= epoch or",
        "archive_messages(archive, state, first, count, ARGV, ARCHIVED, REJECTED - 1)\nif known[1] ~= epoch or",
    ),
    "an archive that keeps the chunk that was replaced": in_script(
        "transcribing", "compaction_commit", "#redis.call('RPOP', archive)", "#redis.call('LINDEX', archive, -1)"
    ),
    "an archive that replaces a chunk without its messages": Broken(
        "transcribing",
        (
            (archive.extend, "_split([*kept, *messages])", "_split(messages)"),
            ("compaction_commit", "  check_archive(state, first, count, ARGV, ARCHIVED, REJECTED - 1)\n", ""),
        ),
    ),
    "an archive that does not know times": in_script(
        "transcribing", "compaction_begin", "times = times_of(state, first, first, first + #found)", ""
    ),
    "a commit that keeps the times of what it trims": in_script(
        "compacting", "compaction_commit", "redis.call('HDEL', state, unpack(names))", ""
    ),
    "a commit that drops the time of what it keeps": in_script(
        "transcribing", "compaction_commit", "redis.call('HSET', state, 't:' .. upto, times[2])", ""
    ),
    "a transcript that does not look into the archive": in_script(
        "transcribing", "transcript_read", "if known[4] and from < math.min(first, upto) then", NEVER
    ),
    "a transcript of two sessions": Broken(
        "transcribing", ((transcript.read_records, "if epoch is not None and there != epoch:", "if False:"),)
    ),
    "a deletion that leaves the session listed": in_script(
        "compacting", "session_delete", "  redis.call('ZREM', KEYS[at], ARGV[1])", ""
    ),
    **BROKEN_SUMMARIES,
}
