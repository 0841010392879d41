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
_OVERVIEW = re.compile(
    r"\bin (?:the |what |which )?order\b|\bthe order\b|\bthroughout\b|\bacross\b|\bover time\b|\bso far\b"
    r"|\beverything\b|\b(?:develop|evolv|progress)(?:ed|es)?\b|\bim laufe\b|\bbisher\b|\bau fil\b"
    r"|\ba lo largo\b|\bao longo\b"
    r"|\bfinora\b|по порядку|за всё время|到目前为止|顺序|これまで|順番|지금까지|순서|حتى الآن|अब तक|ที่ผ่านมา",
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
        addressed: Whether it asks what the assistant said.
        periods: When what it asks for was said; empty if it does not say so.
        order: Whether it asks for what was said first or latest.
    """

    words: frozenset[str] = frozenset()
    summary: bool = False
    overview: bool = False
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
    summary = _SUMMARY.search(text) is not None
    return Question(
        words=frozenset(words(text)),
        summary=summary,
        overview=summary or _OVERVIEW.search(text) is not None,
        addressed=_ADDRESSED.search(text) is not None,
        periods=periods_of(text, datetime.now(UTC) if now is None else now),
        order=order_of(text),
    )
