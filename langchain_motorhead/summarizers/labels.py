"""Answers without what models put around a text: labels, fences, quotes, tags, JSON. Pure."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Mapping
from typing import Any

_NOUN = (
    r"(?:summar(?:y|ies)|zusammenfassung|résumé|resumé|résume|synth[eè]se|resumen|resumo|sum[aá]rio|riassunto|"
    r"riepilogo|"
    r"sommario|"
    r"samenvatting|резюме|краткое содержание|сводка|"
    r"摘要|总结|總結|概要|小结|要約|まとめ|サマリー?|요약(?:문|본)?|(?:ال)?ملخص|"
    r"सारांश|podsumowanie|streszczenie|özet|sammanfattning|sammendrag|yhteenveto|shrnutí|περίληψη|tóm tắt|ringkasan|"
    r"สรุป)"
)
_SURE = (
    r"(?:(?:sure|certainly|of course|absolutely|okay|ok|here you go|gerne|natürlich|bien sûr|claro|certo|конечно|"
    r"好的|もちろん)[!,.，。！]*\s*)?"
)
_HERE = (
    r"(?:here(?:[’']s| is| are)|below is|this is|the following is|hier (?:ist|sind|is)|voici|voilà|aquí (?:está|"
    r"tienes?)|este es|"
    r"aqui está|ecco|вот|以下是|这是|以下は|以下が|다음은|إليك|यहाँ|यह)"
)
_WORD = r"(?:[^\W\d_]+(?:[-’'][^\W\d_]+)*)"
_TALK = (
    r"(?:conversation|chat|dialogue?|discussion|exchange|messages?|session|unterhaltung|gesprächs?|dialogs?|"
    r"conversación|"
    r"conversazione|conversa|gesprek|беседы|разговора|диалога)"
)
_END = r"\s*[*_]*\s*[:：]\s*[*_]*[ \t]*"
_LABELS = [
    # Here is the updated summary of the conversation so far:
    re.compile(
        rf"{_SURE}{_HERE}[^\n:：.。]{{0,60}}?{_NOUN}[^\n:：.。]{{0,80}}?(?:{_END}|[.。][*_]*[ \t]*\n)", re.IGNORECASE
    ),
    # New summary: / **Updated Summary:** / Summary of the conversation so far: / The new summary is:
    re.compile(
        rf"{_SURE}(?!(?:the|a|an|der|die|le|la|el|il|o) (?:user|human|customer|nutzer|utilisateur|usuario)\b)"
        rf"(?:{_WORD} ){{0,3}}(?:[^\W\d_]{{0,6}}?){_NOUN}(?: (?:so far|updated?|mise? à jour|mis à jour|actualizado|"
        rf"atualizado|aggiornato|المحدث)|(?: {_WORD}){{1,2}} {_TALK}(?: so far)?)?(?: \([^)\n]{{0,40}}\))?"
        rf"(?: is| lautet| est| es)?(?:{_END}|\s+[-–—]\s+)",
        re.IGNORECASE,
    ),
    re.compile(
        rf"(?:(?:final |my )?answer|(?:the )?additions?(?: to the summary)?|new information|what is new|"
        rf"conversation so far|memory|output|response|antwort|r[ée]ponse|respuesta|ответ|答案|"
        rf"回答){_END}",
        re.IGNORECASE,
    ),
    # [Summary] 【摘要】
    re.compile(rf"(?<=[\[【「]){_NOUN}[\]】」]\s*", re.IGNORECASE),
    # ## Summary, **Summary**, [Summary], 【摘要】 on a line of its own
    re.compile(
        rf"(?:{_WORD} ){{0,2}}(?:[^\W\d_]{{0,6}}?){_NOUN}(?: "
        rf"{_WORD}){{0,3}}[ \t]*[*_\]】」=]*[ \t]*(?:\n[-=]{(3,)}[ \t]*)?(?:\n+|$)",
        re.IGNORECASE,
    ),
    # Sure! / Certainly, here you go: on a line of its own
    re.compile(
        r"(?:sure|certainly|of course|absolutely|okay|ok)(?: thing)?(?:[!,. ]+here (?:you go|it is|you "
        r"are))?[!,.:]+\s*\n+",
        re.IGNORECASE,
    ),
]
_ORNAMENT = re.compile(r"[\s*_#>=\[【「-]*(?=\S)")
_FENCE = re.compile(r"(```+|~~~+)[ \t]*([\w+-]*)[ \t]*\n(.*?)(?:\n[ \t]*\1)?[ \t]*", re.DOTALL)
_INLINE_FENCE = re.compile(r"```(?:\w+\s)?([^`\n]+)```")
_TAGGED = re.compile(
    r"<(?P<tag>(?:\w+_)?(?:summary|answer|output|response|result|final|text|memory|zusammenfassung|resumen|"
    r"resume))\b[^<>]*>(.*?)"
    r"(?:</(?P=tag)\s*>|\Z)",
    re.IGNORECASE | re.DOTALL,
)
_QUOTES = {'"': '"', "'": "'", "“": "”", "„": "“", "«": "»", "‘": "’", "「": "」", "『": "』", "`": "`"}
_RULE = re.compile(r"[-*_=]{3}")
_RULED = re.compile(r"(?:[-*_=]{3,}[ \t]*\n+)?(.*?)(?:\n+[-*_=]{3,})?", re.DOTALL)
_BOXED = re.compile(r"\$*\\boxed\{(?:\\text\{)?([^{}]*)\}+\$*")
_REASONED = re.compile(
    r"[\W_]*(?:thoughts?|(?:my )?thinking(?: process)?|reasoning|analysis|chain of thought)[*_ ]*:", re.IGNORECASE
)
_CONCLUDED = re.compile(
    r"^(?:[^\S\n]|[*#_])*+(?:(?:final|new|updated) )?(?:summary|answer)[*_ ]*+:[*_]*", re.MULTILINE | re.IGNORECASE
)
_OFFER = re.compile(
    r"\n+[ \t]*(?:(?:please )?let me know|i hope (?:this|that)|feel free|is there anything else|would you like me|"
    r"if you (?:need|have|want|would)|lass(?:en sie)? mich wissen|n[’']hésitez pas|avísame|si necesitas)[^\n]*$",
    re.IGNORECASE,
)
_QUOTE_MARKS = re.compile(r"^>[ \t]?", re.MULTILINE)
_INVISIBLE = "\ufeff\u200b\u200e\u200f\u2060"
_KEYS = re.compile(
    r"summar|zusammenfassung|resum|riassunto|samenvatting|摘要|总结|要約|요약|ملخص|सारांश|резюме", re.IGNORECASE
)
_FIRST_KEY = re.compile(r"""\{\s*["'](\w[\w -]{0,40})["']\s*:""")
_TEXT_KEYS = ("text", "answer", "result", "content", "output", "response", "final", "memory", "message", "value")
_HEAD = 300  # characters in which a label ends
_ROUNDS = 6


def unwrapped(text: str) -> str | None:
    """Return the text itself, without label, fence, tags, quotes or JSON around it.

    Args:
        text: What a model answered, without its reasoning.

    Returns:
        None where the answer is data without a text, as `{"summary": null}` or `[]`.
    """
    for _ in range(_ROUNDS):
        before = text
        text = _untagged(_unfenced(text.strip().strip(_INVISIBLE).strip()))
        text = _OFFER.sub("", text)
        if (data := _parsed(text)) is not None:
            found = text_of_data(data)
            if found is None:
                return None
            text = found
        text = _unquoted(_unlabelled(_concluded(text))).strip()
        if text == before:
            break
    return text


def text_of_data(data: Any) -> str | None:
    """Return the text in structured data: under a key that says summary, else the only one; None if there is none."""
    if isinstance(data, str):
        return data.strip() or None
    if isinstance(data, list):
        texts = [text for each in data if (text := text_of_data(each))]
        return "\n".join(texts) or None
    if not isinstance(data, Mapping):
        return None
    named = [value for key, value in data.items() if _KEYS.search(str(key)) and not isinstance(value, bool)]
    if not named:
        named = [data[key] for key in _TEXT_KEYS if key in data] or (list(data.values()) if len(data) == 1 else [])
    return next((text for value in named if (text := text_of_data(value))), None)


def is_broken_data(text: str) -> bool:
    """Whether a text that could not be parsed begins as a JSON object with a summary: it is cut off, or has faults."""
    key = _FIRST_KEY.match(text)
    return key is not None and (_KEYS.search(key[1]) is not None or key[1].lower() in _TEXT_KEYS)


def _concluded(text: str) -> str:
    """Return what follows the label of a summary in a text that begins with the label of reasoning."""
    labels = list(_CONCLUDED.finditer(text)) if _REASONED.match(text) else []
    return text[labels[-1].end() :] if labels else text


def _unlabelled(text: str) -> str:
    head = text[:_HEAD]
    for label in _LABELS:
        ornament = _ORNAMENT.match(head)
        if found := label.match(head, ornament.end() if ornament else 0):
            rest = text[found.end() :].strip()
            bold = "*" in text[: found.start()] or "*" in found[0]
            return rest.lstrip("*_").lstrip() if bold and rest.count("**") % 2 else rest
    return text


def _unfenced(text: str) -> str:
    if (fence := _FENCE.fullmatch(text)) and fence[1] not in fence[3]:
        return fence[3].strip()
    inline = _INLINE_FENCE.fullmatch(text)
    return inline[1].strip() if inline else text


def _untagged(text: str) -> str:
    tagged = _TAGGED.fullmatch(text)
    return tagged[2].strip() if tagged else text


def _unquoted(text: str) -> str:
    text = text.strip()
    ruled, boxed = _RULED.fullmatch(text) if _RULE.search(text) else None, _BOXED.fullmatch(text)
    text = (boxed or ruled or [text, text])[1].strip()
    if all(line.startswith(">") for line in text.splitlines()):
        text = _QUOTE_MARKS.sub("", text)
    for mark in ("**", "__"):
        if len(text) > 4 and text.startswith(mark) and text.endswith(mark) and text.count(mark) == 2:
            text = text[2:-2].strip()
    closing = _QUOTES.get(text[:1])
    inside = text[1:-1]
    if len(text) > 2 and closing and text.endswith(closing) and closing not in inside and text[0] not in inside:
        return inside.strip()
    return text


def _parsed(text: str) -> Any:
    """Parse an answer that is JSON as a whole; None if it is not."""
    if text[:1] + text[-1:] not in ("{}", "[]"):
        return None
    try:
        return json.loads(text, strict=False)
    except (ValueError, RecursionError):
        pass
    try:
        data = ast.literal_eval(text)
    except (ValueError, SyntaxError, RecursionError, MemoryError):
        return None
    return data if isinstance(data, dict | list) else None
