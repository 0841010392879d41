"""The form of a question, and standing wishes."""

from __future__ import annotations

import pytest

from langchain_motorhead.recall.words import standing
from langchain_motorhead.recall.words.question import to_question
from langchain_motorhead.recall.words.scripts import words
from langchain_motorhead.recall.words.standing import INSTRUCTION, PREFERENCE, mark


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("Can you summarize how my project has developed?", (True, True, False)),
        ("Fasse zusammen: die Zusammenfassung von allem", (True, True, False)),
        ("请总结一下我们的讨论", (True, True, False)),
        ("In what order did I bring up the topics?", (False, True, False)),
        ("How did you recommend structuring my day?", (False, False, True)),
        ("你推荐了什么？", (False, False, True)),
        ("How should I design my resume or résumé?", (False, False, False)),
        ("When is my flight?", (False, False, False)),
        ("", (False, False, False)),
    ],
)
def test_the_form_of_a_question(text: str, form: tuple[bool, bool, bool]) -> None:
    """A question tells whether it asks for a summary, for the course of conversations, or for the assistant's words."""
    question = to_question(text)
    assert (question.summary, question.overview, question.addressed) == form
    assert question.words == frozenset(words(text))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Always answer in English.", INSTRUCTION),
        ("Thanks! Please never use tables.", INSTRUCTION),
        ("Give dates as day and month when I ask about deadlines", INSTRUCTION),
        ("Bitte immer auf Deutsch antworten", INSTRUCTION),
        ("À partir de maintenant, réponds en français", INSTRUCTION),
        ("Siempre responde en español", INSTRUCTION),
        ("Всегда отвечай коротко", INSTRUCTION),
        ("请始终用中文回答", INSTRUCTION),
        ("いつも敬語で答えてください", INSTRUCTION),
        ("앞으로는 한국어로 답해 주세요", INSTRUCTION),
        ("من الآن فصاعدا أجب بالعربية", INSTRUCTION),
        ("हमेशा हिंदी में उत्तर दें", INSTRUCTION),
        ("กรุณาตอบเป็นภาษาไทยเสมอ", INSTRUCTION),
        ("I'd rather sit at the window", PREFERENCE),
        ("Ich bevorzuge Tee", PREFERENCE),
        ("我更喜欢短的回答", PREFERENCE),
        ("I have always wanted to see the sea", ""),
        ("```\nAlways run make\n```", ""),
        ("Where is it?", ""),
        ("", ""),
    ],
)
def test_standing_wishes_are_marked(text: str, expected: str) -> None:
    """What a person wants from now on is marked in many languages, and no report, code or other role's text is."""
    assert mark(text, "human") == expected
    assert mark(text, "Anna") == expected
    for role in ("ai", "assistant", "tool", "function", "system"):
        assert mark(text, role) == ""


def test_empty_lines_are_not_searched_for_wishes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Empty lines are left out, since the time of the patterns would grow with the square of their number."""
    read = list[str]()

    class Noting:
        def search(self, text: str) -> object:
            read.append(text)
            return instructions.search(text)

    instructions = standing._INSTRUCTION
    monkeypatch.setattr(standing, "_INSTRUCTION", Noting())
    assert mark("Café?" + " \r\n" * 1_200 + "  Always answer in French", "human") == INSTRUCTION
    assert read == ["Café?\nAlways answer in French"]


def test_no_text_can_forge_a_mark() -> None:
    """A mark is no word of any text."""
    for each in (INSTRUCTION, PREFERENCE):
        assert each not in words(f"{each} x{each}")
