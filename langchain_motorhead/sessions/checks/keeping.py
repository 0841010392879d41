"""How much of what was said a summary keeps: its numbers, dates and names. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from langchain_core.messages import BaseMessage

if TYPE_CHECKING:
    from langchain_motorhead.sessions.checks.details import Details
    from langchain_motorhead.sessions.checks.source import Source


@dataclass(frozen=True, slots=True)
class Kept:
    """How many numbers, dates and names there were, and how many of them a text has.

    Attributes:
        numbers: Distinct numbers that were kept.
        numbers_said: Distinct numbers that were said.
        dates: Distinct months and weekdays that were kept.
        dates_said: Distinct months and weekdays that were said.
        names: Distinct names that were kept.
        names_said: Distinct names that were said.
    """

    numbers: int
    numbers_said: int
    dates: int
    dates_said: int
    names: int
    names_said: int

    @property
    def share(self) -> float:
        """Share of all of them that was kept; 1 where none was said."""
        said = self.numbers_said + self.dates_said + self.names_said
        return (self.numbers + self.dates + self.names) / said if said else 1.0


def kept(text: str, messages: Sequence[BaseMessage], *, previous: str = "") -> Kept:
    """Measure what a text keeps of messages and of the summary before them.

    A low share does not make a bad summary: good ones of long conversations keep a tenth. It compares summaries of the
    same messages.

    Args:
        text: A summary, or any text, such as a summary and the messages of a window.
        messages: What was said.
        previous: A summary of what was said before, if any.
    """
    from langchain_motorhead.sessions.checks.source import Source

    return kept_of(Source(messages, previous), text)


def kept_of(source: Source, text: str) -> Kept:
    """Measure what a text keeps of a source. See `kept`."""
    from langchain_motorhead.sessions.checks.details import Text

    said = source.details
    found = said.within(Text(text))
    return Kept(
        len(found.numbers), len(said.numbers), len(found.dates), len(said.dates), len(found.names), len(said.names)
    )


def missing_details(text: str, extract: str) -> Details:
    """Return the numbers, dates and names of an extract that a summary does not have.

    Args:
        text: A summary.
        extract: What the extractive summarizer made of the same messages.
    """
    from langchain_motorhead.sessions.checks.details import Text

    details = Text(extract).details
    return details.without(details.within(Text(text)))
