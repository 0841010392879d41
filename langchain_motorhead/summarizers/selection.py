"""The selection of the most informative sentences for an extract: how they are weighed, and which are taken. Pure.

`sentences.py` reads, splits and writes sentences, and `terms.py` finds their terms; `extractive.py` makes summaries of
what is selected here.
"""

from __future__ import annotations

import heapq
import math
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain

from langchain_motorhead.summarizers.sentences import Sentence
from langchain_motorhead.summarizers.terms import terms

# Shares of the budget.
_OPENING = 1 / 6  # for the beginning of the dialogue
_NEWEST = 2 / 5  # for the newest sentences, before all others compete
_LARGEST = 1 / 3  # largest share of one sentence
_AGED = 1 / 10  # largest share of an old tool call with its result
_MIN_SHARE_TOKENS = 32  # the last two shares are never smaller than this
_OPENING_SENTENCES, _NEWEST_SENTENCES = 8, 40  # where these two are searched

# Weights of terms, and factors of sentences.
_WEIGHTS = {"name": 2.0, "number": 1.5, "word": 1.0, "pair": 0.5, "key": 0.2}
_REPEATED = 0.3  # share of its weight that a term keeps if a selected sentence has it
_WORTH = 3.0  # smallest weight that a new sentence must add; courtesies add less
_TELLING = 0.5  # factor of that for a sentence with a name or a number
_FRESH = 0.15  # smallest share of its weight that a sentence must add
_LENGTH_POWER = 0.7  # 0 favours long sentences, 1 favours short ones
_RETAINED = 1.2  # factor for sentences of the previous summary
_LATE = 0.1  # bonus of the last sentence over the first, as corrections come late
_SUPERSEDED = 0.3  # factor for a tool call that was repeated later

