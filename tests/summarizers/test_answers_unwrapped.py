"""What models put around a summary is removed, and a summary that only looks like it stays."""

from contextlib import suppress

import pytest

from langchain_motorhead.exceptions import UnusableAnswerError
from langchain_motorhead.summarizers.answers import read_answer

SUMMARY = "Bob lives in Oslo and flies to Bergen on 14 May at 9:30."


@pytest.mark.parametrize(
    "answer",
    [
        "<think>The user wants a summary.</think>{}",
        "<think>\nFirst, Bob.\n\nThen Oslo.\n</think>\n\n{}",
        "<THINK>Hm.</THINK>\n{}",
        "< think >Hm.</ think >\n{}",
        '<think time="3s" id="1">Hm.</think >\n{}',
        "<thinking>Hm.</thinking>{}",
        "<reasoning>Hm.</reasoning>\n{}",
        "<reason>Hm.</reason>\n{}",
        "<analysis>Hm.</analysis>\n{}",
        "<reflection>Hm.</reflection>\n{}",
        "<scratchpad>Hm.</scratchpad>\n{}",
        "<thought>Hm.</thought>\n{}",
        "<thinking>Hm.</thinking>\n{}",
        "<seed:think>Hm.</seed:think>{}",
        "<longcat_think>Hm.</longcat_think>{}",
        "[THINK]Hm.[/THINK]{}",
        "◁think▷Hm.◁/think▷{}",
        "<|think|>Hm.<|/think|>{}",
        "<|begin_of_thought|>Hm.<|end_of_thought|>\n<|begin_of_solution|>{}<|end_of_solution|>",
        "<|START_THINKING|>Hm.<|END_THINKING|>{}",
        "Okay, the user wants a summary. I keep Bob and Oslo.\n</think>\n\n{}",
        "I keep Bob.</think>{}",
        "<think></think>{}",
        "<think/>\n{}",
        "<think>One.</think>\n<think>Two.</think>\n{}",
        "<think>One <think> nested</think> more.\n<think>deep\n</think></think>{}",
        "<think>Mixed names.</thinking>\n{}",
        "  \n<think>Hm.</think>   {}   ",
        "Summary:\n<think>Hm.</think>\n{}",
        "<|channel|>analysis<|message|>Keep Oslo.<|end|><|start|>assistant<|channel|>final<|message|>{}<|return|>",
        "<|channel|>analysis<|message|>Hm.<|end|>\n<|start|>assistant<|channel|>final <|constrain|>text<|message|>{}",
        "<|channel|>final<|message|>{}",
        "analysisWe need to summarize. Bob.assistantfinal{}",
        "<|channel>thought\nHm.<channel|>{}",
        "{}<|im_end|>",
        "{}</s>",
        "```\n{}\n```",
        "```text\n{}\n```",
        "```markdown\n## Summary\n{}\n```",
        "~~~\n{}\n~~~",
        "```\n<think>Hm.</think>\n{}\n```",
        "Summary: {}",
        "New summary: {}",
        "New summary:\n\n{}",
        "Updated Summary:\n{}",
        "**Summary**\n{}",
        "**Summary:** {}",
        "**Updated summary**: {}",
        "## Summary\n\n{}",
        "# Conversation Summary\n{}",
        "Summary of the conversation: {}",
        "Summary so far: {}",
        "Here is the updated summary:\n\n{}",
        "Here's the new summary of the conversation so far:\n{}",
        "Sure! Here is the extended summary:\n\n{}",
        "Certainly! Here’s a concise summary: {}",
        "Below is the updated summary.\n\n{}",
        "Zusammenfassung: {}",
        "Aktualisierte Zusammenfassung:\n{}",
        "Hier ist die aktualisierte Zusammenfassung:\n\n{}",
        "Résumé : {}",
        "Nouveau résumé :\n{}",
        "Voici le résumé mis à jour :\n{}",
        "Resumen actualizado: {}",
        "Aquí está el resumen actualizado:\n{}",
        "Resumo atualizado: {}",
        "Riassunto aggiornato: {}",
        "Samenvatting: {}",
        "Краткое содержание: {}",
        "更新后的摘要：{}",
        "以下是更新后的摘要：\n{}",
        "要約：{}",
        "新しい要約：\n{}",
        "요약: {}",
        "الملخص: {}",
        "सारांश: {}",
        '"{}"',
        "“{}”",
        "'{}'",
        "«{}»",
        "「{}」",
        "<summary>{}</summary>",
        "<summary>\n{}\n</summary>",
        "<updated_summary>{}</updated_summary>",
        "<answer>{}</answer>",
        '{{"summary": "{}"}}',
        '{{"new_summary": "{}", "nothing_new": false}}',
        '```json\n{{"summary": "{}"}}\n```',
        '{{"result": {{"summary": "{}"}}}}',
        '["{}"]',
        'Here is the summary: {{"summary": "{}"}}',
        "<think>Hm.</think>\n**New summary:**\n```\n{}\n```",
    ],
)
def test_what_surrounds_a_summary_is_removed(answer: str) -> None:
    """Reasoning, labels, fences, quotes, tags and JSON around a summary are not stored."""
    assert read_answer(answer.format(SUMMARY)) == SUMMARY


