"""`SessionLearning`: the methods of a session that learn facts about its user."""

from __future__ import annotations

from typing import TYPE_CHECKING

from langchain_motorhead.backends.base import Backend
from langchain_motorhead.storage.keys import SessionKeys

if TYPE_CHECKING:
    from langchain_motorhead.facts.learning.report import LearningReport


class SessionLearning:
    """Learns facts from the messages of a session. It also happens by itself, in the background."""

    _backend: Backend
    _keys: SessionKeys

    def learn(self) -> LearningReport:
        """Learn facts from the messages that were not learned yet now, and wait for it. It also happens by itself.

        Returns:
            What was learned, and what was rejected.

        Raises:
            InvalidInputError: The `Motorhead` has no option `facts`, or the session belongs to another user.
            LearningError: The learner failed. What was learned before that is stored.
            StoreError: Redis refused, or could not be reached.
        """
        return _learned(self._backend.learn(self._keys))

    async def alearn(self) -> LearningReport:
        """Learn facts from the messages that were not learned yet. See `learn`."""
        return _learned(await self._backend.alearn(self._keys))


def _learned(report: LearningReport) -> LearningReport:
    if report.error is not None:
        raise report.error
    return report
