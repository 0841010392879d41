"""The versions of a summary, broken on purpose in one place each: what a simulation has to find."""

from __future__ import annotations

from langchain_motorhead.sessions.compaction import flow as compaction
from simulation.breaking import NEVER, Broken, in_script

BROKEN_SUMMARIES = {
    "a deletion that leaves the versions of the summary": in_script(
        "compacting", "session_delete", "KEYS[7], KEYS[8], KEYS[9]", "KEYS[7], KEYS[9]"
    ),
    "a commit without a version": in_script(
        "compacting",
        "compaction_commit",
        "add_version(versions, state, was, tonumber(first), summary, stop, author, kept, about)",
        "set_summary(state, summary, author, kept)",
    ),
    "a segment that covers messages of the one before it": in_script(
        "transcribing",
        "compaction_commit",
        "to_record(covered, stop, about, summary:sub",
        "to_record(1, stop, about, summary:sub",
    ),
    "a summary put in place without a version": in_script(
        "setting",
        "post",
        "add_version(versions, state, records, first, summary, first, 'client', '', '{\"by\":\"client\"}', true)",
        "set_summary(state, summary, 'client', '')",
    ),
    "a summary put in place by hand that knows nothing of what a compaction covered": Broken(
        "setting_by_hand",
        (
            ("summary_set", "(known[2] or '0') ~= revision or not is_read", "false"),
            ("summary_set", "redis.call('HINCRBY', state, 'revision', 1)", ""),
        ),
    ),
    "a summary put in place by hand of another session": in_script(
        "setting_by_hand",
        "summary_set",
        "if known[1] ~= epoch or (known[2] or '0') ~= revision or not is_read then",
        NEVER,
    ),
    "a summary put in place by hand that a compaction in flight replaces": in_script(
        "setting_by_hand", "summary_set", "redis.call('HINCRBY', state, 'revision', 1)", ""
    ),
    "a summary put in place by hand without a version": in_script(
        "setting_by_hand",
        "summary_set",
        "add_version(versions, state, was, first, summary, first, author, kept, about, true)",
        "set_summary(state, summary, author, kept)",
    ),
    "a commit that passes over a gap": Broken(
        "falling_back",
        (
            (compaction._compact, "if seen.covered < seen.first:", "if False:"),
            ("compaction_commit", "if covered ~= tonumber(first) then", NEVER),
        ),
    ),
    "a completion that does not compare what is covered": Broken(
        "falling_back",
        (
            ("summary_extend", "if covered_of(state, first) ~= start or stop <= start", "if stop <= start"),
            ("summary_extend", "(known[3] or '0') ~= revision or ", ""),
        ),
    ),
    "a completion that does not say where it ends": in_script(
        "falling_back", "summary_extend", "redis.call('HSET', state, 'covered', upto)", ""
    ),
    "a new summary that takes its place in another session": Broken(
        "rebuilding_twice",
        (
            ("rebuild_add", "if known[1] ~= epoch or (known[2] or '0') ~= revision or", "if"),
            ("rebuild_add", " or stop > whole(known[4] or '0', 'first')", ""),
        ),
    ),
    "a new summary that replaces one that a client put there meanwhile": Broken(
        "rebuilding_and_setting",
        (
            ("rebuild_swap", "if known[1] ~= epoch or (known[2] or '0') ~= revision or", "if"),
            ("rebuild_add", "if known[1] ~= epoch or (known[2] or '0') ~= revision or", "if"),
        ),
    ),
    "a new summary that lacks what was summarized meanwhile": in_script(
        "rebuilding", "rebuild_swap", "if stop < first then", NEVER
    ),
    "a new summary that changes no revision": in_script(
        "rebuilding", "rebuild_swap", "redis.call('HINCRBY', state, 'revision', 1)", ""
    ),
    "a rebuild that takes the lease of another": in_script(
        "rebuilding_twice", "rebuild_begin", "if not may_take(holder, token) then", NEVER
    ),
    "a deletion that leaves a summary half made": in_script(
        "rebuilding_twice", "session_delete", "KEYS[8], KEYS[9], KEYS[10]", "KEYS[8], KEYS[10]"
    ),
}
