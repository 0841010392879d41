"""The many forms in which models say that new messages add nothing to a summary. Pure.

The answer is not asked for as structured output: a JSON schema is not read as a stream, so that an answer which runs on
could not be stopped; small models fill it badly; and a server that only speaks OpenAI's protocol may refuse it. What a
model says in a schema of its own is understood all the same (`answers.py`). What is not recognised here is checked as a
summary, and "nothing new" of messages full of names and numbers loses none of them (`sessions/compaction/writing.py`).
"""

from __future__ import annotations

import re

from langchain_motorhead.sessions.checks.wording import WIDE, folded, size

_LONGEST_REST = 16  # characters of a language without spaces, after what says it
_LONGEST = 220  # characters: a longer answer says something

# All that an answer says, in any case, quoted or bracketed.
_NONE = frozenset(
    folded(each)
    for each in (
        "none|nothing|nil|null|no_new_information|nothing_new|no_change|no_update|n/a|na|n.a.|not applicable|no|no "
        "answer|no response|no reply|no change|no changes|no update|no updates|unchanged|no "
        "summary|"
        "empty|nothing new|nothing to add|nothing else|no new information|same|same as before|no addition|no "
        "additions|void|"
        "keine|keins|keiner|kein|nichts|nichts neues|keine änderung|keine änderungen|unverändert|nein|entfällt|"
        "aucun|aucune|rien|rien de nouveau|rien de neuf|néant|inchangé|inchangée|aucun changement|rien à ajouter|non|"
        "ninguno|ninguna|ningún|nada|nada nuevo|sin cambios|sin novedades|sin novedad|ningún cambio|nada que añadir|"
        "nenhum|nenhuma|nada de novo|sem alterações|sem mudanças|sem novidades|nada a acrescentar|não|"
        "nessuno|nessuna|niente|nulla|niente di nuovo|nessun cambiamento|nessuna novità|invariato|nulla di nuovo|"
        "geen|niets|niets nieuws|geen wijzigingen|geen wijziging|ongewijzigd|geen verandering|nee|"
        "нет|ничего|ничего нового|без изменений|отсутствует|нет изменений|никаких|немає|нічого|нічого нового|"
        "brak|nic|nic nowego|żadne|bez zmian|brak zmian|žádné|žádný|nic nového|beze změny|beze změn|"
        "inga|ingen|inget|inget nytt|ingenting|intet|ingen ändring|inga ändringar|oförändrat|ikke noe nytt|intet nyt|"
        "ei mitään|ei uutta|ei muutoksia|yok|hiçbiri|hiçbir şey|değişiklik yok|yeni bir şey yok|"
        "κανένα|τίποτα|καμία|τίποτα νέο|niciunul|nimic|nimic nou|nincs|semmi|nincs változás|niciuna|"
        "无|無|没有|沒有|暂无|無し|空|无变化|無變化|没有变化|无更新|无新增|无新信息|没有新信息|没有新内容|无新内容|无需更新|不变|"
        "なし|無し|ない|ありません|特になし|特にありません|変更なし|変化なし|追加なし|該当なし|新情報なし|"
        "없음|없습니다|없다|없어요|해당 없음|"
        "변경 없음|변화 없음|변동 없음|새로운 내용 없음|새로운 정보 없음|추가 내용 없음|"
        "لا شيء|لا يوجد|لا جديد|لا شيء جديد|لا تغيير|بدون تغيير|לא|אין|אין חדש|כלום|ללא שינוי|"
        "कोई नहीं|कुछ नहीं|कुछ नया नहीं|कोई बदलाव नहीं|नहीं|शून्य|کوئی نہیں|هیچ|هیچی|"
        "tidak ada|tidak ada yang baru|tiada|không có|không|không có gì mới|không có gì|ไม่มี|ไม่มีอะไรใหม่|"
        "ไม่มีข้อมูลใหม่|"
        "ningú|cap|res|res de nou|ez|bat ere ez|wala"
    ).split("|")
)

