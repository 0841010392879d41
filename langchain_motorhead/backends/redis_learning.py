"""The tasks of a `RedisBackend` that concern facts. What they need of `facts` is imported when they are used."""

from __future__ import annotations

from typing import TYPE_CHECKING

from langchain_motorhead.exceptions import InvalidInputError
from langchain_motorhead.runtime.driver import NO_FACTS
from langchain_motorhead.storage.keys import SessionKeys

if TYPE_CHECKING:
    from langchain_motorhead.backends.facts import FactFlows, Owner
    from langchain_motorhead.backends.redis import RedisBackend
    from langchain_motorhead.facts.learning.report import LearningReport
    from langchain_motorhead.runtime.fact_learning import FactLearning
    from langchain_motorhead.runtime.maintenance import Maintenance


class RedisLearning:
    """Reads, changes and learns facts on Redis itself."""

    maintenance: Maintenance

    def check_open(self) -> None:
        """Raise `ClosedError` if the backend was closed."""
        raise NotImplementedError

    def require_redis(self) -> RedisBackend:
        """Return this backend."""
        raise NotImplementedError

    def facts_of(self, owner: Owner) -> FactFlows:
        """Return the flows that read and change facts. See `Backend.facts_of`."""
        from langchain_motorhead.backends.redis_facts import RedisFacts

        return RedisFacts(self.require_redis(), owner)

    def check_facts(self) -> None:
        """Raise `InvalidInputError` if the option `facts` is not given."""
        self._learning  # noqa: B018 - raises

    def learn(self, keys: SessionKeys) -> LearningReport:
        """Learn facts from the messages of a session now. See `Backend.learn`."""
        self.check_open()
        return self._learning.learn(keys, explicit=True)

    async def alearn(self, keys: SessionKeys) -> LearningReport:
        """Learn facts from the messages of a session now. See `Backend.learn`."""
        self.check_open()
        return await self._learning.alearn(keys, explicit=True)

    @property
    def _learning(self) -> FactLearning:
        if self.maintenance.learning is None:
            raise InvalidInputError(NO_FACTS)
        return self.maintenance.learning
