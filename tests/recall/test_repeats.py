"""Results that repeat each other."""

from __future__ import annotations

from langchain_core.messages import HumanMessage

from langchain_motorhead import HashingEmbeddings
from langchain_motorhead.recall.search.repeats import without_repeats
from support.factory import MakeMotorhead


def test_which_texts_repeat_others() -> None:
    """A text repeats another if it has the same words, in any order, and gives way only if there are enough others."""
    texts = ["My dog is Rex.", "my dog, is rex!", "Is my dog Rex?", "My dog is Max.", "...", "...", "?"]
    assert without_repeats(texts, 3) == [0, 3, 4]
    assert without_repeats(texts, 4) == [0, 3, 4, 6]
    assert without_repeats(texts, 6) == [0, 1, 2, 3, 4, 6]  # in the order of the texts
    assert without_repeats(texts, 9) == list(range(7))
    assert without_repeats(["budget 500", "budget 600"], 1) == [0]
    assert without_repeats([], 3) == []


def test_repeated_messages_do_not_push_out_others(make: MakeMotorhead, embeddings: HashingEmbeddings) -> None:
    """What was said four times is found once among the first, as long as something else is found; k results remain."""
    motorhead = make(embeddings=embeddings)
    session = motorhead.session("s", "u")
    session.append(
        [HumanMessage(text) for text in ("Which museum is open?", "which museum is open", "The bus is late.")]
    )
    said = ["Which museum is open?", "which museum is open", "The bus is late.", "Which MUSEUM is open?"]
    session.append([HumanMessage(text) for text in (*said, "An open museum has art.", "I like tea.")])
    motorhead.flush()
    found = [document.page_content for document in session.search("Which museum is open?", k=3)]
    assert len(found) == 3
    assert sum("which museum" in text.lower() for text in found) == 1
    assert "An open museum has art." in found
    assert len(session.search("Which museum is open?", k=6)) == 6
    alone = motorhead.session("t", "u")
    alone.append([HumanMessage("I like tea."), HumanMessage("I like tea.")])
    motorhead.flush()
    assert len(alone.search("tea", k=2)) == 2