_NEWS = (
    r"(?:information|informationen|info|details?|facts?|content|contents|data|updates?|messages?|points?|changes?|"
    r"news|topics?|"
    r"elements?|developments?|substance|context|material|significan\w+|relevan\w+|anything|items?|additions?|"
    r"statements?)"
)
_NEW = (
    r"(?:(?:new|further|additional|other|more|relevant|important|significant|meaningful|substantive|substantial|"
    r"notable|useful|factual|extra|noteworthy|material) (?:or |and |, )?){1,3}"
)
_ADVERBS = r"(?:(?:really|actually|simply|also|currently|essentially|basically|just|therefore|thus) )?"
_SUBJECT = (
    r"(?:the |these |those |this )?(?:(?:new|latest|recent|last|provided|given|above|following) )*"
    r"(?:messages?|conversation|exchange|dialogue|content|text|turns?)s? "
)
_ADDS = (
    rf"(?:{_SUBJECT}{_ADVERBS}(?:contains?|provides?|adds?|includes?|ha[sv]e?|offers?|brings?|introduces?) |it "
    rf"adds )"
)
_THERE = rf"(?:there(?: is| are| was| were|[’']s) {_ADVERBS}|(?:i|we) (?:have|see|find|found) |{_ADDS})"
_NO_NEWS = re.compile(
    rf"(?:{_THERE})?no (?:{_NEW}(?:{_NEWS})?|{_NEWS})\b|{_ADDS}nothing\b|(?:{_THERE})?nothing (?:{_NEW}|new|else|"
    rf"further|"
    r"more|relevant|important|significant|of (?:note|importance|substance|relevance|interest|significance)|"
    r"to (?:add|update|report|change|summari[sz]e|extend)|(?:was |has |is |been )*(?:added|changed|missing|new))\b"
)
_IN_WORDS = [
    # English
    rf"{_SUBJECT}(?:(?:are|is|were|was|contains?|consists? of|includes?) )?(?:just|only|merely|simply|nothing but) "
    r"(?:(?:contain|consist of|include|are|a|an|some|simple|brief|short|polite|casual|more) )*(?:greetings?|small talk|"
    r"pleasantries|thanks|thank|chit-?chat|courtes\w+|acknowledg\w+|confirmations?|farewells?|goodbyes?)",
    r"(?:the |these |those )?(?:(?:new|latest|recent|last|provided|given) )*(?:messages?|conversation|exchange)s? "
    r"(?:do(?:es)?|did)(?: not|n[’']t) "
    r"(?:add|contain|provide|include|introduce|bring|change|contribute|offer)",
    rf"(?:the )?(?:(?:existing|previous|current|old|above|original) )?summary (?:so far |above )?(?:(?:remains|stays|"
    rf"is|has|"
    rf"needs|does|should|can|doesn[’']t|already|does not) )?"
    rf"(?:still |already )?(?:{_ADVERBS})(?:the same|unchanged|not|no|up[- ]to[- ]date|current|complete|accurate|"
    rf"valid|remain|"
    rf"stay|as it is|need|change|covers|(?:covers|includes|reflects|contains) (?:everything|all))",
    r"(?:i (?:do not|don[’']t) have|there (?:isn[’']t|is not|aren[’']t|are not)) (?:anything|any)\b",
    r"same (?:summary )?as (?:before|above)",
    r"no (?:need to (?:update|change|extend|add)|(?:summary )?(?:update|change|addition|extension)s?\b)|not needed|"
    r"nothing worth",
    r"none of (?:the |these )?(?:new |latest |recent )?messages? (?:\w+ )?"
    r"(?:adds?|contains?|provides?|brings?|changes?|has|have|is|are)",
    # German
    r"(?:es (?:gibt|gab|liegen|wurden?) |(?:die|in den) (?:neuen )?nachrichten (?:enthalten|bringen|fugen|liefern|"
    r"gibt es) (?:der zusammenfassung )?)?"
    r"(?:nichts|keine(?:n|r|s)?) (?:\w+ )?(?:\w+ )?(?:neue\w*|weitere\w*|zusatzlich\w*|relevant\w*|wichtig\w*|"
    r"hinzu\w*|anderung\w*|information\w*|erganz\w*)",
    r"die (?:bisherige |bestehende |alte )?zusammenfassung (?:bleibt|ist|muss|braucht)",
    # French
    r"(?:il n[’']y a |les (?:nouveaux |derniers )?messages (?:n[’'](?:ajoutent|apportent|contiennent) ))?(?:rien|"
    r"aucune?s?|pas de?) "
    r"(?:\w+ )?(?:nouve\w+|a ajouter|information\w*|changement\w*|de plus|element\w*|ajout\w*|modification\w*|"
    r"supplementaire\w*)",
    r"les (?:nouveaux |derniers )?messages (?:n[’']|ne )(?:ajoutent|apportent|contiennent) (?:rien|aucune?|pas)",
    r"le resume (?:reste|est|demeure|ne change|n[’'])",
    # Spanish, Portuguese, Italian
    r"(?:no hay|no existe|no se \w+|los (?:nuevos )?mensajes(?: nuevos)? no \w+|sin|nada|ninguna?)\b(?: \w+){0,3}? ?"
    r"(?:nuev\w+|informacion|cambios?|novedad\w*|anadir|agregar|adicional\w*|relevante\w*|modificacion\w*)",
    r"(?:los (?:nuevos |ultimos )?mensajes(?: nuevos)?|as (?:novas )?mensagens|i (?:nuovi )?messaggi) (?:no|nao|non) "
    r"\w+ "
    r"(?:nada|nulla|niente)",
    r"el resumen (?:no cambia|sigue|permanece|se mantiene|queda|es el mismo)",
    r"(?:nao ha|nao existe\w*|as (?:novas )?mensagens nao \w+|sem|nada|nenhuma?)\b(?: \w+){0,3}? ?"
    r"(?:nov[oa]s?|informac\w+|alterac\w+|mudanc\w+|acrescentar|adicionar|adicional\w*|relevante\w*|novidades)",
    r"o resumo (?:permanece|continua|nao muda|mantem|fica|segue)",
    r"(?:non (?:c[’']e|ci sono)|i (?:nuovi )?messaggi non \w+|niente|nulla|nessuna?)\b(?: \w+){0,3}? ?"
    r"(?:nuov[oaie]|informazion\w+|cambiament\w+|modific\w+|aggiungere|rilevant\w+|novita|aggiuntiv\w+|altro)",
    r"il (?:riassunto|riepilogo) (?:rimane|resta|non cambia|e invariato)",
    # Dutch, Polish, Russian
    r"(?:er (?:is|zijn) |de nieuwe berichten (?:voegen|bevatten) )?(?:niets|geen) (?:\w+ )?(?:nieuw\w*|toe te voegen|"
    r"wijziging\w*|informatie|aanvulling\w*|extra|relevant\w*)",
    r"de samenvatting blijft",
    r"(?:brak|nie ma|nic)\b(?: \w+)? (?:now\w+|zmian|informacji|do dodania)",
    r"(?:новые сообщения |в новых сообщениях )?(?:нет|ничего|не (?:содержат|добавляют|содержится)|никак\w+)(?: \w+)? "
    r"(?:нов\w+|информац\w+|изменени\w+|не добав\w+|добавить|значим\w+)",
    r"(?:нов\w+|дополнительн\w+|значим\w+) (?:информаци\w+|сведени\w+|данн\w+|факт\w+|детал\w+) нет",
    r"(?:нечего (?:добавить|добавлять)|без изменений|(?:резюме|сводка) (?:остается|не изменил\w+|без изменений))",
    # Chinese, Japanese, Korean, Arabic, Hindi, as `folded` writes them
    r"(?:新消息|新的消息|对话|以上消息|这些消息)?(?:中|里)?(?:并)?(?:没有|沒有|无|無|未|不)(?:任何|什么|提供|包含|添加|增加|带来|需要?|有)*"
    r"(?:(?:新|额外|其他|更多|实质性?|重要|相关)的?(?:信息|資訊|资讯|内容|內容|消息|事实|细节|要点|东西|进展|变化)|更新|变化|變化|"
    r"补充|補充|新增|改变|(?<=[加充要])的|添加|新的?(?=。|$))",
    r"(?:摘要|总结|總結|概要)(?:保持|维持|維持|没有|无需|無需|不需要|仍然|无)(?:不变|不變|变化|更新|修改|改变|原样)?",
    r".{0,16}(?:情報|内容|事項|変更|追加|点|もの|要素|こと)(?:は|か|も)?(?:特に)?(?:ありません|なし|ない|ございません|含まれていません)",
    r"要約(?:に|は)(?:変更|変化|そのまま|追加)(?:は|か)?(?:ありません|なし|てす)?",
    r".{0,16}(?:정보|내용|사항|변경|변화|추가|것)(?:가|이|은|는|도|할)?\s?(?:\w{1,4} )?(?:없|포함되어 있지 않)",
    r"(?:لا (?:توجد|يوجد|تحتوي|تضيف|شيء)|ليس هناك|ليست هناك)(?: \w+){0,3} ?(?:جديد\w*|معلومات|تغيير\w*|اضاف\w*)",
    r"(?:الملخص) (?:يبقى|لم يتغير|كما هو)",
]
_WORDS = re.compile("|".join(f"(?:{pattern})" for pattern in _IN_WORDS))
_HINDI = re.compile(folded("(?:.{0,20}(?:कोई|कुछ) .{0,24}नहीं|सारांश (?:वही|अपरिवर्तित))"))
_BUT = re.compile(
    r"\b(?:but|however|except|although|though|only that|apart from|other than|besides|aber|jedoch|ausser|sauf|mais|"
    r"excepto|pero|"
    r"salvo|mas|exceto|tranne|ma|maar|behalve|но|кроме)\b|但|除了|不过|しかし|たたし|하지만|그러나|لكن|باستثناء|लेकिन"
)
_TAG_OR_BRACKET = re.compile(r"^[\s\W_]*(.*?)[\s\W_]*$", re.DOTALL)
_WITH_REASON = re.compile(
    r"^[\W_]*(NONE|N/A|NIL|NULL|none|None)[\"'`*_)\]>”’]*\s*(?:[-–—:;,.(]|because\b|as\b|since\b|\n)", re.DOTALL
)
_FIRST_WORD = re.compile(r"[\W_]*([^\W\d_]+)[\"'`*_)\]>”’]*\s*(?:[-–—:;,.(。：，、]|\n)(.*)", re.DOTALL)
_WIDE = re.compile(f"[{WIDE}]")
_SHARED = frozenset("none ai human user assistant llm ok okay summary i".split())
_NAME = re.compile(r"(?<=[\w,;] )[A-Z][\w’'-]+")
_ADDRESSED = re.compile(r"(?:let me know|feel free|please)\b.*$", re.IGNORECASE | re.DOTALL)


