"""What models really answer becomes a summary, "nothing new" or a failure with its reason."""

from __future__ import annotations

from enum import Enum, IntEnum
from typing import Any

import pytest
from langchain_core.messages import AIMessage, AIMessageChunk
from pydantic import BaseModel

from langchain_motorhead.exceptions import SummarizationError
from langchain_motorhead.sessions.checks import Reason, reason_code
from langchain_motorhead.summarizers.answers import NOTHING_NEW, UnusableAnswerError, finish_reason, read_answer

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
        "<|channel|>analysis<|message|>Bob lives in Oslo, keep it.<|end|><|start|>assistant<|channel|>final<|message|>{}<|return|>",
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
    "answer",
    [
        "NONE", "None.", "none", '"NONE"', "'NONE'", "`NONE`", "**NONE**", "(none)", "[NONE]", "<none/>", "<NONE>", "- NONE",
        "> NONE", "NONE!", "“None”", "```\nNONE\n```", "Summary: NONE", "New summary:\nNONE", "Answer: NONE",
        "<think>Only greetings.</think>NONE", "<think>Only greetings.</think>\n\n**None.**", "Only greetings.\n</think>\nNONE",
        '{"summary": null}', '{"summary": "NONE"}', '{"summary": ""}', '{"nothing_new": true}', "null", "[]", "{}", '{"answer": "none"}',
        '```json\n{"summary": null}\n```', "<summary>NONE</summary>", "N/A", "n/a", "nil", "Nil.", "Nothing.", "No.", "No change.",
        "NONE - the new messages add nothing", "NONE — only small talk.", "NONE (the messages are greetings)", "NONE: nothing new",
        "NONE. The new messages add nothing to the summary.", "NONE\n\nThe new messages are only greetings.",
        "None - there is no new information.", "NONE, as the messages only contain greetings", "None, the new messages add nothing.",
        "NONE because the user only said thanks", "No new information.", "No new information was provided in the new messages.",
        "There is nothing to add.", "There is nothing new to add to the summary.", "Nothing to add.", "Nothing new.",
        "The summary remains unchanged.", "The existing summary remains unchanged.", "Summary unchanged.", "Unchanged",
        "The summary stays the same.", "The new messages do not add any new information.", "The new messages add nothing new.",
        "The messages don't contain any relevant information.", "There are no new facts, decisions or details.",
        "No additional details were shared.", "No updates.", "No update needed.", "No changes are needed to the summary.",
        "There is no new information to add. The summary remains unchanged.", "These messages contain no new information.",
        "There isn't anything to add.", "The conversation contains no relevant information.", "No relevant new information.",
        "The previous summary is still up to date.", "Nothing significant was added.", "No new facts.",
        "Keine", "Nichts", "Nichts Neues.", "KEINE", "Keine neuen Informationen.", "Es gibt nichts hinzuzufügen.",
        "Es gibt keine neuen Informationen.", "Die Zusammenfassung bleibt unverändert.", "Die neuen Nachrichten enthalten nichts Neues.",
        "Keine Änderungen.", "AUCUNE", "Aucune.", "RIEN", "Rien de nouveau.", "Rien à ajouter.", "Aucune nouvelle information.",
        "Il n'y a rien à ajouter.", "Le résumé reste inchangé.", "Néant", "NINGUNO", "Ninguna", "NADA", "Nada nuevo.",
        "No hay información nueva.", "No hay nada que añadir.", "Sin cambios.", "Sin novedades", "El resumen no cambia.",
        "Nenhuma.", "Nada de novo.", "Não há nada a acrescentar.", "Nenhuma informação nova.", "Sem alterações.", "Nessuna", "Niente",
        "Niente di nuovo.", "Nessuna nuova informazione.", "Non c'è nulla da aggiungere.", "Il riassunto rimane invariato.",
        "Geen", "Niets", "Geen nieuwe informatie.", "Er is niets toe te voegen.", "De samenvatting blijft ongewijzigd.",
        "Нет", "НЕТ.", "Ничего нового.", "Нет новой информации.", "Нечего добавить.", "Без изменений.", "Brak", "Nic nowego.",
        "无", "無。", "没有", "没有新信息。", "无新信息", "没有需要补充的内容。", "摘要保持不变。", "新消息没有提供任何新信息。",
        "なし", "なし。", "「なし」", "特になし", "新しい情報はありません。", "追加する情報はありません。", "変更なし", "없음", "없습니다.",
        "새로운 정보가 없습니다.", "추가할 내용이 없습니다.", "변경 사항 없음", "لا شيء", "لا يوجد", "لا توجد معلومات جديدة.", "لا جديد",
        "कोई नहीं", "कुछ नहीं।", "कोई नई जानकारी नहीं है।", "Yok", "Inga", "Inget nytt", "Ei mitään", "Không có", "Tidak ada", "ไม่มี",
    ],
)  # fmt: skip
def test_nothing_new_has_many_forms(answer: str) -> None:
    """A model that says, in whatever way, that nothing is to be added changes no summary."""
    assert read_answer(answer) is NOTHING_NEW


