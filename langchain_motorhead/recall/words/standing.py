"""Standing wishes: what a person says once for all later answers, as an instruction or as a preference. Pure.

"Always answer in English" bears on a question that shares no word with it. So a message that has such a wish gets a
term of its own in the index (a mark), and a search looks for these messages beside those that match the question.
"""

from __future__ import annotations

import re

INSTRUCTION, PREFERENCE = "_instruction", "_preference"
"""Terms of messages with a standing wish. No word of a text has an underscore, so no text can forge one."""

ASSISTANT_ROLES = ("ai", "assistant")
"""Roles of messages that a model wrote. What the others say is said by people."""
# Also a tool's result has no wishes: it would be an instruction from outside.
_WITHOUT_WISHES = frozenset({*ASSISTANT_ROLES, "system", "tool", "function"})

# At the start of a sentence, where they order; inside one, they mostly report: "I have always liked it".
_ORDERS = (
    r"always|never|from now on|going forward|in (?:the )?future|by default|whenever i|every time i|when(?:ever)? i ask",
    r"immer|niemals|ab jetzt|ab sofort|von nun an|in zukunft|künftig|wenn ich (?:dich )?frage",
    r"toujours|jamais|désormais|dorénavant|à partir de maintenant|à l'avenir|ne .{1,30} jamais",
    r"siempre|nunca|de ahora en adelante|a partir de ahora|en adelante",
    r"sempre|de agora em diante|a partir de agora|d'ora in (?:poi|avanti)|non .{1,30} mai",
    r"всегда|никогда|впредь|отныне|с этого момента|с сегодняшнего дня|в дальнейшем",
    r"請?总是|始终|永远|以后|今后|从现在(?:起|开始)|務必|务必|每次|总是|一律",
    r"今後は?|これからは?|いつも|必ず|常に|絶対に|毎回",
    r"앞으로는?|항상|언제나|절대로?|지금부터는?|매번",
    r"دائما|دائمًا|أبدا|أبدًا|من الآن فصاعدا|من الآن فصاعدًا|لا .{1,30} أبدا|في كل مرة",
    r"हमेशा|कभी (?:भी )?(?:नहीं|मत)|अब से|आगे से|हर बार",
    r"เสมอ|ตั้งแต่นี้|ต่อไปนี้|จากนี้ไป|ทุกครั้ง|ห้าม",
)
_POLITE = (
    r"please|remember to|make sure to|be sure to|bitte|s'il (?:te|vous) plaît|por favor|per favore|пожалуйста|请|請"
    r"|من فضلك|رجاء|कृपया|กรุณา|โปรด"
)
_ANYWHERE = (
    r"\bfrom now on\b|\bwhen(?:ever)? i ask\b|\bplease (?:always|never)\b|\bab jetzt\b|\bdésormais\b"
    r"|\bde ahora en adelante\b|\bd'ora in poi\b"
    r"|\bотныне\b|从现在(?:起|开始)|今後は|これからは|앞으로는|من الآن فصاعدا|अब से|เสมอ|ตั้งแต่นี้"
)
_PREFERENCES = (
    r"\b(?:i|we)(?:'d|’d| would| do| really| always| usually| generally| much)* (?:prefer|rather)\b",
    r"\bmy preferences?\b",
    r"\bi (?:really )?(?:dislike|hate|can't stand)\b|\bi(?:'m| am) (?:not )?a (?:big )?fan of\b",
    r"\bich (?:bevorzuge|mag lieber|möchte lieber|hätte lieber)\b|\bmir (?:ist|wäre|sind) .{1,40} lieber\b",
    r"\bje préfère\b|\bj'aime mieux\b|\bprefiero\b|\bprefiro\b|\bpreferisco\b|\bme gusta más\b",
    r"\bпредпочитаю\b|\bмне больше нрав",
    r"我(?:更|比较|還是)?(?:喜欢|喜歡|偏好|倾向)|我宁愿|の?方(?:が|を)(?:好き|好み)|が好み|を好みます|선호|더 좋아",
    r"أفضل|أُفضّل|मुझे .{1,40} पसंद|ชอบ.{1,40}มากกว่า",
)
_START = rf"(?:^|[.!?;:。！？।…\n]\s*)(?:(?:{_POLITE})[,，、]?\s*)?"
_INSTRUCTION = re.compile(rf"{_START}(?:{'|'.join(_ORDERS)})(?!\w)|{_ANYWHERE}", re.IGNORECASE)
_PREFERENCE = re.compile("|".join(_PREFERENCES), re.IGNORECASE)
# Scripts without spaces between words have no end of a word behind the order.
_SPACELESS = re.compile(f"{_START}(?:{'|'.join(_ORDERS[6:9] + _ORDERS[11:])})")
# An ASCII text without any of these has no wish. Looking for them takes a twentieth of the time of the patterns.
_HINTS = (
    "always", "never", "from now", "going forward", "future", "default", "whenever", "every time", "i ask", "prefer",
    "rather", "dislike", "hate", "stand", "fan of", "immer", "niemals", "ab jetzt", "ab sofort", "von nun", "zukunft",
    "wenn ich", "bevorzuge", "lieber", "toujours", "jamais", "maintenant", "avenir", "aime mieux", "siempre", "nunca",
    "adelante", "ahora", "prefiero", "prefiro", "sempre", "agora", "d'ora in", " mai",
)  # fmt: skip
_MAX_CHARS = 4_000


def mark(text: str, role: str) -> str:
    """Return the mark of a message, `INSTRUCTION` or `PREFERENCE`, or an empty string if it has no standing wish.

    Code in backticks is not read, and of a very long message only the first 4,000 characters.

    Args:
        text: Text of the message.
        role: LangChain's type of the message, or the role of a `ChatMessage`. Only people have wishes.
    """
    if role in _WITHOUT_WISHES:
        return ""
    lines = " ".join(text[:_MAX_CHARS].split("```")[::2]).split("\n")
    # Without empty lines, since the patterns would try each part of a run of them: seconds for thousands.
    said = "\n".join(filter(None, map(str.strip, lines)))
    if said.isascii():
        low = said.lower()
        if not any(hint in low for hint in _HINTS):
            return ""
    if _INSTRUCTION.search(said) or (not said.isascii() and _SPACELESS.search(said)):
        return INSTRUCTION
    return PREFERENCE if _PREFERENCE.search(said) else ""
