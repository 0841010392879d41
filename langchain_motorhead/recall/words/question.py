"""Questions: what a search text asks for, beside its words. Pure.

A question about the conversation itself ("summarize what we did", "what did you recommend?") shares few words with the
messages that answer it. Its form tells which messages these are.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime

from langchain_motorhead.recall.words.scripts import words
from langchain_motorhead.recall.words.times import Order, Period, order_of, periods_of

_SUMMARY = re.compile(
    # Not "resume" and "résumé" alone, which are what people send to employers.
    r"\b(?:summar\w+|overview|recap)\b|zusammenfass|\brésumer\b|\brésumé d[eu']|\bresum(?:en|ir|o)\b|\briassum"
    r"|итог|обобщ|总结|總結|概括|回顾"
    r"|まとめ|要約|요약|ملخص|لخص|सारांश|สรุป",
    re.IGNORECASE,
)
_TALKS = r"(?: [\w']+){0,3} (?:conversation|discussion|session|chat|talk|message|request|question)s?"
_COURSE = re.compile(
    # Not "in order to", and not the order that was placed in a shop.
    r"\b(?:in (?:the |what |which |chronological )?order(?! to\b)|the order in which|order of events"
    r"|(?:(?:across|throughout|over the course of|in all(?: of)?) (?:our|my|all|the|these|different|multiple|several)"
    rf"|(?:over|during) (?:all )?our){_TALKS}"
    r"|over time|so far|everything (?:that )?(?:we|i|you)|how(?: [\w']+){1,10} (?:develop|evolv|progress)ed"
    r"|how did(?: [\w']+){1,5} (?:develop|evolve|progress)"
    r"|im laufe|bisher|reihenfolge|in all(?:en)? unseren (?:gesprächen|unterhaltungen|chats|sitzungen)"
    r"|au fil|jusqu['’]ici|quel ordre|dans l['’]ordre|toutes nos (?:conversations|discussions)"
    r"|a lo largo|hasta ahora|en (?:qué )?orden|todas nuestras (?:conversaciones|charlas)"
    r"|ao longo|até agora|em (?:que |qual )?ordem|todas as nossas conversas"
    r"|finora|in (?:che |quale )?ordine|tutte le nostre (?:conversazioni|discussioni)"
    r"|по порядку|в каком порядке|за всё время|до сих пор|во всех наших (?:разговорах|беседах))\b"
    r"|到目前为止|到目前為止|顺序|順序|所有(?:的)?(?:对话|聊天|谈话|對話)|これまで|順番|全ての会話|すべての会話"
    r"|지금까지|순서|모든 대화|حتى الآن|بأي ترتيب|بالترتيب|كل محادثاتنا|جميع محادثاتنا|अब तक|क्रम में|सभी बातचीत"
    r"|ที่ผ่านมา|ลำดับ|ทุกบทสนทนา",
    re.IGNORECASE,
)
_COUNT = re.compile(
    r"\b(?:how (?:many|much)|number of|in total|wie ?viele?|wie oft|insgesamt|combien|cuánt[oa]s?|quant(?:[eio]|[oa]s)"
    r"|сколько)\b|多少|几[个次]|幾[個次]|いくつ|何[回個件度]|몇|كم|कितन|กี่|เท่าไ",
    re.IGNORECASE,
)
_TOLD = (
    "said|recommended|suggested|advised|told|explained|mentioned|gave|given|provided|proposed|outlined|showed|described"
    "|helped"
)
_ADDRESSED = re.compile(
    rf"\b(?:did|have|had) you\b|\byou(?:'ve|’ve| have| had)? (?:\w+ )?(?:{_TOLD})\b"
    r"|\byour (?:advice|suggestion|recommendation|answer|explanation|response)s?\b"
    r"|\bhast du\b|\bhaben sie\b|\b(?:as-tu|avez-vous|tu as|vous avez)\b|\b(?:me )?(?:recomendaste|dijiste|sugeriste)\b"
    r"|\bhai (?:detto|consigliato)\b|\bты (?:сказал|советовал|предл)|\bвы (?:сказали|советовали|предл)"
    r"|你(?:说|建议|推荐|告诉)|(?:言い|勧め|教えてくれ)ましたか|(?:말했|추천했|알려)|(?:قلت|نصحت|اقترحت)|आपने|คุณ(?:บอก|แนะนำ)",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Question:
    """What a search text asks for.

    Attributes:
        words: Its words, for the names in it.
        summary: Whether it asks for a summary, which is made of questions and their answers.
        overview: Whether it asks about the course of conversations, which their openings tell best.
        several: Whether its answer is spread over several sessions: it asks in what order things came up, or how many
            there were.
        addressed: Whether it asks what the assistant said.
        periods: When what it asks for was said; empty if it does not say so.
        order: Whether it asks for what was said first or latest.
    """

    words: frozenset[str] = frozenset()
    summary: bool = False
    overview: bool = False
    several: bool = False
    addressed: bool = False
    periods: tuple[Period, ...] = ()
    order: Order | None = None

    @property
    def timed(self) -> bool:
        """Whether the times of messages matter."""
        return bool(self.periods) or self.order is not None


def to_question(text: str, now: datetime | None = None) -> Question:
    """Return what a search text asks for.

    Args:
        text: The search text.
        now: When it is asked, in the time zone of who asks. None for the present time, in UTC.
    """
    summary, course = _SUMMARY.search(text) is not None, _COURSE.search(text) is not None
    # What is counted was said anywhere in a session, not only when the session opened.
    counted = course and _COUNT.search(text) is not None
    return Question(
        words=frozenset(words(text)),
        summary=summary,
        overview=summary or (course and not counted),
        several=course and not summary,
        addressed=_ADDRESSED.search(text) is not None,
        periods=periods_of(text, datetime.now(UTC) if now is None else now),
        order=order_of(text),
    )