@pytest.mark.parametrize("data", [{"summary": SUMMARY}, {"summary": SUMMARY, "nothing_new": False}, [{"text": SUMMARY}]])
def test_structured_output_is_read(data: Any) -> None:
    """Structured output gives its summary."""
    assert read_answer(data) == SUMMARY


class _Output(BaseModel):
    summary: str | None


def test_models_of_pydantic_and_calls_are_read() -> None:
    """A model of pydantic and a call made for structured output give their summary, or nothing new."""
    assert read_answer(_Output(summary=SUMMARY)) == SUMMARY
    assert read_answer(_Output(summary=None)) is NOTHING_NEW
    call = {"name": "Output", "args": {"summary": SUMMARY}, "id": "1", "type": "tool_call"}
    assert read_answer(AIMessage("", tool_calls=[call])) == SUMMARY


BLOCKS: list[list[Any]] = [
    [{"type": "reasoning", "summary": [{"type": "summary_text", "text": "Hm."}]}, {"type": "text", "text": SUMMARY}],
    [{"type": "thinking", "thinking": "Hm.", "signature": "x"}, {"type": "text", "text": SUMMARY}],
    [{"type": "redacted_thinking", "data": "x"}, {"type": "text", "text": SUMMARY}],
    [{"type": "reasoning_content", "reasoning_content": {"text": "Hm."}}, {"type": "text", "text": SUMMARY}],
    [{"type": "thinking", "thinking": [{"type": "text", "text": "Hm."}]}, {"type": "text", "text": SUMMARY}],
    [{"type": "reasoning", "text": "Hm."}, {"type": "output_text", "text": SUMMARY, "annotations": []}],
    [{"text": "Hm.", "thought": True}, {"text": SUMMARY}],
    [{"type": "text", "text": SUMMARY[:9]}, SUMMARY[9:]],
]


@pytest.mark.parametrize("content", BLOCKS)
def test_reasoning_blocks_are_left_out(content: list[Any]) -> None:
    """Of content blocks, only those that are text are the answer."""
    assert read_answer(AIMessage(content)) == SUMMARY
    assert read_answer(AIMessageChunk(content)) == SUMMARY


class _Finish(Enum):
    MAX_TOKENS = 2
    SAFETY = 3


class _Number(IntEnum):
    STOP = 1
    MAX_TOKENS = 2