def says_nothing_new(text: str) -> bool:
    """Whether an answer says that there is nothing to add, in one word or in a sentence, in many languages.

    Not so where it goes on to tell something: "None of the flights suited Bob", "No new flight, but a train at 10:30".

    Args:
        text: An answer without reasoning and label.
    """
    text = text.strip()
    if size(text) > _LONGEST:
        return False
    bare = _bare(text)
    if (
        bare in _NONE
        or bare.strip("/") in _NONE
        or ((words := set(re.split(r"\W+", bare))) <= _NONE and len(words) == 1)
    ):
        return True
    if _BUT.search(folded(text)):
        return False
    if reason := _WITH_REASON.match(text):
        rest = text[reason.end() :].strip()
        # In capitals it is the word that was asked for, whatever the reason says.
        return not rest or reason[1].isupper() or _denies(rest)
    if (reason := _FIRST_WORD.match(text)) and folded(reason[1]) in _NONE:
        rest = reason[2].strip()
        plain = reason[1].isupper() and len(reason[1]) > 3 and not any(character.isdigit() for character in rest)
        return plain or _denies(rest)
    return _denies(text)


def hedges(text: str) -> bool:
    """Whether an answer begins with the word for nothing new and goes on to tell something."""
    return _WITH_REASON.match(text.strip()) is not None and text.strip("\"'`*_([< ").startswith("NONE")