@pytest.mark.parametrize(
    "text",
    [
        "Bob asked why his model prints <think> and </think> tags in its answers.",
        "The user's parser fails on `</think>` tags. It should drop all before them.",
        "Bob's model writes its thoughts between <think>…</think>; he wants to strip them.",
        "Bob wants this stored:\n```xml\n<think>\nno\n</think>\n```\nHe works in Oslo.",
        "Ann uses [THINK] as a label in her notes.",
        "Bob asked for a summary of the book: it is about a whale.",
        "The user wants a summary: three pages at most.",
        "The user's résumé: Bob wants help with it before 14 May.",
        "Here is what Bob decided: he moves to Oslo in May.",
        "Bob: a teacher. Ann: a doctor.",
        '"Moby Dick" is the book Bob reads; Ann reads "Emma".',
        "Run `make test` before `make build`.",
        "Bob runs:\n```python\nprint('<think>')\n```",
        "- Bob lives in Oslo.\n- He flies on 14 May.",
        "None of the flights suited Bob; he takes the train on 14 May.",
        "No. 7 is the seat that Bob reserved.",
        "No new flights were found for Bob; he takes the train.",
        "No flight suited Bob.",
        "Nothing Bob tried fixed the printer; a technician comes on Tuesday.",
        "Nothing was booked yet: Bob waits for his wife's answer.",
        "None but Ann may open the safe.",
        "Nil Patel wants a table for four on Friday.",
        "Nada Novak works in Zagreb.",
        "Noneya Smith asked about her order 4711.",
        "No one in Bob's family eats fish.",
        "No information about the fare was given to Bob, who travels on 14 May.",
        "Keine der Wohnungen gefiel Anna; sie sucht weiter in Köln.",
        "Aucun des vols ne convenait à Paul ; il prend le train de 14 h.",
        "Ninguno de los hoteles le gustó a Ana; prefiere un apartamento en Lima.",
        "没有航班适合王伟,他改坐周五的火车。",
        "Sorry is the name of Bob's boat.",
        "The assistant apologized: it could not find the order, and Bob will call on Monday.",
        "I'm sorry was all that Bob's landlord said; he moves out in May.",
        "The user asked for help with a bomb; the assistant said that it cannot help with that.",
        "Bob can't come on Friday. Ann can.",
        "As an AI engineer at a bank, Bob looks for a course on agents.",
        "Unfortunately, Bob's flight BA117 was cancelled and he cannot travel before 16 May.",
        "Leider kann Anna am Freitag nicht kommen; sie schlägt Montag vor.",
        "Désolé de son retard, Paul a proposé mardi à 15 h.",
    ],
)
def test_a_summary_is_not_damaged(text: str) -> None:
    """A summary that mentions tags, labels, NONE or apologies is returned unchanged."""
    assert read_answer(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "[" + " " * 30 + ("[" + " " * 39) * 2_000,
        "`" * 100_000,
        "``` a\n" * 16_000,
        "```\n```\n" * 6_000 + "<think>\n</think>\n" * 2_500,
        "Reasoning:\n" + "***\n" * 20_000,
        "<|channel|>final " * 5_800,
        "<think" + (" " * 39 + "a") * 2_000,
    ],
)
def test_long_answers_take_linear_time(text: str) -> None:
    """No answer of 100,000 characters, however odd, holds up what reads it."""
    with suppress(UnusableAnswerError):
        read_answer(text)


def test_code_ends_at_the_fence_that_began_it() -> None:
    """Tags between two equal fences stay, whatever other fences stand between these too. Another fence ends no code."""
    code = "````\n```\n<think>\n~~~\n````"
    answer = f"Bob wants this stored:\n{code}\nHe works in Oslo."
    assert read_answer(answer) == answer
    with pytest.raises(UnusableAnswerError, match="within its reasoning"):
        read_answer("Bob wants this stored:\n````\n<think>\n```\nHe works in Oslo.")
