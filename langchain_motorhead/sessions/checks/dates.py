"""Months and weekdays that a text names, in the languages that chats are mostly in. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator

_MONTHS = (
    "january januar janvier enero janeiro gennaio januari января|february februar fevrier febrero fevereiro febbraio "
    "februari февраля|march marz mars marzo marco maart марта|april avril abril aprile апреля|may mai mayo maio maggio "
    "mei мая|june juni juin junio junho giugno июня|july juli juillet julio julho luglio июля|august aout agosto "
    "augustus августа|september septembre septiembre setembro settembre сентября|october oktober octobre octubre "
    "outubro ottobre октября|november novembre noviembre novembro ноября|december dezember decembre diciembre "
    "dezembro dicembre декабря"
)
_SHORT_MONTHS = "jan|feb|mar|apr||jun|jul|aug|sep sept|oct okt|nov|dec dez"
_WEEKDAYS = (
    "monday montag lundi lunes segunda-feira lunedi maandag понедельник|tuesday dienstag mardi martes terca-feira "
    "martedi dinsdag вторник|wednesday mittwoch mercredi miercoles quarta-feira mercoledi woensdag среда среду|"
    "thursday "
    "donnerstag jeudi jueves quinta-feira giovedi donderdag четверг|friday freitag vendredi viernes sexta-feira "
    "venerdi "
    "vrijdag пятница пятницу|saturday samstag sonnabend samedi sabado sabato zaterdag суббота субботу|sunday sonntag "
    "dimanche domingo domenica zondag воскресенье"
)
_MONTH = {word: at for at, words in enumerate(_MONTHS.split("|"), 1) for word in words.split()}
_SHORT_MONTH = {word: at for at, words in enumerate(_SHORT_MONTHS.split("|"), 1) for word in words.split()}
_WEEKDAY = {word: at for at, words in enumerate(_WEEKDAYS.split("|"), 1) for word in words.split()}
_ALSO_WORDS = {"may", "march", "mars", "mai", "marco"}  # months in lower case only beside a number
_DATE_WORD = re.compile(r"[^\W\d_]+(?:-feira)?")
_HYPHENATED = "-feira"
_BESIDE_DIGIT = re.compile(r"\d(?:st|nd|rd|th)?\.?,?\s(?:of |de |di )?$")
_ISO_END = re.compile(r"-([0-9][0-9])-[0-9][0-9]\b")  # what follows the year, since a literal is found fast
_ISO_YEAR = re.compile(r"\b[0-9]{4}\Z")
_CJK_MONTH = re.compile(r"(\d{1,2})\s?[月월]")
_CJK_DAY = re.compile(r"(?:星期|周|週|礼拜)([一二三四五六日天])|([月火水木金土日])曜|([월화수목금토일])요일")
_CJK_DAYS = {
    each: at
    for at, days in enumerate("一月월|二火화|三水수|四木목|五金금|六土토|日天일".split("|"), 1)
    for each in days
}

MONTHS = {**_SHORT_MONTH, **_MONTH}
"""Number of a month, 1 to 12, by its names and short names, in lower case without accents."""
WEEKDAYS = _WEEKDAY
"""Number of a weekday, 1 (Monday) to 7, by its names, in lower case without accents."""
COUNTS = {
    word: at
    for at, words in enumerate(
        "|one a an ein eine einem einer un una une uno um uma een|couple two zwei dos deux due dois duas twee два две|"
        "few three drei tres trois tre drie три|four vier cuatro quatre quattro quatro четыре|"
        "five funf cinco cinq cinque vijf пять|six sechs seis sei zes шесть|"
        "seven sieben siete sept sette sete zeven семь|eight acht ocho huit otto oito восемь|"
        "nine neun nueve neuf nove negen девять|ten zehn diez dix dieci dez tien десять".split("|")
    )
    for word in words.split()
}
"""What a word counts, in lower case without accents."""
UNITS = {
    word: unit
    for unit, words in {
        "day": "day days tag tage tagen jour jours dia dias giorno giorni dag dagen день дня днеи",
        "week": "week weeks woche wochen semaine semaines semana semanas settimana settimane weken неделя неделю "
        "недели недель",
        "month": "month months monat monate monaten mois mes meses mese mesi maand maanden месяц месяца месяцев",
        "year": "year years jahr jahre jahren an ans annee annees ano anos anno anni jaar jaren год года лет",
    }.items()
    for word in words.split()
}
"""The unit of time that a word names, `day`, `week`, `month` or `year`, in lower case without accents."""
_ALL_WORDS = frozenset(MONTHS) | frozenset(_WEEKDAY)
# Months by words that mean something else as well, or by short ones: where they stand has to tell.
_UNSURE = _ALSO_WORDS | (frozenset(_SHORT_MONTH) - frozenset(_MONTH))
DATE_WORDS = frozenset(_MONTH) | frozenset(_WEEKDAY)
"""Names of months and weekdays, in lower case without accents."""
# Before the first word of a sentence, a line, a quotation or a value.
_BEGINNING = re.compile(r"(?:^|[.!?…:。！？|>\n\r\t([{\"“„«*#•-]|'\b)[\s\"'“„«(*¿¡_-]*$")
_LOOK_BACK = 8  # characters


def dates_of(text: str, plain: str, words: frozenset[str]) -> frozenset[str]:
    """Return the months and weekdays of a text, as `month 3` and `weekday 1`.

    Args:
        text: The text.
        plain: The same as `folded` returns it.
        words: The words of that, as `words_of` returns them.
    """
    months, days = list(_iso_months(plain)), list[tuple[str, ...]]()
    if not plain.isascii():
        months += _CJK_MONTH.findall(plain)
        days += _CJK_DAY.findall(plain)
    found = {f"month {int(each)}" for each in months if 1 <= int(each) <= 12}
    found |= {f"weekday {_CJK_DAYS[''.join(each)]}" for each in days}
    if _HYPHENATED in plain:
        words = frozenset(_DATE_WORD.findall(plain))
    for word in _ALL_WORDS & words:
        if number := _WEEKDAY.get(word):
            found.add(f"weekday {number}")
        elif (month := f"month {MONTHS[word]}") not in found and (
            word not in _UNSURE or any(_names_month(word, at, text, plain) for at in _places(word, plain))
        ):
            found.add(month)
    return frozenset(found)


def begins_sentence(text: str, at: int) -> bool:
    """Whether the word at a position is the first of a sentence, a line, a quotation or a value."""
    return _BEGINNING.search(text, max(0, at - _LOOK_BACK), at) is not None


def is_month(word: str, at: int, text: str, plain: str) -> bool:
    """Whether the name of a month at a position means the month, and not another word, as "may" or "march".

    Args:
        word: The name, as `folded` returns it.
        at: Where it begins.
        text: The text.
        plain: The same as `folded` returns it.
    """
    if word in _ALSO_WORDS or word in _SHORT_MONTH:
        return _is_meant(at, at + len(word), text, plain)
    return True


def _names_month(word: str, at: int, text: str, plain: str) -> bool:
    """Whether a word at a position names a month, where it may be another word; a short name does beside a number."""
    end = at + len(word)
    return _is_meant(at, end, text, plain) if word in _ALSO_WORDS else _near_digit(at, end, plain)


def _iso_months(plain: str) -> Iterator[str]:
    """Yield the months of dates such as 2024-05-31."""
    for match in _ISO_END.finditer(plain):
        if _ISO_YEAR.search(plain[max(0, match.start() - 5) : match.start()]):
            yield match[1]


def _places(word: str, plain: str) -> Iterator[int]:
    """Yield where a word stands alone, and not within another."""
    at = plain.find(word)
    while at >= 0:
        end = at + len(word)
        if not (
            _is_letter(plain[at - 1 : at]) or _is_letter(plain[end : end + 1]) or plain.startswith(_HYPHENATED, end)
        ):
            yield at
        at = plain.find(word, end)


def _is_letter(character: str) -> bool:
    return character.isalnum() and not character.isdecimal()


def _is_meant(start: int, end: int, text: str, plain: str) -> bool:
    capital = len(plain) == len(text) and text[start].isupper()
    return (capital and not begins_sentence(plain, start)) or _near_digit(start, end, plain)


def _near_digit(start: int, end: int, plain: str) -> bool:
    after = plain[end : end + 4].lstrip(". ")
    before = plain[max(0, start - _LOOK_BACK) : start]
    return after[:1].isdigit() or _BESIDE_DIGIT.search(before) is not None