def _denies(text: str) -> bool:
    text = _ADDRESSED.sub("", text)
    if any(character.isdigit() for character in text):
        return False
    if {name.lower() for name in _NAME.findall(text)} - _SHARED and not _german(text):
        return False
    plain = folded(text).lstrip("\"'“„«([*_- ")
    no_news = _NO_NEWS.match(plain)
    match = no_news or _WORDS.match(plain) or _HINDI.match(plain)
    if match is None:
        return False
    rest = plain[match.end() :]
    if re.search(r"[;；:：]", rest) or (_WIDE.search(plain) and len(rest) > _LONGEST_REST):
        return False
    tail, _, after = re.sub(r"[.!?。！？]\s*", "\n", rest, count=1).partition("\n")
    if after.strip() and not _repeats_it(after.strip()):
        return False
    return no_news is None or not tail.strip() or _TAIL.match(tail) is not None


def _repeats_it(plain: str) -> bool:
    """Whether a second sentence says what nothing new means for the summary."""
    patterns = (_NO_NEWS, _WORDS, _HINDI)
    return any(each.match(plain) for each in patterns) or _bare(plain) in _NONE or _SUMMARY.search(plain) is not None


_SUMMARY = re.compile(r"summary|zusammenfassung|resum|riassunto|samenvatting|摘要|总结|要約|요약|ملخص|резюме|none\b")
# "No new flights were found" is news; "no new information in these messages" is not.
_TAIL = re.compile(
    r"[\s,:–—-]*(?:(?:in|from|to|for|with|by|of|about|that|which|was|were|is|are|has|have|had|can|could|needs?|needed|"
    r"required|necessary|beyond|here|"
    r"at|since|as|so|worth|given|provided|added|found|and|or|on|new|else|further|additional|relevant|important|"
    r"significant|"
    r"informations?|facts?|details?|decisions?|changes?|preferences?|updates?|happened|said|mentioned|discussed|"
    r"shared|occurred|requests?|content|present|available|be|"
    r"been|since|because|therefore|hence|none)\b|\)|\"|$)"
)


def _bare(text: str) -> str:
    """Return what an answer says without quotes, brackets, tags, markup and final marks."""
    found = _TAG_OR_BRACKET.match(text)
    return folded(" ".join((found[1] if found else text).split())).strip()


def _german(text: str) -> bool:
    return re.search(r"\b(?:nichts|keine|keinen|bleibt|es gibt)\b", text, re.IGNORECASE) is not None
