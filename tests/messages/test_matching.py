"""Messages of a conversation are known again, by id and where ids do not help by content and position."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage

from langchain_motorhead.messages.matching import changed, matches, unstored, variant_id, with_stored_ids
from support.messages import contents


def turns(count: int, prefix: str = "") -> list[BaseMessage]:
    """Make a conversation whose ids begin with a prefix."""
    return [
        message
        for at in range(count)
        for message in (HumanMessage(f"q{at}", id=f"{prefix}q{at}"), AIMessage(f"a{at}", id=f"{prefix}a{at}"))
    ]


@given(st.integers(1, 6), st.integers(0, 12), st.booleans(), st.booleans())
def test_a_resent_conversation_has_one_new_message(count: int, cut: int, own_ids: bool, same_words: bool) -> None:
    """Whatever ids a front end gives, of a conversation that it sends again the new question alone is new."""
    stored = turns(count)
    resent = turns(count, "front-" if own_ids else "")
    question = HumanMessage("q0" if same_words else "new", id="question")
    window = stored[min(cut, len(stored) - 1) :]
    assert unstored([*resent, question], window, newest_known=False) == [question]


def test_a_parallel_branch_is_new() -> None:
    """A message that is not known is new, though a later one is known, and though it says what another one said."""
    stored = turns(1)
    branch, same = AIMessage("branch", id="b"), AIMessage("a0", id="c")
    assert unstored([stored[0], branch, same, stored[1]], stored, newest_known=False) == [branch, same]


def test_an_id_that_is_used_again() -> None:
    """A question that has the id of another one is stored with an id derived from it, and is known by that."""
    stored = turns(1)
    question = HumanMessage("another", id="q0")
    (new,) = unstored([question], stored, newest_known=True)
    assert (new.content, new.id) == ("another", variant_id(question))
    assert matches([question], [*stored, new]) == [2]
    assert [message.id for message in with_stored_ids([question], [*stored, new])] == [new.id]


def test_a_known_position_keeps_what_is_stored() -> None:
    """A message before one that is known, which was changed, is not stored again, but reported."""
    stored = turns(2)
    edited = [stored[0], stored[1], HumanMessage("edited", id="q1"), stored[3]]
    assert unstored(edited, stored, newest_known=True) == []
    assert changed(edited, stored) == ["q1"]


def test_a_conversation_that_is_not_known_is_new() -> None:
    """If nothing of it is known, all of it is new."""
    assert contents(unstored(turns(2, "x"), [HumanMessage("other", id="o")], newest_known=False)) == [
        "q0", "a0", "q1", "a1",
    ]  # fmt: skip


def test_a_question_without_an_id_that_is_sent_again() -> None:
    """It is known where the session ends with it, after what comes before it; said twice, it is new."""
    plain = [message.model_copy(update={"id": None}) for message in turns(2)]
    asked = [*plain, HumanMessage("again")]
    stored = [message.model_copy(update={"id": f"m-{at}"}) for at, message in enumerate(asked)]
    assert unstored(asked, stored, newest_known=False) == []
    assert unstored([*asked, HumanMessage("again")], stored, newest_known=False) == [HumanMessage("again")]
    assert unstored(asked, stored[:-1], newest_known=False) == [HumanMessage("again")]
    assert unstored(asked[-1:], stored, newest_known=False) == [HumanMessage("again")]
