"""Answers without what models put around a text: labels, fences, quotes, tags, JSON. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

_NOUN = (
    r"(?:summar(?:y|ies)|zusammenfassung|r[eé]sum[eé]|synth[eè]se|resumen|resumo|sum[aá]rio|riassunto|riepilogo|"
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
    r"aqui está|ecco|вот|以下是|这是|以下は|다음은|إليك|यहाँ|यह)"
)
_WORD = r"(?:[^\W\d_]+(?:[-’'][^\W\d_]+)*)"
_END = r"\s*[*_]*\s*[:：]\s*[*_]*[ \t]*"
_LABELS = [
    # Here is the updated summary of the conversation so far:
    re.compile(
        rf"{_SURE}{_HERE}[^\n:：.。]{{0,60}}?{_NOUN}[^\n:：.。]{{0,80}}?(?:{_END}|[.。][*_]*[ \t]*\n)", re.IGNORECASE
    ),
    # New summary: / **Updated Summary:** / Summary of the conversation: / 更新后的摘要:
    re.compile(
        rf"{_SURE}(?!(?:the|a|an|der|die|le|la|el|il|o) (?:user|human|customer|nutzer|utilisateur|usuario)\b)"
        rf"(?:{_WORD} ){{0,3}}(?:[^\W\d_]{{0,6}}?){_NOUN}(?: (?:of|so far|update|updated|der|des|du|de|del|da|della|"
        rf"van|mise? à|"
        rf"mis à jour|actualizado|atualizado|aggiornato|المحدث)(?: {_WORD}){{0,4}})?(?: \([^)\n]{{0,40}}\))?{_END}",
        re.IGNORECASE,
    ),
    re.compile(
        rf"(?:final |my )?(?:answer|output|response|result|antwort|r[ée]ponse|respuesta|ответ|答案|回答){_END}",
        re.IGNORECASE,
    ),
    # ## Summary, **Summary**, [Summary], 【摘要】 on a line of its own
    re.compile(
        rf"(?:{_WORD} ){{0,2}}(?:[^\W\d_]{{0,6}}?){_NOUN}(?: {_WORD}){{0,3}}[ \t]*[*_\]】」=]*[ \t]*(?:\n+|$)",
        re.IGNORECASE,
    ),
    # Sure! / Certainly, on a line of its own
    re.compile(r"(?:sure|certainly|of course|absolutely)(?: thing)?[!,.:]+\s*\n+", re.IGNORECASE),
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
_KEYS = re.compile(
    r"summar|zusammenfassung|resum|riassunto|samenvatting|摘要|总结|要約|요약|ملخص|सारांश|резюме", re.IGNORECASE
)
_TEXT_KEYS = ("text", "answer", "result", "content", "output", "response", "final", "memory", "message", "value")
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
        text = _untagged(_unfenced(text.strip()))
        if (data := _parsed(text)) is not None:
            found = text_of_data(data)
            if found is None:
                return None
            text = found
        text = _unquoted(_unlabelled(text)).strip()
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


def _unlabelled(text: str) -> str:
    for label in _LABELS:
        ornament = _ORNAMENT.match(text)
        if found := label.match(text, ornament.end() if ornament else 0):
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
    return tagged[2].strip() if tagged and tagged[2].strip() else text


def _unquoted(text: str) -> str:
    text = text.strip()
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
        return None
