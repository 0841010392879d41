"""Numbers that a text spells in words, for the languages that chats are mostly in. Pure.

Generous on purpose: "twenty" stands for 20 to 29, since a number follows it in many spellings ("twenty-five",
"fünfundzwanzig", "veinticinco"). It is used to excuse a number that a summary writes in digits, never to find one.
"""

from __future__ import annotations

import re

from langchain_motorhead.sessions.checks.wording import folded

_UNITS = {
    1: "one eins ein eine une un uno una um uma een один одна",
    2: "two zwei deux dos dois duas due twee два две",
    3: "three drei trois tres tre drie три",
    4: "four vier quatre cuatro quatro quattro четыре",
    5: "five funf cinq cinco cinque vijf пять",
    6: "six sechs seis sei zes шесть",
    7: "seven sieben sept siete sete sette zeven семь",
    8: "eight acht huit ocho oito otto восемь",
    9: "nine neun neuf nueve nove negen девять",
    10: "ten zehn dix diez dez dieci tien десять عشرة दस",
    11: "eleven elf onze once undici одиннадцать ग्यारह",
    12: "twelve zwolf douze doce doze dodici twaalf двенадцать dozen dutzend douzaine docena duzia dozzina dozijn noon "
    "midday midnight mittag mittags mitternacht midi minuit mediodia medianoche meio-dia mezzogiorno mezzanotte "
    "полдень "
    "полночь 正午 中午 बारह",
}
_TEENS = {
    13: "thirteen dreizehn treize trece tredici dertien тринадцать",
    14: "fourteen vierzehn quatorze catorce catorze quattordici veertien четырнадцать fortnight",
    15: "fifteen funfzehn quinze quince quindici vijftien пятнадцать पंद्रह",
    16: "sixteen sechzehn seize dieciseis dezesseis dezasseis sedici zestien шестнадцать",
    17: "seventeen siebzehn dix-sept diecisiete dezessete dezassete diciassette zeventien семнадцать",
    18: "eighteen achtzehn dix-huit dieciocho dezoito diciotto achttien восемнадцать",
    19: "nineteen neunzehn dix-neuf diecinueve dezenove dezanove diciannove negentien девятнадцать",
}
_TENS = {  # by how they begin
    20: "twenty twentie vingt veinte veinti vinte venti ventu vento двадцат عشرون عشرين बीस",
    30: "thirty thirtie trente treinta trinta trenta trentu trento тридцат ثلاثون ثلاثين तीस",
    40: "forty fortie quarante cuarenta quarenta quaranta сорок اربعون اربعين चालीस",
    50: "fifty fiftie cinquante cincuenta cinquenta cinquanta пятьдесят خمسون خمسين पचास",
    60: "sixty sixtie soixante sesenta sessenta sessanta шестьдесят ستون ستين साठ",
    70: "seventy seventie soixante septante setenta settanta семьдесят سبعون سبعين सत्तर",
    80: "eighty eightie quatre-vingt huitante ochenta oitenta ottanta восемьдесят ثمانون ثمانين अस्सी",
    90: "ninety ninetie quatre-vingt nonante noventa novanta девяност تسعون تسعين नब्बे",
}
_COMPOUNDED = {  # anywhere in a German or Dutch word
    20: "zwanzig twintig",
    30: "dreissig dertig",
    40: "vierzig veertig",
    50: "funfzig vijftig",
    60: "sechzig zestig",
    70: "siebzig zeventig",
    80: "achtzig tachtig",
    90: "neunzig negentig",
}
_FRACTIONS = {  # of an hour, or of a hundred
    (30, 50): "half halb halbe halben demi demie media meia mezza mezzo halve половина половину пол",
    (15, 25, 45, 75): "quarter quarters viertel dreiviertel quart quarts cuarto quarto kwart kwartier четверть",
    (33,): "third thirds drittel tiers tercio terco terzo derde треть",
}
_IDEOGRAPHIC_FRACTIONS = {(30, 50): "半절반", (15, 45): "刻"}
_HUNDRED = (
    "hundred hundreds hundert cent cents cien ciento cientos cem cento centos cento honderd сто двести सौ مائة مئة"
)
_THOUSAND = (
    "thousand thousands tausend mille mil duizend тысяча тысячи тысяч million millions millionen milhao milhoes "
    "millon millones milione milioni miljoen миллион миллиона миллионов हजार लाख الف مليون grand k"
)

