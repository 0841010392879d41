"""Words that name times in questions, in the most common languages of chats. Pure data.

All are regular expressions over text without case and accents, as `folded` returns it. In them `COUNT`, `UNIT`,
`WEEKDAY` and `MONTH` stand for the words of `sessions/checks/dates.py`.
"""

from __future__ import annotations

from langchain_motorhead.sessions.checks.dates import MONTHS as MONTHS_OF_DATES
from langchain_motorhead.sessions.checks.wording import folded


def _either(words: str) -> str:
    """Return a pattern of words and phrases that are separated by bars. Words of alphabets with spaces stand alone."""
    apart = [folded(each.strip()) for each in words.split("|")]
    spaced = "|".join(each for each in apart if each[-1] < "\u0e00")
    others = "|".join(each for each in apart if each[-1] >= "\u0e00")
    return "|".join(filter(None, (rf"\b(?:{spaced})\b" if spaced else "", others)))


HINTS = frozenset(
    "today tonight morning afternoon evening night yesterday weekend heute gestern vorgestern wochenende hui hoy hoje "
    "oggi vandaag ayer ontem ieri gisteren anteayer anteontem eergisteren il".split()
)
"""An ASCII text without any of these words, and without a year, a unit, a month or a weekday, names no time."""
ORDER_HINTS = (
    "first", "earliest", "initially", "originally", "beginning", "zuerst", "erstes", "ersten", "anfang", "premier",
    "debut", "primera", "principio", "primero", "inicio", "prima", "inizio", "eerst", "last", "latest", "newest",
    "recent", "zuletzt", "letzte", "neueste", "aktuelle", "dernier", "ultim", "laatst",
)  # fmt: skip
"""An ASCII text without any of these words asks for no order."""
MONTHS = MONTHS_OF_DATES | {
    folded(word): at
    for at, words in enumerate(
        "январь январе|февраль феврале|март марте|апрель апреле|май мае|июнь июне|июль июле|август августе"
        "|сентябрь сентябре|октябрь октябре|ноябрь ноябре|декабрь декабре".split("|"),
        1,
    )
    for word in words.split()
}
"""Number of a month by its names. Russian ones are also in the form that follows "в"."""
PERIODS = {
    ("day", 0): _either(
        "today|tonight|this (?:morning|afternoon|evening)|heute|aujourd'hui|hoy|hoje|oggi|vandaag|сегодня|اليوم|आज"
        "|今天|今日|오늘|วันนี้"
    ),
    ("day", -1): _either(
        "(?<!before )yesterday|last night|gestern|ayer|ontem|ieri|gisteren|(?:qu'|j'ai |ai-je |avons-nous ).{0,40}hier"
        "|вчера|أمس|البارحة|昨天|昨日|어제|เมื่อวาน"
    ),
    ("day", -2): _either(
        "day before yesterday|vorgestern|avant-hier|anteayer|anteontem|l'altro ieri|eergisteren|позавчера|أول أمس"
        "|前天|一昨日|그저께|เมื่อวานซืน"
    ),
    ("week", 0): _either(
        "this week|diese woche|cette semaine|esta semana|questa settimana|deze week|на этой неделе|هذا الأسبوع"
        "|इस हफ्ते|इस सप्ताह|这周|本周|这个星期|今週|이번 주|สัปดาห์นี้"
    ),
    ("week", -1): _either(
        "(?:last|previous) week|(?:letzten?|vorigen?|vergangenen?) woche|(?:la )?semaine (?:derniere|passee)"
        "|semana (?:pasada|passada)|settimana scorsa|scorsa settimana|(?:vorige|afgelopen) week|на прошлой неделе"
        "|الأسبوع الماضي|पिछले हफ्ते|पिछले सप्ताह|上周|上週|上个?星期|上个?礼拜|先週|지난주|지난 주|สัปดาห์ที่แล้ว|อาทิตย์ที่แล้ว"
    ),
    ("weekend", -1): _either(
        "(?:last|this past) weekend|(?:letztes|voriges|am) wochenende|le week-?end dernier|(?:el )?fin de semana pasado"
        "|fim de semana passado|(?:lo )?scorso (?:fine settimana|weekend)|afgelopen weekend|на прошлых выходных"
        "|上个?周末|先週末|지난 주말"
    ),
    ("month", 0): _either(
        "this month|diesen monat|ce mois-ci|este mes|questo mese|deze maand|в этом месяце|هذا الشهر|इस महीने"
        "|这个?月|本月|今月|이번 달|เดือนนี้"
    ),
    ("month", -1): _either(
        "(?:last|previous) month|(?:letzten|vorigen|vergangenen) monat|(?:le )?mois (?:dernier|passe)"
        "|mes (?:pasado|passado)|mese scorso|scorso mese|(?:vorige|afgelopen) maand|в прошлом месяце|الشهر الماضي"
        "|पिछले महीने|上个?月|先月|지난달|지난 달|เดือนที่แล้ว"
    ),
    ("year", 0): _either(
        "this year|dieses jahr|cette annee|este ano|quest'anno|dit jaar|в этом году|هذا العام"
        "|هذه السنة|इस साल|今年|올해|ปีนี้"
    ),
    ("year", -1): _either(
        "(?:last|previous) year|(?:letztes|voriges|vergangenes) jahr|l'an(?:nee)? (?:dernier|passe)e?"
        "|ano (?:pasado|passado)|anno scorso|scorso anno|vorig jaar|в прошлом году|العام الماضي|السنة الماضية|पिछले साल"
        "|去年|昨年|작년|지난해|ปีที่แล้ว"
    ),
}
"""Periods: the unit, and the distance from the present one."""
CJK_COUNTS = {"一": 1, "二": 2, "两": 2, "兩": 2} | {each: at for at, each in enumerate("三四五六七八九十", 3)}
_NUMBER = r"(?<![\d一二两兩三四五六七八九十百])(\d{1,3}|[一二两兩三四五六七八九十])"
AGO = (
    r"\b(COUNT) (?:of )?(UNIT) (?:ago|fa|atras|geleden|назад)\b",
    r"\b(?:vor|hace|il y a|ha) (COUNT) (UNIT)\b",
    rf"{_NUMBER} ?(天|日|周|週|个星期|个月|か月|ヶ月|年|일|주|개월|달|년)(?:间|間)? ?(?:之?前|전)",
)
"""A number of units before now. The first group is the number, the second the unit."""
ROLLING = (
    r"\b(?:last|past|previous) (COUNT) (?:of )?(UNIT)\b",
    r"\bpast ()(UNIT)\b",
    r"\b(?:letzten|vergangenen) (COUNT) (UNIT)\b",
    r"\b(?:dernier|derniere)s (COUNT) (UNIT)\b|\b(COUNT) (?:dernier|derniere)s (UNIT)\b",
    r"\b(?:ultimos|ultimas|ultimi|ultime|afgelopen|последние) (COUNT) (UNIT)\b",
    rf"(?:最近|过去|過去){_NUMBER} ?(天|日|周|週|个星期|个月|か月|ヶ月|年)",
)
"""The time from a number of units ago until now."""
CJK_UNITS = {
    "天": "day", "日": "day", "일": "day", "周": "week", "週": "week", "个星期": "week", "주": "week", "个月": "month",
    "か月": "month", "ヶ月": "month", "개월": "month", "달": "month", "年": "year", "년": "year",
}  # fmt: skip
WEEKDAY = (
    r"(?<!every )(?<!each )(?<!next )(?<!jeden )(?<!nachsten )(?<!chaque )(?<!cada )(?<!ogni )"
    r"\b(?:(?:last|this past|on|letzten|am|vergangenen|le|el|lo scorso) )(WEEKDAY)\b"
)
"""The latest such day."""
LAST = ("last ", "letzten ", "vergangenen ", "lo scorso ")
"""Words before the name of today's weekday that mean the one a week ago."""
_YEAR = r"(?:(?:,| of| de| del|) (?P<year>(?:19|20)\d\d))?"
DATES = (
    r"\b(?P<year>(?:19|20)\d\d)-(?P<month>\d\d)(?:-(?P<day>\d\d))?\b",
    rf"\b(?P<day>\d{{1,2}})(?:st|nd|rd|th|er|\.|)(?: of| de)? (?P<month>MONTH)\b\.?{_YEAR}",
    rf"\b(?P<month>MONTH)\.? (?P<day>\d{{1,2}})(?:st|nd|rd|th|)\b{_YEAR}",
    rf"\b(?P<month>MONTH)\b\.?{_YEAR}",
    r"\b(?:in|during|of|since|before|after|by|until|till|im jahr|seit|ab|vor|bis|nach|en|de|depuis|avant|apres|desde"
    r"|hasta|em|nel|dal|dopo|sinds|vanaf|voor|в|с|до|после) "
    r"(?P<named>(?:the year )?(?P<year>(?:19|20)\d\d))\b(?![-\d])",
    r"(?P<year>(?:19|20)\d\d)[年년]\s?(?P<month>\d{1,2})[月월](?:\s?(?P<day>\d{1,2})[日号號일])?",
    r"(?<!\d)(?P<month>\d{1,2})[月월](?:\s?(?P<day>\d{1,2})[日号號일])?(?!間)",
    r"(?P<year>(?:19|20)\d\d)[年년]",
)
"""Days, months and years by their names. Where a word has to stand before the name, the group `named` leaves it out."""
BESIDE_MONTH = r"\b(?:in|last|since|during|until|im|letzten|seit|en|em|depuis|desde) $"
"""Words before the name of a month that could also be another word."""
_THE = r"\s*(?:the |den |dem |der |le |la |el |il |lo |l'|de |het )?$"
SINCE = rf"(?:\b(?:since|starting|seit|ab|depuis|desde|a partir de|dal|sinds|vanaf)|(?<!\w)(?:с|начиная с)){_THE}"
AFTER = rf"\b(?:after|later than|nach|apres|despues del?|depois de|dopo|na|после){_THE}"
BEFORE = (
    rf"\b(?:before|until|till|prior to|earlier than|by|vor|bis(?: zum)?|avant|jusqu'au|antes del?|hasta|ate"
    rf"|prima d[ie]l?|fino al?|voor|tot|до){_THE}"
)
"""Words before a time, such as "since", "after" and "before"."""
THEN_BEFORE, THEN_SINCE = r"\s?(?:之前|以前|より前|まで|이전|전에|까지)", r"\s?(?:之?后|以后|以来|以降|から|이후|부터)"
"""The same, behind a time."""
BETWEEN = r"\b(?:between|from|zwischen|von|vom|entre|du|tra|fra|tussen|van|между)" + _THE
AND = r"\s*(?:and|to|until|till|und|bis(?: zum)?|et|au|y|e|a|al|en|tot|и|[-–—~])\s*(?:the |den |dem |le |el |il |de )?"
"""Words before and between the two times of a period, such as "between" and "and"."""

