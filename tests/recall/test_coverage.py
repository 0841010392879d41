"""Questions whose answer was said in several sessions: they are recognized, and their results are spread."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.messages import HumanMessage

from langchain_motorhead import HashingEmbeddings
from langchain_motorhead.recall.search import flow
from langchain_motorhead.recall.search.coverage import AGAIN, spread
from langchain_motorhead.recall.search.findings import SEVERAL_TIMES, VECTOR_COUNTS
from langchain_motorhead.recall.words.question import to_question
from langchain_motorhead.search_index import queries
from recall.test_times import no_module
from support.factory import MakeMotorhead
from support.rankings import MessageRef, ranked

_PLACES = st.tuples(st.sampled_from(["a", "b", "c"]), st.integers(0, 9))


def _session(ref: MessageRef) -> str:
    return ref[0]


@pytest.mark.parametrize(
    "text",
    [
        "List the order in which I brought up the topics",
        "In what order did we talk about these cities?",
        "How has my plan evolved?",
        "How did my plan for the garden develop?",
        "What have we planned so far?",
        "What did I ask about Oslo across our last few conversations?",
        "Which cities did we discuss over the course of our chats?",
        "In welcher Reihenfolge kamen die Themen?",
        "Dans quel ordre avons-nous parlé des villes ?",
        "¿En qué orden hablamos de las ciudades?",
        "In che ordine ne abbiamo parlato?",
        "Em que ordem falamos das cidades?",
        "В каком порядке мы это обсуждали?",
        "我们讨论这些城市的顺序是什么？",
        "どの順番で話しましたか",
        "어떤 순서로 이야기했나요",
        "بأي ترتيب تحدثنا عن المدن؟",
        "हमने किस क्रम में बात की?",
        "เราคุยกันตามลำดับใด",
    ],
)
def test_the_course_of_conversations(text: str) -> None:
    """A question about the course of conversations is answered by several sessions, and first by their openings."""
    question = to_question(text)
    assert (question.several, question.overview, question.summary) == (True, True, False)


@pytest.mark.parametrize(
    "text",
    [
        "How many cities did I mention across all sessions?",
        "How many cities came up across different sessions?",
        "How much have we spent so far?",
        "What is the number of guests over time?",
        "Wie viele Städte habe ich bisher genannt?",
        "Combien de villes dans toutes nos conversations ?",
        "¿Cuántas ciudades hasta ahora?",
        "Quante città finora?",
        "Quantas cidades até agora?",
        "Сколько городов во всех наших беседах?",
        "到目前为止我提到了多少个城市？",
        "これまでにいくつの都市の話をしましたか",
        "지금까지 도시를 몇 곳 말했나요",
        "كم مدينة ذكرت حتى الآن؟",
        "अब तक कितने शहर?",
        "ที่ผ่านมามีกี่เมือง",
    ],
)
def test_counts_over_conversations(text: str) -> None:
    """What is to be counted over several sessions was said anywhere in them, and not at their openings."""
    question = to_question(text)
    assert (question.several, question.overview) == (True, False)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "How many children does she have?",
        "When did she develop the film?",
        "Which app have I developed?",
        "What did he say about the progress of the shop?",
        "I called in order to cancel the order",
        "Is the price the same across all comparisons?",
        "How did I stay motivated throughout the weeks before the exam?",
        "Who helped me over the course of the project?",
        "Tell me everything about Oslo",
        "Summarize how the plan has evolved",
    ],
)
def test_other_questions(text: str) -> None:
    """Other questions are not taken for such ones; a summary keeps what belongs together."""
    assert not to_question(text).several


def test_results_are_spread() -> None:
    """The best message of each session keeps its score, and each further one has less than by its match."""
    scores = {("a", 1): 1.0, ("a", 2): 0.98, ("a", 3): 0.97, ("b", 9): 0.95, ("c", 4): 0.5}
    found = spread(scores, scores, _session)
    assert sorted(found, key=lambda place: -found[place]) == [("a", 1), ("b", 9), ("a", 2), ("a", 3), ("c", 4)]
    assert found == pytest.approx({**scores, ("a", 2): 0.98 / (1 + AGAIN), ("a", 3): 0.97 / (1 + 2 * AGAIN)})
    assert spread([], {}, _session) == {}


@given(st.dictionaries(_PLACES, st.floats(0, 10)))
def test_messages_of_a_session_stay_in_order(scores: dict[MessageRef, float]) -> None:
    """Nothing is lost, no message rises, and two messages of a session are never exchanged."""
    best_first = sorted(scores, key=lambda place: (-scores[place], place))
    found = spread(best_first, scores, _session)
    assert found.keys() == scores.keys()
    assert all(found[place] <= scores[place] for place in scores)
    for one, other in ((one, other) for one in scores for other in scores if one[0] == other[0]):
        if scores[one] > scores[other]:
            assert found[one] >= found[other]


def test_a_session_does_not_lift_its_other_messages() -> None:
    """A message that hardly matches comes after a better one of another session, unless the best beside it lifts it."""
    worded = {("s", 10): 1.0, ("s", 40): 0.35, ("t", 10): 0.5}
    plain = list(ranked({}, worded, question=to_question("Which cities did I mention?")))
    assert plain == [("s", 10), ("s", 40), ("t", 10)]
    counted = list(ranked({}, worded, question=to_question("How many cities did I mention across our conversations?")))
    assert counted == [("s", 10), ("t", 10), ("s", 40)]


def test_a_count_finds_each_session(
    make: MakeMotorhead, embeddings: HashingEmbeddings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first results have one message of each session, with the search module and without it.

    More messages are looked at by meaning, since such a question says little about them.

    The same question without the words that ask for several sessions finds those of the session that matches best.
    """
    motorhead = make(embeddings=embeddings, compaction="manual")
    for session_id, texts in (
        ("a", ["I went to visit a museum.", "The museum of art is big.", "The museum of cars is new and far away."]),
        ("b", ["A museum of boats by the lake."]),
        ("c", ["A museum of trams by the station."]),
    ):
        session = motorhead.session(session_id, "u")
        for text in texts:
            session.append([HumanMessage(text), *(HumanMessage(f"Rain {session_id}{at}.") for at in range(3))])
    motorhead.flush()
    retriever = motorhead.retriever(user_id="u", k=3)
    wanted: list[int] = []

    def nearest(vector: bytes, filter_: Any, count: int, fields: Any) -> tuple[Any, ...]:
        wanted.append(count)
        return queries.nearest(vector, filter_, count, fields)

    monkeypatch.setattr(flow, "nearest", nearest)
    for has_module in (True, False):
        if not has_module:
            monkeypatch.setattr(flow, "_run_queries", no_module)
        plain = retriever.invoke("Which museum did I visit?")
        counted = retriever.invoke("How many museums did I visit across our conversations?")
        assert {document.metadata["session_id"] for document in plain} == {"a"}
        assert {document.metadata["session_id"] for document in counted} == {"a", "b", "c"}
        if has_module:  # without it, nothing is compared by meaning
            assert wanted == [VECTOR_COUNTS[0], SEVERAL_TIMES * VECTOR_COUNTS[0]]