_ASSISTANTS = ("AI", "assistant")
_QUESTION = ("?", "\uff1f", "؟")
_CONFIRM = re.compile(r"\bconfirm(?:ing)?\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Prices:
    """Estimated costs of text in tokens, since calling the counter for each sentence may be slow."""

    overhead: float  # of any text
    per_byte: float

    def of(self, sentence: Sentence) -> float:
        """Return what a sentence costs in a text."""
        return self.per_byte * (size_of(sentence.line) + 1)

    def chars(self, sentence: Sentence, cost: float) -> int:
        """Return how many characters of text the sentence may have to cost that much."""
        excess = (self.of(sentence) - cost) / (self.per_byte * size_of(sentence.text))
        return max(1, math.floor(len(sentence.text) * (1 - excess)))


@dataclass(slots=True)
class Candidate:
    """A sentence that may be selected."""

    index: int
    old: bool  # whether it is from the previous summary
    full: Sentence
    sentence: Sentence  # a shortened form if room is short
    cost: float = 0.0
    factor: float = 1.0
    terms: tuple[tuple[str, float], ...] = ()
    weight: float = 0.0  # of all its terms
    worth: float = _WORTH  # smallest gain if it is new


class Selection:
    """The selected sentences, most important first, and the terms that they cover."""

    def __init__(self, room: float, prices: Prices) -> None:
        self.picked: dict[int, Candidate] = {}
        self.room = room
        self._prices = prices
        self._covered: set[str] = set()

    def take(self, candidate: Candidate) -> None:
        """Select a candidate."""
        self.picked[candidate.index] = candidate
        self.room -= candidate.cost
        self._covered.update(term for term, _ in candidate.terms)

    def take_best(self, candidates: Iterable[Candidate], share: float = math.inf) -> None:
        """Select the candidates with the highest gains, up to `share` tokens."""
        share = min(share, self.room)
        heap = [(-self._gain(c), c.index, c) for c in candidates if c.index not in self.picked]
        heapq.heapify(heap)
        while heap:
            *_, best = heapq.heappop(heap)
            if best.cost > share or not (gain := self._gain(best)):
                continue
            # Gains only shrink as others are selected, so a candidate that still leads is the best.
            if heap and -gain > heap[0][0]:
                heapq.heappush(heap, (-gain, best.index, best))
            else:
                self.take(best)
                share -= best.cost

    def complete(self, candidate: Candidate) -> None:
        """Extend a shortened sentence into the room that is left."""
        if candidate.sentence != candidate.full:
            chars = self._prices.chars(candidate.full, candidate.cost + self.room)
            candidate.sentence = candidate.full.clipped(chars)
            self.room += candidate.cost - self._prices.of(candidate.sentence)

    def _gain(self, candidate: Candidate) -> float:
        """Return the gain of a candidate per token, or 0 if it is too small."""
        covered = self._covered
        fresh = sum([weight for term, weight in candidate.terms if term not in covered])
        if fresh <= _FRESH * candidate.weight or (not candidate.old and fresh * candidate.factor < candidate.worth):
            return 0.0
        total = fresh + _REPEATED * (candidate.weight - fresh)
        return candidate.factor * total / math.pow(candidate.cost + 3, _LENGTH_POWER)


def candidates_of(old: Iterable[Sentence], new: Iterable[Sentence]) -> list[Candidate]:
    """Return the distinct sentences of a previous summary and of new messages, in order."""
    first = dict.fromkeys(old, True)
    for sentence in new:
        first.setdefault(sentence, False)
    return [Candidate(index, is_old, said, said) for index, (said, is_old) in enumerate(first.items())]


def bound(candidates: list[Candidate], budget: float, prices: Prices) -> None:
    """If not everything fits, shorten long sentences to their share, and the results of old tool calls."""
    tight = sum(prices.of(c.full) for c in candidates) > budget
    largest, aged = (min(max(share * budget, _MIN_SHARE_TOKENS), budget) for share in (_LARGEST, _AGED))
    for candidate in candidates:
        if tight:
            full = candidate.full.clipped(prices.chars(candidate.full, largest))
            candidate.full = candidate.sentence = full
            if candidate.old and full.by_tool:
                candidate.sentence = full.clipped(max(prices.chars(full, aged), len(full.head)))
        candidate.cost = prices.of(candidate.sentence)


class Terms(dict[str, list[tuple[str, str]]]):
    """The distinct terms of sentences, by their text. What is weighed a second time is not searched for them again."""

    def __missing__(self, text: str) -> list[tuple[str, str]]:
        found = self[text] = terms(text)
        return found


def weigh(candidates: list[Candidate], known_terms: Terms) -> None:
    """Set the terms of candidates, and how much they matter."""
    found = [known_terms[c.sentence.text] for c in candidates]
    spread = Counter(chain.from_iterable({term for term, _ in pairs} for pairs in found))
    distinct = dict.fromkeys(chain.from_iterable(found))
    names = {term for term, kind in distinct if kind == "name"}
    common = max(len(candidates) / 4, 5)  # a word in every fourth sentence is a function word in any language
    weight_of = {(term, kind): _weight(term, kind, names, spread[term], common) for term, kind in distinct}
    after_outcome = False
    for candidate, pairs in zip(candidates, found, strict=True):
        weights: dict[str, float] = {}
        for pair in pairs:
            if (weight := weight_of[pair]) > weights.get(pair[0], 0.0):
                weights[pair[0]] = weight
        candidate.terms = tuple(weights.items())
        candidate.weight = sum(weights.values())
        if any(kind in ("name", "number") for _, kind in pairs) and candidate.sentence.role not in _ASSISTANTS:
            candidate.worth = _WORTH * _TELLING
        late = 1 + _LATE * candidate.index / len(candidates)
        by_tool = candidate.sentence.by_tool
        factor = _factor(candidate.sentence, by_tool=by_tool, after_outcome=after_outcome)
        candidate.factor = factor * late * (_RETAINED if candidate.old else 1)
        after_outcome = by_tool and not candidate.sentence.is_lookup
    _discount_superseded(candidates)


def _weight(term: str, kind: str, names: set[str], sentences: int, common: float) -> float:
    """Return the weight of a term that stands in so many sentences."""
    weight = _WEIGHTS["name" if kind == "word" and term in names else kind]
    if weight != _WEIGHTS["word"]:
        return weight
    return _WEIGHTS["key"] if sentences > common else min(1 + 0.3 * math.log2(sentences), 2.0)


def _factor(sentence: Sentence, *, by_tool: bool, after_outcome: bool) -> float:
    """Return how much this kind of sentence matters."""
    if by_tool:
        return 0.8 if sentence.is_lookup else 2.0
    if not sentence.speaker:
        return 1.6  # from a summary by a model, which has no small talk
    question = sentence.text.endswith(_QUESTION)
    if sentence.role not in _ASSISTANTS:
        return 1.0 if question else 1.1
    if question or _CONFIRM.search(sentence.text):
        return 0.4
    return 1.5 if after_outcome else 1.0  # the first sentence after a tool's result says whether it succeeded


def _discount_superseded(candidates: list[Candidate]) -> None:
    """Lower the weight of tool calls that were repeated later with mostly the same arguments, as in a correction."""
    later: dict[str, frozenset[str]] = {}
    for candidate in reversed(candidates):
        if call := candidate.sentence.call:
            name, arguments = call
            if len(arguments & later.get(name, frozenset())) * 3 >= len(arguments) * 2:
                candidate.factor *= _SUPERSEDED
            later[name] = arguments


def pick_new(candidates: list[Candidate], room: float, prices: Prices) -> tuple[list[Candidate], bool]:
    """Select new candidates that add something to all old ones, which stay as they are.

    Returns:
        The most informative ones that fit into the tokens, and whether all that are worth their tokens did fit.
    """
    selection = Selection(math.inf, prices)
    for candidate in candidates:
        if candidate.old:
            selection.take(candidate)
    known = len(selection.picked)
    selection.take_best(candidates)
    worthy = list(selection.picked.values())[known:]
    if sum(candidate.cost for candidate in worthy) <= room:
        return worthy, True
    chosen = Selection(math.inf, prices)
    for candidate in candidates:
        if candidate.old:
            chosen.take(candidate)
    chosen.room = room
    new = [candidate for candidate in candidates if not candidate.old]
    chosen.take_best(new[-_NEWEST_SENTENCES:], _NEWEST * room)
    chosen.take_best(new)
    return list(chosen.picked.values())[known:], False


def pick(candidates: list[Candidate], budget: float, prices: Prices) -> list[Candidate]:
    """Select the most informative candidates, old and new, that fit into a budget in tokens; at least one."""
    selection = Selection(budget, prices)
    old = [c for c in candidates if c.old]
    new = [c for c in candidates if not c.old]
    # What the user wanted: not the first words and calls of the AI.
    said = (c for c in old or new[:_OPENING_SENTENCES] if c.sentence.role not in _ASSISTANTS and not c.sentence.by_tool)
    opening = [c for c in said if c.weight]
    if old:
        for candidate in opening:  # the same ones each time, so that the beginning of the summary is stable
            if selection.picked and budget - selection.room + candidate.cost > _OPENING * budget:
                break
            selection.take(candidate)
    else:
        selection.take_best(opening, _OPENING * budget)
    selection.take_best(new[-_NEWEST_SENTENCES:], _NEWEST * budget)
    selection.take_best(candidates)
    for candidate in reversed(old):
        if candidate.index in selection.picked:
            selection.complete(candidate)
        elif candidate.cost <= selection.room:
            selection.take(candidate)
    if not selection.picked:
        selection.take(max(candidates, key=lambda c: (c.weight, -c.index)))
    return list(selection.picked.values())


def size_of(text: str) -> int:
    """Return the size of a text in bytes of UTF-8."""
    return len(text) if text.isascii() else len(text.encode(errors="surrogatepass"))