CUT_OFF: list[dict[str, Any]] = [
    {"finish_reason": "length"},
    {"finish_reason": "lengthlength"},
    {"stop_reason": "max_tokens"},
    {"stop_reason": "model_context_window_exceeded"},
    {"finish_reason": "MAX_TOKENS"},
    {"finish_reason": "FinishReason.MAX_TOKENS"},
    {"finish_reason": _Finish.MAX_TOKENS},
    {"finish_reason": _Number.MAX_TOKENS},
    {"finish_reason": 2},
    {"done_reason": "length"},
    {"stopReason": "max_tokens"},
    {"finish_reason": "model_length"},
    {"finish_reason": "ERROR_LIMIT"},
    {"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}},
    {"status": "incomplete"},
    {"finish_reason": "stop", "status": "incomplete"},
    {"stop_reason": None, "finish_reason": "length"},
]
REFUSED: list[dict[str, Any]] = [
    {"finish_reason": "content_filter"},
    {"finish_reason": "SAFETY"},
    {"finish_reason": _Finish.SAFETY},
    {"finish_reason": "RECITATION"},
    {"finish_reason": "PROHIBITED_CONTENT"},
    {"finish_reason": "BLOCKLIST"},
    {"finish_reason": "SPII"},
    {"stop_reason": "refusal"},
    {"stopReason": "guardrail_intervened"},
    {"stopReason": "content_filtered"},
    {"finish_reason": "ERROR_TOXIC"},
    {"status": "incomplete", "incomplete_details": {"reason": "content_filter"}},
    {"prompt_feedback": {"block_reason": "SAFETY"}},
]


@pytest.mark.parametrize("metadata", CUT_OFF)
def test_an_answer_that_was_cut_off_fails(metadata: dict[str, Any]) -> None:
    """An answer that met a limit is no summary, however its provider says so."""
    assert _reason(AIMessage(SUMMARY, response_metadata=metadata)) is Reason.CUT_OFF


@pytest.mark.parametrize("metadata", REFUSED)
def test_an_answer_that_was_refused_fails(metadata: dict[str, Any]) -> None:
    """An answer that a model or a filter refused is no summary, however its provider says so."""
    assert _reason(AIMessage(SUMMARY, response_metadata=metadata)) is Reason.REFUSED


@pytest.mark.parametrize(
    "metadata",
    [
        {},
        {"finish_reason": "stop"},
        {"finish_reason": "STOP"},
        {"finish_reason": "COMPLETE"},
        {"finish_reason": "eos_token"},
        {"finish_reason": _Number.STOP},
        {"stop_reason": "end_turn", "stop_sequence": None},
        {"stopReason": "end_turn"},
        {"done_reason": "stop", "done": True},
        {"status": "completed", "incomplete_details": None},
        {"finish_reason": "stop", "stop_reason": 128001},
        {"finish_reason": "stop", "prompt_feedback": {"block_reason": 0, "safety_ratings": []}},
    ],
)
def test_a_complete_answer_is_taken(metadata: dict[str, Any]) -> None:
    """No finish reason of a complete answer makes it a failure."""
    assert read_answer(AIMessage(SUMMARY, response_metadata=metadata)) == SUMMARY


def test_refusals_have_fields_of_their_own() -> None:
    """A refusal in `additional_kwargs` or in a content block is one, whatever text stands beside it."""
    assert _reason(AIMessage(SUMMARY, additional_kwargs={"refusal": "I cannot."})) is Reason.REFUSED
    assert _reason(AIMessage([{"type": "refusal", "refusal": "I cannot."}])) is Reason.REFUSED


@pytest.mark.parametrize(
    "text",
    [
        "I'm sorry, but I can't help with that.", "I’m sorry, but I can’t assist with that request.", "Sorry, I cannot do that.",
        "I am unable to summarize this conversation.", "I cannot provide a summary of this conversation.", "I can't help with that.",
        "I apologize, but I cannot fulfill this request.", "As an AI language model, I cannot summarize personal data.",
        "As an AI, I don't have the ability to do that.", "Unfortunately, I am not able to process this content.",
        "I won't be able to help with that.", "I must decline to summarize this.", "I'm not able to assist with that.",
        "This request violates our usage policies.", "Please provide the conversation that you want me to summarize.",
        "Sure, please share the messages you'd like me to summarize.", "There is no conversation to summarize.",
        "I don't see any messages to summarize. Could you please provide them?", "I'd be happy to help! Please share the conversation.",
        "<think>Not allowed.</think>I'm sorry, but I can't help with that.", "I do not feel comfortable summarizing this.",
        "Es tut mir leid, aber dabei kann ich nicht helfen.", "Tut mir leid, ich kann diese Unterhaltung nicht zusammenfassen.",
        "Leider kann ich diese Anfrage nicht bearbeiten.", "Als KI-Sprachmodell kann ich das nicht.", "Désolé, je ne peux pas vous aider.",
        "Je suis désolé, mais je ne peux pas répondre à cette demande.", "Je ne peux pas résumer cette conversation.",
        "En tant que modèle de langage, je ne peux pas.", "Lo siento, pero no puedo ayudar con eso.", "No puedo ayudarte con eso.",
        "Como modelo de lenguaje, no puedo hacerlo.", "Desculpe, mas não posso ajudar com isso.", "Sinto muito, não posso fazer isso.",
        "Mi dispiace, ma non posso aiutarti.", "Het spijt me, maar daar kan ik niet bij helpen.", "Извините, я не могу помочь с этим.",
        "К сожалению, я не могу ответить на этот запрос.", "对不起，我无法帮助您完成这个请求。", "很抱歉,我不能总结这段对话。",
        "作为一个人工智能语言模型，我无法做到。", "申し訳ありませんが、お手伝いできません。", "すみませんが、その要約はできません。",
        "죄송합니다만 도와드릴 수 없습니다.", "عذرًا، لا أستطيع المساعدة في ذلك.", "क्षमा करें, मैं इसमें मदद नहीं कर सकता।",
    ],
)  # fmt: skip
def test_refusals_in_words_fail(text: str) -> None:
    """A refusal in words is no summary, in whatever language."""
    assert _reason(text) is Reason.REFUSED


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", Reason.EMPTY),
        (" \n\t", Reason.EMPTY),
        ("<think>Hm.</think>", Reason.EMPTY),
        ("<think>Hm.</think>\n\n", Reason.EMPTY),
        ("<think>Bob lives in Oslo, so the summary", Reason.CUT_OFF),
        ("<think>\nBob lives in Oslo.\n\nSummary: Bob lives in Oslo.", Reason.CUT_OFF),
        ("[THINK]Bob lives", Reason.CUT_OFF),
        ("◁think▷Bob lives", Reason.CUT_OFF),
        ("<|channel|>analysis<|message|>Bob lives in Oslo", Reason.CUT_OFF),
        ("<|START_THINKING|>Bob lives", Reason.CUT_OFF),
        ("```\n<think>Bob lives in Oslo", Reason.CUT_OFF),
        ("Bob lives in Oslo.\n<think>\nWait, is it Bergen?", Reason.CUT_OFF),
        ("NONE, but Bob now lives in Oslo and flies on 14 May.", Reason.EMPTY),
        ("NONE\n\nUpdated summary: " + SUMMARY * 5, Reason.EMPTY),
    ],
)
def test_answers_without_a_summary_fail(text: str, reason: Reason) -> None:
    """Nothing, thoughts alone, thoughts without an end, and a NONE that goes on are failures."""
    assert _reason(text) is reason


def test_reasoning_alone_in_a_field_is_no_answer() -> None:
    """An empty answer beside reasoning in another field says nothing."""
    assert _reason(AIMessage("", additional_kwargs={"reasoning_content": "Hm."})) is Reason.EMPTY


def test_finish_reasons_are_returned_in_the_provider_s_word() -> None:
    """The reason that tells most is returned, so that `check_summary` can be given it."""
    assert finish_reason(AIMessage("", response_metadata={"stop_reason": "end_turn"})) == "end_turn"
    assert finish_reason(AIMessage("", response_metadata={"finish_reason": "stop", "done_reason": "length"})) == "length"
    assert finish_reason(AIMessage("", response_metadata={"finish_reason": _Finish.MAX_TOKENS})) == "MAX_TOKENS"
    assert finish_reason(AIMessage("")) is None
    assert finish_reason("a text") is None


def test_an_unusable_answer_is_a_summarization_error() -> None:
    """Callers that handle failing summarizers handle unusable answers as well."""
    assert issubclass(UnusableAnswerError, SummarizationError)


def _reason(answer: Any) -> Reason:
    with pytest.raises(UnusableAnswerError) as failed:
        read_answer(answer)
    return reason_code(failed.value.reason)