_SAID = (
    r"(?:mention|sa(?:y|id)|tell|told|talk|ask|br(?:ing|ought)|discuss|c[oa]me up|wr[io]te|propose|suggest|recommend"
    r"|describe|bring)"
)
_THING = r"(?:thing|time|message|question|conversation|advice|suggestion|recommendation|mention|version|statement)"
FIRST = (
    rf"\bfirst {_SAID}|\b{_SAID}\w* (?:\w+ ){{0,2}}(?:first|at first)\b(?! [a-z])|\bsay first\b|\btell \w+ first\b",
    rf"\bfirst {_THING}|\bearliest\b|\b(?:initially|originally)\b|\b(?:in|at) the (?:very )?beginning\b",
    r"\bzuerst\b|\bals erstes\b|\bzum ersten mal\b|\bursprunglich\b|\bganz am anfang\b",
    r"\ben premier\b|\bla premiere fois\b|\bau (?:tout )?debut\b|\bpor primera vez\b|\bal principio\b|\blo primero\b",
    r"\bpela primeira vez\b|\bno inicio\b|\bper la prima volta\b|\ball'inizio\b|\bvoor het eerst\b",
    "впервые|в первый раз|в самом начале|最早|第一次|最初|一开始|初めて|처음|أول مرة|في البداية|पहली बार|शुरू में|ครั้งแรก",
)
LATEST = (
    rf"\b(?:last|latest|newest|most recent) {_THING}|\b(?:latest|newest)\b|\bmost recent(?:ly)?\b",
    rf"\b(?:did|have|has|had) (?:\w+ )?last {_SAID}|\b{_SAID}\w* last\b(?! [a-z])",
    r"\bzuletzt\b|\bals letztes\b|\bzum letzten mal\b|\b(?:das|die|der|den) (?:neueste|aktuellste)n?\b",
    r"\ben dernier\b|\bla derniere fois\b|\bdernierement\b|\ble plus recent\b|\b(?:la|por) ultima vez\b",
    r"\bmas reciente(?:mente)?\b|\blo ultimo\b|\bmais recente(?:mente)?\b|\bl'ultima volta\b|\bpiu recente\b",
    r"\bvoor het laatst\b|\bmeest recente?\b|в последний раз|последн(?:ее|ии|яя|юю)|最近一次"
    "|最后一次|最新|最後に|마지막|최신|آخر مرة|آخر شيء|आखिरी बार|ครั้งล่าสุด|ล่าสุด",
)
"""What asks for what was said first, and latest."""