_EXACT = {word: value for table in (_UNITS, _TEENS) for value, words in table.items() for word in folded(words).split()}
_START = 2  # letters
_BEGINNING = [(value, word) for value, words in _TENS.items() for word in folded(words).split()]
_BY_START = {
    start: [each for each in _BEGINNING if each[1].startswith(start)]
    for start in {word[:_START] for _, word in _BEGINNING}
}
_WITHIN = [(value, word) for value, words in _COMPOUNDED.items() for word in folded(words).split()]
_PARTS = {word: values for values, words in _FRACTIONS.items() for word in words.split()}
_HUNDREDS = re.compile(rf"\b(?:{'|'.join(folded(_HUNDRED).split())})\b|hundert|honderd|[百백]")
_THOUSANDS = re.compile(rf"\b(?:{'|'.join(folded(_THOUSAND).split())})\b|tausend|duizend|[千万萬億亿천만억]")
_WORD = re.compile(r"[^\W\d_]+(?:-[^\W\d_]+)*")
_CHINESE = re.compile(r"[〇零一二两兩三四五六七八九十百千]{2,}|十|百")
_KOREAN = re.compile(r"[일이삼사오육칠팔구십백천]*[십백천][일이삼사오육칠팔구십백천]*")
_DIGITS = {
    character: at
    for at, group in enumerate("〇零,一일,二两兩이,三삼,四사,五오,六육,七칠,八팔,九구".split(","))
    for character in group
}
_POWERS = {"十": 10, "십": 10, "百": 100, "백": 100, "千": 1000, "천": 1000}


def spelled_numbers(plain: str) -> set[int]:
    """Return the numbers that a text may mean by its words.

    Args:
        plain: Text as `folded` returns it.
    """
    words = set(_WORD.findall(plain))
    joined = [word for word in words if "-" in word]
    parts = words.union(*(word.split("-") for word in joined))
    found = {_EXACT[word] for word in _EXACT.keys() & parts}
    for beginning in words.union(*map(_endings, joined)):
        for value, word in _BY_START.get(beginning[:_START], ()):
            if beginning.startswith(word):
                found.update(range(value, value + 10))
    everything = " ".join(words)
    for value, word in _WITHIN:
        if word in everything:
            found.update(range(value, value + 10))
    for word in parts & _PARTS.keys():
        found.update(_PARTS[word])
    if not plain.isascii():
        found.update(_ideographic(run) for pattern in (_CHINESE, _KOREAN) for run in pattern.findall(plain))
        for values, characters in _IDEOGRAPHIC_FRACTIONS.items():
            if any(character in plain for character in characters):
                found.update(values)
    return found


def _endings(word: str) -> list[str]:
    """Return what begins at each hyphen of a word."""
    return [word[at + 1 :] for at, letter in enumerate(word) if letter == "-"]


def spells_hundreds(plain: str) -> bool:
    """Whether a text has a word for hundred."""
    return _HUNDREDS.search(plain) is not None


def spells_thousands(plain: str) -> bool:
    """Whether a text has a word for thousand, or for more."""
    return _THOUSANDS.search(plain) is not None


def _ideographic(run: str) -> int:
    """Return the value of 二十五 or 이십오, and of digits one after the other, as in 二〇二五."""
    if not any(character in _POWERS for character in run):
        return int("".join(str(_DIGITS[character]) for character in run))
    total, digit = 0, 0
    for character in run:
        if character in _POWERS:
            total += (digit or 1) * _POWERS[character]
            digit = 0
        else:
            digit = _DIGITS[character]
    return total + digit
