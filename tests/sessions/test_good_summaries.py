"""A good summary stays the model's: no extract takes its place, whatever language it is in.

`good_summaries.jsonl` has summaries of the demo's dialogues as a person would write them: a report, a note, a list.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from langchain_core.language_models import FakeListChatModel

from langchain_motorhead import Window
from langchain_motorhead.demo.dialogues import load_dialogues
from support.factory import MakeMotorhead

COVERED = 14  # messages of a dialogue
GOOD = [json.loads(line) for line in Path(__file__).with_name("good_summaries.jsonl").read_text("utf-8").splitlines()]


@pytest.mark.parametrize("language", ["en", "de", "fr", "es", "zh"])
def test_what_a_person_would_write_is_kept(make: MakeMotorhead, language: str) -> None:
    """After one request it begins the summary; only details may follow it."""
    dialogues = load_dialogues()
    window = Window(max_messages=4, hard_limit=100)
    found = [each for each in GOOD if each["language"] == language]
    assert len(found) >= 6
    for at, each in enumerate(found):
        model, text = FakeListChatModel(responses=[each["summary"], "not asked for"]), each["summary"]
        session = make(llm=model, window=window, compaction="manual").session(str(at))
        said = dialogues[each["dialogue"]].messages[: COVERED + 2]
        session.append([message.model_copy(update={"id": None}) for message in said])
        report, memory = session.compact(), session.load()
        assert report.rejected == {}, text
        assert (memory.written_by, memory.summarized, model.i) == ("model", COVERED, 1), text
        assert (memory.summary or "").startswith(text), text
