"""A good summary stays the model's: no extract takes its place, whatever language it is in."""

from __future__ import annotations

import pytest
from langchain_core.language_models import FakeListChatModel

from langchain_motorhead import Window
from langchain_motorhead.demo.dialogues import load_dialogues
from sessions.good_summaries import COVERED, GOOD
from support.factory import MakeMotorhead


@pytest.mark.parametrize("number", GOOD)
def test_abstractive_summaries_are_kept(make: MakeMotorhead, number: int) -> None:
    """What a person would write begins the summary, after one request; only details may follow it."""
    window = Window(max_messages=4, hard_limit=100)
    for text in GOOD[number]:
        model = FakeListChatModel(responses=[text])
        session = make(llm=model, window=window, compaction="manual").session(str(hash(text)))
        said = load_dialogues()[number].messages[: COVERED + 2]
        session.append([message.model_copy(update={"id": None}) for message in said])
        report, memory = session.compact(), session.load()
        assert report.rejected == {}, text
        assert (memory.written_by, memory.summarized) == ("model", COVERED), text
        assert (memory.summary or "").startswith(text), text
        assert model.i == 0, text
