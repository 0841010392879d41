"""However a model says that there is nothing to add, the summary stays."""

import pytest

from langchain_motorhead.summarizers.answers import NOTHING_NEW, read_answer

FORMS = [
    "NONE", "None.", "none", '"NONE"', "'NONE'", "`NONE`", "**NONE**", "(none)", "[NONE]", "<none/>", "<NONE>",
    "- NONE", "> NONE", "NONE!", "“None”", "```\nNONE\n```", "Summary: NONE", "New summary:\nNONE", "Answer: NONE",
    "<think>Only greetings.</think>NONE", "<think>Only greetings.</think>\n\n**None.**",
    "Only greetings.\n</think>\nNONE", '{"summary": null}', '{"summary": "NONE"}', '{"summary": ""}',
    '{"nothing_new": true}', "null", "[]", "{}", '{"answer": "none"}', '```json\n{"summary": null}\n```',
    "<summary>NONE</summary>", "N/A", "n/a", "nil", "Nil.", "Nothing.", "No.", "No change.",
    "NONE - the new messages add nothing", "NONE — only small talk.", "NONE (the messages are greetings)",
    "NONE: nothing new", "NONE. The new messages add nothing to the summary.",
    "NONE\n\nThe new messages are only greetings.", "None - there is no new information.",
    "NONE, as the messages only contain greetings", "None, the new messages add nothing.",
    "NONE because the user only said thanks", "No new information.",
    "No new information was provided in the new messages.", "There is nothing to add.",
    "There is nothing new to add to the summary.", "Nothing to add.", "Nothing new.",
    "The summary remains unchanged.", "The existing summary remains unchanged.", "Summary unchanged.", "Unchanged",
    "The summary stays the same.", "The new messages do not add any new information.",
    "The new messages add nothing new.", "The messages don't contain any relevant information.",
    "There are no new facts, decisions or details.", "No additional details were shared.", "No updates.",
    "No update needed.", "No changes are needed to the summary.",
    "There is no new information to add. The summary remains unchanged.",
    "These messages contain no new information.", "There isn't anything to add.",
    "The conversation contains no relevant information.", "No relevant new information.",
    "The previous summary is still up to date.", "Nothing significant was added.", "No new facts.", "Keine", "Nichts",
    "Nichts Neues.", "KEINE", "Keine neuen Informationen.", "Es gibt nichts hinzuzufügen.",
    "Es gibt keine neuen Informationen.", "Die Zusammenfassung bleibt unverändert.",
    "Die neuen Nachrichten enthalten nichts Neues.", "Keine Änderungen.", "AUCUNE", "Aucune.", "RIEN",
    "Rien de nouveau.", "Rien à ajouter.", "Aucune nouvelle information.", "Il n'y a rien à ajouter.",
    "Le résumé reste inchangé.", "Néant", "NINGUNO", "Ninguna", "NADA", "Nada nuevo.", "No hay información nueva.",
    "No hay nada que añadir.", "Sin cambios.", "Sin novedades", "El resumen no cambia.", "Nenhuma.", "Nada de novo.",
    "Não há nada a acrescentar.", "Nenhuma informação nova.", "Sem alterações.", "Nessuna", "Niente",
    "Niente di nuovo.", "Nessuna nuova informazione.", "Non c'è nulla da aggiungere.",
    "Il riassunto rimane invariato.", "Geen", "Niets", "Geen nieuwe informatie.", "Er is niets toe te voegen.",
    "De samenvatting blijft ongewijzigd.", "Нет", "НЕТ.", "Ничего нового.", "Нет новой информации.",
    "Нечего добавить.", "Без изменений.", "Brak", "Nic nowego.", "无", "無。", "没有", "没有新信息。", "无新信息",
    "没有需要补充的内容。", "摘要保持不变。", "新消息没有提供任何新信息。", "なし", "なし。", "「なし」", "特になし",
    "新しい情報はありません。", "追加する情報はありません。", "変更なし", "없음", "없습니다.",
    "새로운 정보가 없습니다.", "추가할 내용이 없습니다.", "변경 사항 없음", "لا شيء", "لا يوجد",
    "لا توجد معلومات جديدة.", "لا جديد", "कोई नहीं", "कुछ नहीं।", "कोई नई जानकारी नहीं है।", "Yok", "Inga",
    "Inget nytt", "Ei mitään", "Không có", "Tidak ada", "ไม่มี",
]  # fmt: skip


@pytest.mark.parametrize("answer", FORMS)
def test_nothing_new_has_many_forms(answer: str) -> None:
    """A model that says, in whatever way, that nothing is to be added changes no summary."""
    assert read_answer(answer) is NOTHING_NEW
