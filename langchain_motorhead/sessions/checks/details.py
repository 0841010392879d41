"""What a later reply may depend on word for word: the numbers, dates and names of a text. Pure.

Numbers are compared by their digits, whatever separates them. A date is a month or a weekday; its day and year are
numbers. A name is a word with a capital that does not begin a sentence, and so only found in scripts that have
capitals; German nouns count as well.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from langchain_motorhead.sessions.checks.dates import DATE_WORDS, begins_sentence, dates_of
from langchain_motorhead.sessions.checks.number_words import spelled_numbers, spells_hundreds, spells_thousands
from langchain_motorhead.sessions.checks.wording import distinct_terms, folded, language, words_of

_DIGITS = re.compile(r"[0-9]+")  # `folded` makes all digits plain
_JOINABLE = re.compile(r"(?<!\d)\d+(?:[.,'’\s\u202f/:()-]{1,2}\d+)+")
_THOUSANDS = re.compile(r"[0-9]{1,3}(?:[.,'’\u00a0\u202f ][0-9]{3})+(?![0-9])")
_NO_DIGITS = re.compile(r"[^0-9]+")
_CLOCK = re.compile(
    r"(?<!\d)(\d{1,2})(?=[:.h]\d\d(?!\d)|\s?(?:h|uhr|heures?|horas?|ore|uur|час\w*|時|时|点|點|시)(?![a-z]))"
)
# Below, a line break begins the pattern, as `^` for many lines is tried at every character.
_LIST_MARK = re.compile(r"\n[ \t]*[0-9]{1,3}[.)](?=\s)")
_MAGNITUDE = re.compile(
    r"(?<!\d)(\d+)(?:[.,](\d))?\s?(k|thousand|tausend|mil|mille|million|mio|m|万|萬|만|千)(?![a-z])"
)
_POWERS = {"m": 10**6, "mio": 10**6, "million": 10**6, "万": 10**4, "萬": 10**4, "만": 10**4}
_DECIMAL = re.compile(r"(\d{1,9})[.,](\d)")
_LONGEST_NUMBER = 16  # digits
_MOST_JOINED = 4  # groups of digits, as of a phone number
_WORD = re.compile(r"[^\W\d_][^\W\d_'’-]*(?:['’-][^\W\d_]+)*")
# The same for a word that may have a capital: not within another word. A set of characters begins it, as that is fast.
_ASCII_CAPITALIZED = re.compile(r"[A-Z](?<=(?<![A-Za-z])(?<![A-Za-z]['-]).)[A-Za-z]*(?:['-][A-Za-z]+)*")
_CAPITALIZED = re.compile(
    r"[A-Z\x80-\U0010ffff](?<=(?<![^\W\d_])(?<![^\W\d_]['’-])[^\W\d_])[^\W\d_]*(?:['’-][^\W\d_]+)*"
)
_KATAKANA = re.compile(r"[ァ-ヴー]{2,}")
_LABEL = re.compile(r"\n[^\W\d_][\w .()'-]{0,31}: ")
_OPENS_CALL = re.compile(r"\((?=[\w.-]+=)|\[calls ")
_CALLED = re.compile(r"\[calls [\w.-]+\(|\b[\w.-]{1,64}\((?=[\w.-]+=)")
_NO_NAMES = frozenset(
    "i i'm i'd i'll i've ok okay am pm usd eur ai tv id the a an he she they we you it this that there yes no thanks "
    "hi "
    "hello user human assistant tool none true false sie ihnen ihr ihre ich je il elle el ella lei lui io".split()
)


@dataclass(frozen=True, slots=True)
class Details:
    """The numbers, dates and names of a text, each in a form in which two texts can be compared.

    Attributes:
        numbers: Digits without leading zeros.
        dates: `month 3`, `weekday 1`.
        names: Words in lower case without accents.
    """

    numbers: frozenset[str] = frozenset()
    dates: frozenset[str] = frozenset()
    names: frozenset[str] = frozenset()

    @property
    def count(self) -> int:
        """How many there are."""
        return len(self.numbers) + len(self.dates) + len(self.names)

    def within(self, text: Text) -> Details:
        """Return those of these details that a text has as well, in any form."""
        return Details(
            frozenset(each for each in self.numbers if text.says_number(each)),
            self.dates & text.dates,
            frozenset(each for each in self.names if text.says_word(each)),
        )

    def among(self, others: Details) -> Details:
        """Return those of these details that are among others."""
        return Details(self.numbers & others.numbers, self.dates & others.dates, self.names & others.names)

    def without(self, others: Details) -> Details:
        """Return those of these details that are not among others."""
        return Details(self.numbers - others.numbers, self.dates - others.dates, self.names - others.names)


class Text:
    """A text that is asked what it says. What it takes to answer is worked out when it is first needed.

    Args:
        text: Any text.
    """

    def __init__(self, text: str) -> None:
        self.text = text

    @cached_property
    def plain(self) -> str:
        """The text as words are compared: see `folded`."""
        return folded(self.text)

    @cached_property
    def words(self) -> frozenset[str]:
        """Its words in lower case without accents: runs of letters."""
        return words_of(self.plain)

    @cached_property
    def dates(self) -> frozenset[str]:
        """Months and weekdays."""
        return dates_of(self.text, self.plain, self.words)

    @cached_property
    def numbers(self) -> frozenset[str]:
        """Groups of digits, without leading zeros, and without the numbers of a list."""
        text, marks = _LIST_MARK.subn("\n", "\n" + self.plain)
        grouped = set(_THOUSANDS.findall(text))
        if not marks and not grouped:
            return self._groups - {""}
        found = _digits(_THOUSANDS.sub(" ", text) if grouped else text)
        return frozenset(found.union(_NO_DIGITS.sub("", each) for each in grouped) - {""})

    @cached_property
    def names(self) -> frozenset[str]:
        """Words with a capital within a sentence, and Japanese words in katakana."""
        return frozenset(name for name, begins in self._capitalized if not begins)

    def names_known(self, other: Text) -> frozenset[str]:
        """Names, and those words at the beginning of sentences that are names in another text."""
        return frozenset(name for name, begins in self._capitalized if not begins or name in other.names)

    @cached_property
    def _capitalized(self) -> frozenset[tuple[str, bool]]:
        """Words with a capital, and whether each begins a sentence."""
        text = _LABEL.sub("\n\n", "\n" + self.text)
        if _OPENS_CALL.search(text):
            text = _CALLED.sub("\n", text)
        is_ascii = text.isascii()
        found = set() if is_ascii else {(folded(word), False) for word in set(_KATAKANA.findall(text))}
        names: dict[str, str] = {}
        for match in (_ASCII_CAPITALIZED if is_ascii else _CAPITALIZED).finditer(text):
            word = match[0]
            if word not in names:
                names[word] = _name(word)
            if (name := names[word]) and ((name, True) not in found or (name, False) not in found):
                found.add((name, begins_sentence(text, match.start())))
        return frozenset(found)

    @cached_property
    def terms(self) -> frozenset[str]:
        """What it is about: see `content_terms`."""
        return distinct_terms(self.plain, self.words)

    def says_term(self, term: str) -> bool:
        """Whether the text has one of another text's terms."""
        return term in (self.terms if term[0].upper() != term[0] else self.plain)

    @cached_property
    def language(self) -> str:
        """Its language or script, as far as it can be known: see `language`."""
        return language(self.plain)

    @cached_property
    def details(self) -> Details:
        """Its numbers, dates and names."""
        return Details(self.numbers, self.dates, self.names)

    def says_word(self, word: str) -> bool:
        """Whether a word stands in the text, or a longer form of it."""
        return word in self.words or (word in self.plain if len(word) > 3 else word in self._compounds)

    def says_number(self, number: str) -> bool:
        """Whether the text has a number: in digits, in words, or in another writing of a time, date or large number."""
        if number in self._groups or number in self._written:  # in this order, since the second takes longer
            return True
        value = int(number) if len(number) < _LONGEST_NUMBER else None
        if value is None:
            return False
        return (value <= 12 and f"month {value}" in self.dates) or value in self._spelled or self._composed(value)

    @cached_property
    def _compounds(self) -> frozenset[str]:
        """Its words, where a hyphen or an apostrophe joins words to one."""
        return frozenset(_WORD.findall(self.plain))

    @cached_property
    def _groups(self) -> frozenset[str]:
        return _digits(self.plain)

    @cached_property
    def _written(self) -> frozenset[str]:
        """Other writings of the numbers in digits."""
        if not self._groups:
            return frozenset()
        said = {*self._groups, *_joined(self.plain)}
        said |= {each.rstrip("0") for each in self._groups}
        for whole, tenths, unit in _MAGNITUDE.findall(self.plain):
            said.add(str((int(whole) * 10 + int(tenths or 0)) * _POWERS.get(unit, 1000) // 10))
        said.update(
            writing for each in tuple(said) if 2 < len(each) < _LONGEST_NUMBER for writing in _shorter(int(each))
        )
        hours = {int(each) for each in _CLOCK.findall(self.plain)}
        said.update(str(other) for each in hours for other in (each - 12, each + 12) if 0 < other <= 24)
        said.update(str(int(whole) + 1) for whole, tenth in _DECIMAL.findall(self.plain) if tenth >= "5")
        return frozenset(said - {""})

    @cached_property
    def _spelled(self) -> set[int]:
        return spelled_numbers(self.plain)

    @cached_property
    def _hundreds(self) -> bool:
        return spells_hundreds(self.plain)

    @cached_property
    def _large(self) -> bool:
        return spells_thousands(self.plain)

    def says_hour(self, hour: int) -> bool:
        """Whether the text has an hour of the day, as it is or counted from noon or midnight."""
        on_dial = hour % 12 or 12
        to_next = not self._spelled.isdisjoint({30, 45}) and self._has(
            on_dial % 12 + 1
        )  # "halb acht", "quarter to five"
        return self._has(hour) or self._has(on_dial) or to_next

    def _has(self, value: int) -> bool:
        return value == 0 or str(value) in self._groups or value in self._spelled

    def _composed(self, value: int) -> bool:
        """Whether words add up to a number: "three hundred and twenty", "twenty thousand", "nineteen ninety-five"."""
        if value < 100:
            return False
        if self._hundreds and value < 1000:
            return value % 100 < 10 or self._has(value % 100)
        if self._large and value % 1000 == 0:
            return value // 1000 < 10 or self._has(value // 1000) or value % 1_000_000 == 0
        spelled = self._spelled
        return 1000 <= value < 10_000 and value // 100 in spelled and (value % 100 in spelled or value % 100 < 10)


def _digits(plain: str) -> frozenset[str]:
    """Return the groups of digits of a text without leading zeros."""
    return frozenset(each.lstrip("0") for each in set(_DIGITS.findall(plain)))


def _name(word: str) -> str:
    """Return a word with a capital as names are compared; empty if it is no name."""
    if len(word) < 2 or not word[0].isupper():
        return ""
    plain = folded(word).removesuffix("'s").removesuffix("’s")
    return "" if plain in _NO_NAMES or plain in DATE_WORDS else plain


def _joined(plain: str) -> set[str]:
    """Return what groups of digits are together, as of 1 200 or 555-1234."""
    found = set()
    for run in _JOINABLE.findall(plain):
        parts = _DIGITS.findall(run)
        for start in range(len(parts)):
            for end in range(start + 2, min(start + _MOST_JOINED, len(parts)) + 1):
                found.add("".join(parts[start:end]).lstrip("0"))
    return found


def _shorter(value: int) -> Iterator[str]:
    """Yield how people shorten a number: 19 for 2019, 15 for 15,000 or 150,000 (where they count in ten thousands)."""
    if 1900 <= value < 2100:
        yield str(value % 100)
    for power in (1000, 10_000, 1_000_000):
        if value >= power and value % power == 0:
            yield str(value // power)


def unsaid_numbers(text: Text, source: Text) -> list[str]:
    """List the numbers of two or more digits in a text that its source does not have in any form."""
    hours = {each.lstrip("0") for each in _CLOCK.findall(text.plain)}
    found = []
    for number in sorted(text.numbers):
        if len(number) < 2 or source.says_number(number):
            continue
        if number in hours and int(number) <= 24 and source.says_hour(int(number)):
            continue
        found.append(number)
    return found
