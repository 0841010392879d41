"""Exports have the whole conversation: what the archive has is written, and imported as it was."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
import redis
from langchain_core.messages import BaseMessage

from langchain_motorhead import Gap, GapReason, Motorhead
from langchain_motorhead.transfer.exporter import export_lines
from langchain_motorhead.transfer.importer import ImportReport, import_lines
from langchain_motorhead.transfer.policies import Existing
from support.messages import numbered, with_tools
from support.transfers import moved, stored

COUNT = 1_500


def filled(motorhead: Motorhead, count: int = COUNT) -> None:
    """Make a session with an archive, whose messages have several times."""
    session = motorhead.session("s", user_id="u")
    session.append([each for at in range(10) for each in with_tools(f"turn {at}")])
    session.compact()
    for start in range(0, count, 500):
        session.append(numbered(min(500, count - start), start=start))
        session.compact()


def test_an_import_has_every_message_with_its_number_and_time(
    pair: tuple[Motorhead, Motorhead], client: redis.Redis
) -> None:
    """The transcript of an imported session is that of the exported one, and so are its stored state and its chunks."""
    source, target = pair
    filled(source)
    assert moved(source, target) == ImportReport(imported=1, messages=COUNT + 40)
    before, after = source.session("s").transcript(), target.session("s").transcript()
    assert [(each.seq, each.time, each.message.text) for each in after] == [
        (each.seq, each.time, each.message.text) for each in before
    ]
    assert (len(after), after.gaps) == (COUNT + 40, [])
    assert stored(client, target, "s") == stored(client, source, "s")
    chunks = [client.lrange(each.session("s")._keys.archive, 0, -1) for each in pair]
    assert chunks[0] == chunks[1]
    assert target.session("s").summaries() == source.session("s").summaries() != []
    imported = target.session("s")._keys.state.removesuffix(":state")
    assert list(client.scan_iter(f"{imported}:import:*")) == []


def test_an_import_runs_again(pair: tuple[Motorhead, Motorhead]) -> None:
    """An import that is repeated recognizes the session, although it was compacted since."""
    source, target = pair
    filled(source, 30)
    lines = list(export_lines(source))
    import_lines(target, lines)
    target.session("s").append(numbered(20, start=100))
    target.session("s").compact()
    assert import_lines(target, lines) == ImportReport(before=1)
    assert len(target.session("s").transcript()) == 90


def test_a_replaced_session_leaves_nothing_of_its_archive(
    pair: tuple[Motorhead, Motorhead], client: redis.Redis
) -> None:
    """If an import replaces a session, the archive is the imported one, or none."""
    source, target = pair
    filled(target)
    source.session("s", user_id="u").append(numbered(3))
    moved(source, target, existing=Existing.REPLACE)
    assert [each.message.text for each in target.session("s").transcript()] == ["m0", "m1", "m2"]
    assert client.exists(target.session("s")._keys.archive) == 0


def test_gaps_are_the_same_after_an_import(pair: tuple[Motorhead, Motorhead], client: redis.Redis) -> None:
    """What is missing from an archive is missing from the export, and is reported of the imported session too."""
    source, target = pair
    filled(source, 500)
    client.lrem(source.session("s")._keys.archive, 1, client.lindex(source.session("s")._keys.archive, 1))  # type: ignore[arg-type]
    moved(source, target)
    assert target.session("s").transcript().gaps == [Gap(128, 255, GapReason.MISSING)]
    assert len(target.session("s").transcript()) == 540 - 128


def lines_of(motorhead: Motorhead) -> Iterator[bytes]:
    """Export a session with an archive, of which some lines are changed in the tests."""
    filled(motorhead, 600)
    return export_lines(motorhead)


@pytest.mark.parametrize("wrong", ["line", "end", "times", "order", "count"])
def test_an_archive_that_is_not_whole_is_refused(
    pair: tuple[Motorhead, Motorhead], client: redis.Redis, wrong: str
) -> None:
    """A session whose archive lost lines, or has wrong ones, is not imported, and nothing is left behind."""
    source, target = pair
    lines = [json.loads(line) for line in lines_of(source)]
    runs = [at for at, line in enumerate(lines) if "archive" in line and "times" in line]
    end = next(at for at, line in enumerate(lines) if "archived" in line)
    if wrong == "line":
        del lines[runs[0]]
    elif wrong == "end":
        del lines[end]
    elif wrong == "times":
        lines[runs[0]]["times"].pop()
    elif wrong == "order":
        lines[runs[0]], lines[runs[1]] = lines[runs[1]], lines[runs[0]]
    else:
        lines[end]["archived"] += 1
    report = import_lines(target, [json.dumps(line).encode() + b"\n" for line in lines])
    assert (report.imported, report.problems) == (0, 1)
    assert list(client.scan_iter(f"*{target.namespace.replace(' ', '%20')}*")) == []


def test_ten_thousand_messages_with_tools_come_back_as_they_were(pair: tuple[Motorhead, Motorhead]) -> None:
    """Compacted, partly forgotten, exported and imported: each message is there once, in order, equal in all fields."""
    source, target = pair
    session, said = source.session("long"), list[BaseMessage]()
    for start in range(0, 2_500, 250):
        turns = [each for at in range(start, start + 250) for each in with_tools(f"turn {at}")]
        said += [each.model_copy(update={"id": f"{each.content}"}) for each in turns]
        session.append(said[4 * start :])
        session.compact()
    forgotten = session.forget([f"turn {at} calls" for at in range(0, 2_500, 10)]).messages
    assert len(forgotten) == 500
    moved(source, target)
    for motorhead in pair:
        transcript = motorhead.session("long").transcript()
        assert [each.message for each in transcript] == [each for at, each in enumerate(said) if at not in forgotten]
        assert [each.seq for each in transcript] == [at for at in range(10_000) if at not in forgotten]
