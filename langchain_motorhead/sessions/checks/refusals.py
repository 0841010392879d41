"""Refusals in words, in the languages that models refuse in. Pure."""

from __future__ import annotations

import re

from langchain_motorhead.sessions.checks.wording import folded, size

_LONGEST = 700  # characters: what is longer than this says something else as well
_HEAD = 240  # characters in which it must begin

_NO = (
    r"(?:can ?not|can[’']?t|could(?: not|n[’']?t)|won[’']?t|will not|am (?:not able|unable)|[’']?m (?:not able|"
    r"unable)|must (?:decline|refuse)|do(?:n[’']?t| not) (?:feel comfortable|see any|see the|have (?:the ability|"
    r"access|"
    r"enough)))"
)
_HELP = (
    r"(?:help|assist|summari[sz]|provide|comply|fulfil+|continue|create|generate|process|produce|do (?:that|this)|"
    r"engage|respond|write|answer|complete|support|discuss|share|offer|participate|perform|see (?:any|the)|access|"
    r"decline|refuse|feel comfortable|have)"
)
_APOLOGY = (
    r"(?:i[’']?m|i am|we[’']?re)?\s*(?:very |so |truly |really )?(?:sorry|afraid)|(?:my |i |we "
    r")?(?:sincere(?:ly)? )?apolog(?:ies|i[sz]e)|unfortunately|regrettably"
)
_PATTERNS = [
    # English
    rf"(?:{_APOLOGY})\b[\w ,.;:!—–’'-]{{0,40}}?\bi\s?{_NO}",
    rf"(?:{_APOLOGY})\b[\w ,.;:!—–’'-]{{0,40}}?\b(?:there (?:is|are) no|no) (?:conversation|messages?|content|text)",
    rf"(?:no|well|hello|hi)?[,.! ]*i\s?{_NO}\b[\w ,’'-]{{0,40}}?\b{_HELP}",
    r"as an? (?:ai|artificial intelligence|(?:large )?language model|assistant|responsible)\b[^.]{0,60}?\b(?:i|my)\b",
    r"i[’']?m (?:just |only )?an? (?:ai|artificial intelligence|(?:large )?language model)\b",
    r"(?:this|that|the) (?:request|conversation|content|prompt|message)s? (?:\w+ ){0,3}(?:violates?|goes against|"
    r"(?:was|were|has been|is) "
    r"(?:blocked|flagged|filtered|rejected))",
    r"(?:request|response|content|output) (?:was |has been )?(?:blocked|filtered|refused|rejected)\b",
    r"(?:sure|certainly|of course|okay|ok|yes)?[,!. ]*(?:i[’']?d be (?:happy|glad) to (?:help|assist)|(?:could|can|"
    r"would) you (?:please )?"
    r"(?:provide|share|paste|send)|(?:please|kindly) (?:provide|share|paste|send|give)(?: me)?(?: with)? (?:the|your|"
    r"more|some|a|any)\b)"
    r"[^\n]{0,120}?(?:conversation|messages?|text|context|content|transcript|summary|help|details)",
    r"(?:there (?:is|are|was|were)|i (?:see|found|find|have)) no (?:conversation|messages?|text|content)s? (?:\w+ "
    r"){0,4}"
    r"(?:to summari[sz]e|provided|given|here|above|found)",
    r"it (?:is|would be) (?:not appropriate|inappropriate|unethical) for me",
    r"i (?:really |truly |simply |just )(?:can ?not|can[’']?t|won[’']?t) \w+",
    r"(?:your|this|the) (?:request|response|prompt|message|output) (?:was|has been|is) (?:flagged|filtered|blocked|"
    r"rejected)",
    r"(?:i need more (?:information|context)|(?:it )?(?:seems|looks|appears)(?: like| that)?)?[,. ]*(?:but )?(?:you "
    r"(?:have not|haven[’']t|did"
    r" not|didn[’']t) (?:provided?|shared?|given?|included?|pasted?)|there (?:are|is) no (?:messages?|conversation|"
    r"text|content)|please provide)",
    r"(?:hello|hi|hey|sure)?[!,. ]*(?:how (?:can|may) i (?:help|assist)|what (?:would|do) you (?:like|want) me to)",
    # German
    r"(?:es )?tut mir (?:\w+ )?leid\b.{0,40}?\b(?:ich|kann|diese|dabei|das)\b.{0,60}?\b(?:nicht|keine?n?)\b",
    r"(?:entschuldigung|entschuldige|leider|sorry|verzeihung)\b[ ,.!]*(?:aber )?(?:das |dies |dabei )?(?:ich (?:kann|"
    r"darf|bin)|(?:kann|darf|"
    r"bin) ich)\b.{0,60}?\b(?:nicht|keine?n?)\b",
    r"ich (?:kann|darf|werde) (?:\w+ ){0,6}(?:nicht|keine?n?) (?:\w+ ){0,4}(?:helfen|zusammenfassen|bearbeiten|"
    r"beantworten|"
    r"erstellen|unterstutzen|weiterhelfen|behilflich|erfullen)",
    r"ich bin (?:leider )?nicht in der lage",
    r"als (?:ein[e]? )?(?:ki\b|ki-|kunstliche intelligenz|sprachmodell)",
    # French
    r"(?:je suis |je m[’']en |je )?(?:vraiment )?(?:desolee?|navree?|excuse|regrette)\b.{0,30}?\bje (?:ne )?(?:peux|"
    r"puis|"
    r"suis|"
    r"pourrai)",
    r"je (?:ne|n[’'])\s?(?:peux|puis|suis) pas (?:\w+ ){0,4}(?:aider|resumer|repondre|fournir|traiter|capable|"
    r"autorise|en mesure|"
    r"vous aider|faire|repondre)",
    r"(?:malheureusement|helas|desole)[ ,]+je (?:ne|n[’'])",
    r"en tant qu[e’' ]+\s?(?:une? )?(?:ia\b|modele|intelligence|assistant)",
    # Spanish, Portuguese, Italian
    r"(?:lo siento|lo lamento|disculp[ae]|perdon|lamentablemente|desafortunadamente|me temo que)\b.{0,30}?\bno "
    r"(?:puedo|me es posible|estoy)",
    r"no puedo (?:\w+ ){0,2}(?:ayudar|resumir|proporcionar|responder|cumplir|procesar|continuar|generar|hacer eso|"
    r"ayudarte|ayudarle)",
    r"como (?:un |una |um |uma )?(?:modelo|ia\b|inteligencia|asistente|assistente)",
    r"(?:desculpe|desculpa|sinto muito|lamento|infelizmente|pe[cç]o desculpa)\b.{0,30}?\bnao (?:posso|consigo|me e "
    r"possivel|estou)",
    r"nao (?:posso|consigo) (?:\w+ ){0,2}(?:ajudar|resumir|fornecer|responder|processar|atender|continuar)",
    r"(?:mi (?:di)?spiace|spiacente|purtroppo|scusa|chiedo scusa)\b.{0,30}?\bnon (?:posso|sono|riesco)",
    r"non posso (?:\w+ ){0,2}(?:aiutar|riassumere|fornire|rispondere|elaborare|continuare|soddisfare)",
    r"(?:come|in quanto) (?:un |una )?(?:modello|ia\b|intelligenza|assistente)",
    # Dutch, Polish, Russian, Turkish
    r"(?:het spijt me|sorry|helaas)\b.{0,20}?\b(?:ik kan|kan ik|ik mag|ik ben)\b.{0,60}?\b(?:niet|geen)\b",
    r"ik kan (?:\w+ ){0,4}niet (?:\w+ ){0,3}(?:helpen|samenvatten|beantwoorden|verwerken)",
    r"als (?:een )?(?:ai|taalmodel)\b",
    r"(?:przykro mi|przepraszam|niestety)\b.{0,30}?\bnie moge",
    r"(?:извините|простите|к сожалению|прошу прощения|мне жаль|извиняюсь)\b.{0,30}?\bя? ?не (?:могу|смогу|в состоянии)",
    r"я не (?:могу|смогу) (?:\w+ ){0,3}(?:помочь|ответить|предоставить|обобщить|выполнить|обработать|составить|"
    r"обсуждать)",
    r"(?:как|я) (?:искусственный интеллект|языковая модель|ии\b)",
    r"uzgunum\b.{0,40}?(?:amiyorum|emiyorum|amam|emem)",
    # Chinese, Japanese, Korean, Arabic, Hindi: without accents and vowel signs
    r"(?:非常|很|十分)?(?:对不起|對不起|抱歉|不好意思|遗憾).{0,16}?(?:不能|无法|無法|没法|没有办法|不可以|不便)",
    r"我?(?:不能|无法|無法)(?:为您|为你|帮您|帮你|帮助|协助|提供|总结|處理|处理|满足|回答|完成|继续|生成|对此)",
    r"(?:作为|作為|我是)(?:一个|一名|一款|個)?(?:ai|人工智能|语言模型|大语言模型|大型语言模型)",
    r"(?:申し訳|すみません|こめんなさい|ごめんなさい|恐れ入りますか|残念なから).{0,40}?(?:てきません|てきかねます|できません|いたしかねます|お答え|お手伝い|対応)",
    r"(?:お手伝い|要約|対応|お答え|提供)(?:を?する|は|を)?(?:こと|ことは)?(?:は|か)?(?:てきません|てきかねます|いたしかねます)",
    r".{0,16}(?:要約|お手伝い|対応|回答)(?:する|を)?(?:こと|事)は?(?:てきません|てきかねます|ない)",
    r"(?:ai|人工知能|言語モテル).{0,10}?(?:として)",
    r"(?:죄송|미안|유감).{0,40}?(?:없습니다|없어요|어렵습니다|못합니다)",
    r"(?:도와|도움을|제공|요약|답변|처리).{0,12}?(?:수 없습니다|수 없어요|드릴 수 없)",
    r"(?:عذرا|اسف|اعتذر|للاسف|المعذرة).{0,30}?(?:لا|لن|لست)\s?(?:استطيع|يمكنني|اقدر|قادرا)",
    r"لا (?:استطيع|يمكنني) (?:\w+ ){0,3}(?:مساعد|تلخيص|المساعدة|تقديم|الاجابة|تنفيذ)",
]
_REFUSAL = re.compile("(?:" + "|".join(_PATTERNS) + ")", re.DOTALL)
_HINDI = re.compile(folded("(?:क्षमा|माफ|मुझे खेद|खेद है).{0,80}?(?:नहीं|असमर्थ)"), re.DOTALL)


def is_refusal(text: str) -> bool:
    """Whether a text begins like a model's refusal to summarize, or asks for the messages, and says little else.

    A summary may tell of an apology or of a refusal; it does so in the third person, or at some length.
    """
    if size(text) > _LONGEST:
        return False
    head = folded(text.lstrip(" \t\r\n\"'“”«*_`#>-")[:_HEAD])
    return _REFUSAL.match(head) is not None or _HINDI.match(head) is not None
