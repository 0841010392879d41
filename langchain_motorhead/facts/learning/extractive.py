"""The extractive learner: finds what people say of themselves, word for word, without a model."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from langchain_core.runnables import Runnable, RunnableConfig

from langchain_motorhead.facts.learning.proposals import LearnerInput, LearnerMessage, LearnerOperation
from langchain_motorhead.facts.model import MAX_TEXT_CHARS, USER, name_key, normal, text_key
from langchain_motorhead.sessions.checks.wording import content_terms, folded
from langchain_motorhead.summarizers.sentences import split

# What a sentence says, by words that say it. The first that fits counts. All on the form that `normal` returns.
_I = r"\bi(?:'m| am|'ve| have|'ll| will|'d)?\b"
_ADVERBS = r"(?: (?:now|just|really|still|also|currently|recently|actually|always|usually|absolutely|totally|so))*"
_KINDS: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (attribute, re.compile("|".join(patterns)))
    for attribute, patterns in {
        "name": (
            r"\bmy (?:full |first )?name(?:'s| is)\b",
            r"\b(?:call me|i'm called|i am called|people call me)\b",
            r"\b(?:ich hei(?:ss|ß)e|mein name ist|je m'appelle|me llamo|mi nombre es)\b",
        ),
        "home": (
            rf"\bi{_ADVERBS} (?:live|reside) (?:in|at|near)\b|\bi(?:'m| am)(?: now)? living in\b",
            rf"\bi(?:'ve| have)?{_ADVERBS} (?:moved|relocated) (?:to|into|in)\b",
            r"\bich (?:wohne|lebe) (?:jetzt )?in\b|\bj'habite\b|\bje vis (?:à|en)\b|\bvivo en\b",
        ),
        "origin": (r"\bi(?:'m| am)(?: originally)? from\b|\bi was born in\b|\bi grew up in\b|\bi come from\b",),
        "birthday": (r"\bmy birthday\b|\bi was born on\b|\bmein geburtstag\b",),
        "allergy": (r"\ballerg(?:ic|y|ies|isch|ique|ie)\b|\bintolerant\b",),
        "work": (
            rf"\bi{_ADVERBS} work (?:as|at|for|in)\b|\bi(?:'m| am) (?:working (?:as|at|for)|employed)\b",
            r"\bmy (?:job|profession|employer|boss|company)\b",
            r"\bich arbeite (?:als|bei|für)\b|\bje travaille\b|\btrabajo (?:en|como|para)\b",
        ),
        "preference": (
            rf"\bi{_ADVERBS} (?:don't |do not |didn't |can't )?(?:like|love|enjoy|prefer|adore|hate|dislike|stand)\b",
            r"\bmy favou?rites?\b",
            r"\bi(?:'m| am)(?: a| really| very| not)* (?:fan of|into|fond of|vegan|vegetarian)\b",
            r"\bich (?:mag|liebe|hasse)\b|\bj'(?:aime|adore|déteste)\b|\bme (?:gusta|encanta)n?\b",
        ),
        "family": (
            r"\b(?:my|our) (?:wife|husband|partner|girlfriend|boyfriend|fiancée?|sons?|daughters?|kids?|children|"
            r"mother|mom|mum|father|dad|parents|brothers?|sisters?|siblings|grandm(?:other|a)|grandpa)\b",
            r"\b(?:my|our) (?:grandfather|family|dogs?|cats?|pets?)\b",
            r"\bmeine? (?:frau|mann|sohn|tochter|kinder|mutter|vater)\b",
        ),
        "plan": (
            rf"{_I}{_ADVERBS} (?:going to|planning|plan to|want to|hope to|hoping|looking forward|about to)\b",
            r"\bi(?:'ll| will)\b",
        ),
    }.items()
)
# Of these, one holds at a time: a new one takes the place of the one before.
_SINGLE = frozenset({"name", "home", "birthday"})
_FIRST_PERSON = re.compile(
    r"\b(?:i|i'm|i've|i'd|i'll|my|mine|me|myself|we|we're|we've|our|ich|mein\w*|wir|unser\w*|je|j'\w+|mon|ma|mes|nous|yo|"
    r"mi|mis|soy|tengo|vivo|nosotros)\b"
)
_NOT_SAID = re.compile(
    r"^(?:if|when i|imagine|suppose|let's|can|could|would|should|do|does|did|is|are|what|who|how|why)\b"
)
# Where a sentence says two things.
_CLAUSES = re.compile(
    r"[,;]? (?:and|but|und|aber|et|mais|y|pero) (?=(?:I|I'm|I’m|my|ich|mein|meine|je|mon|ma|mi|vivo)\b)"
)
_QUESTION = ("?", "？", "؟")
_LEAST_TERMS = 2
"""Content words that a sentence of no known kind needs to be worth noting."""


class ExtractiveLearner(Runnable[LearnerInput, list[LearnerOperation]]):
    """Notes what people say of themselves: sentences in the first person, word for word. It needs no model.

    It notes names, homes, work, family, preferences, dates and plans, and other statements that are no questions. A new
    name, home or birthday supersedes the one before. It understands English best, and the usual phrases of German,
    French and Spanish.

    Example:
        ```python
        motorhead = Motorhead.from_url("redis://localhost:6379", facts=Facts(learner=ExtractiveLearner()))
        ```
    """

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"

    def invoke(
        self,
        input: LearnerInput,  # noqa: A002
        config: RunnableConfig | None = None,
        **kwargs: Any,
    ) -> list[LearnerOperation]:
        """Return an operation for each statement.

        Args:
            input: New messages, and what is known already.
            config: Configuration of the run.
            **kwargs: Not used.
        """
        return self._call_with_config(_learn, input, config)


def _learn(given: LearnerInput) -> list[LearnerOperation]:
    several = len({message["name"] for message in given["messages"] if _is_person(message) and message["name"]}) > 1
    latest = {
        (name_key(fact["subject"]), fact["attribute"]): fact["n"] for fact in given["facts"] if not fact["pinned"]
    }
    found = list[LearnerOperation]()
    for message in given["messages"]:
        if not _is_person(message):
            continue
        subject = message["name"] if several and message["name"] else USER
        for text, attribute in _statements(message["text"]):
            operation: LearnerOperation = {
                "op": "add",
                "text": text,
                "subject": subject,
                "attribute": attribute,
                "sources": [{"seq": message["seq"], "quote": text}],
            }
            about = name_key(subject), attribute
            if attribute in _SINGLE:
                if about in latest:
                    operation["op"], operation["fact"] = "supersede", latest[about]
                latest[about] = len(given["facts"]) + len(found)
            found.append(operation)
    return found


def _statements(text: str) -> Iterator[tuple[str, str]]:
    """Yield each statement of a text with what it is about, once."""
    seen = set[str]()
    for sentence in split(text):
        key = text_key(sentence)
        if key in seen or len(sentence) > MAX_TEXT_CHARS or sentence.rstrip("\"')”’ ").endswith(_QUESTION):
            continue
        seen.add(key)
        plain = normal(sentence)
        if _NOT_SAID.match(plain) or not _FIRST_PERSON.search(plain):
            continue
        attribute = _kind(plain)
        if attribute is None and len(content_terms(folded(plain))) < _LEAST_TERMS:
            continue
        clauses = [(clause, _kind(normal(clause))) for clause in _CLAUSES.split(sentence)]
        if len(clauses) > 1 and all(kind for _, kind in clauses):
            yield from ((clause, kind or "") for clause, kind in clauses)
        else:
            yield sentence, attribute or "statement"


def _kind(plain: str) -> str | None:
    """Return what a sentence is about, or None."""
    return next((name for name, pattern in _KINDS if pattern.search(plain)), None)


def _is_person(message: LearnerMessage) -> bool:
    return message["role"].casefold() not in ("ai", "assistant", "system", "developer", "tool", "function")
