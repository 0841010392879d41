"""Build what learns facts, from the option `facts`. It is imported only if that is given. Does no I/O."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from langchain_motorhead.concurrency.deferred import Deferred
from langchain_motorhead.exceptions import InvalidInputError
from langchain_motorhead.facts.config import Facts
from langchain_motorhead.facts.learning.report import LearningConfig
from langchain_motorhead.facts.vectors import Embedding
from langchain_motorhead.flows.protocol import Writer
from langchain_motorhead.runtime.fact_learning import FactLearning
from langchain_motorhead.runtime.maintenance import Maintenance

if TYPE_CHECKING:
    from langchain_core.runnables import Runnable

    from langchain_motorhead.models.learner_client import LearnerClient

_DEFAULT_BUDGET = 4_000


def learner_client(given: Facts) -> Deferred[LearnerClient]:
    """Build what calls the learner: now if a model or a learner is given, else when it is first needed.

    Raises:
        InvalidInputError: The model cannot be used.
    """
    client = Deferred(lambda: _client(given))
    if _is_asked(given) and not isinstance(given.llm, Deferred):
        client.get()
    return client


def _is_asked(given: Facts) -> bool:
    return given.learner is not None or given.llm is not None


def _client(given: Facts) -> LearnerClient:
    from langchain_motorhead.facts.learning.answers import read_operations
    from langchain_motorhead.facts.learning.extractive import ExtractiveLearner
    from langchain_motorhead.models.learner_client import LearnerClient

    learner, extractive = _learner(given), ExtractiveLearner()
    return LearnerClient(
        {Writer.MODEL: learner or extractive, Writer.EXTRACT: extractive}, given.timeout, read_operations
    )


def fact_learning(given: Facts, maintenance: Maintenance) -> FactLearning:
    """Build what learns facts from the sessions of a namespace."""
    client = maintenance.driver.learner
    learner = client.get().learners[Writer.MODEL] if client is not None and client.is_made else None
    budget = getattr(learner, "max_input_tokens", None)
    expires, indexer = maintenance.ttl or None, maintenance.indexer
    config = LearningConfig(
        count=maintenance.compactor.count,
        budget=budget if isinstance(budget, int) and budget > 0 else _DEFAULT_BUDGET,
        has_model=_is_model(given),
        ttl=expires if given.expire_with_sessions else None,
        session_ttl=expires,
        embedding=None if indexer is None else Embedding(indexer.model, maintenance.compactor.count),
    )
    return FactLearning(
        maintenance.driver,
        config,
        given.every_seconds,
        given.enough_tokens,
        maintenance.namespace,
        maintenance.background,
        maintenance.semaphore,
        maintenance.prepare,
    )


def _is_model(given: Facts) -> bool:
    if given.learner is None:
        return given.llm is not None
    from langchain_motorhead.facts.learning.extractive import ExtractiveLearner

    return not isinstance(given.learner, ExtractiveLearner)


def _learner(given: Facts) -> Runnable[Any, Any] | None:
    from langchain_core.language_models import BaseLanguageModel
    from langchain_core.runnables import Runnable

    from langchain_motorhead.facts.learning.llm import create_learner
    from langchain_motorhead.models.by_name import chat_model
    from langchain_motorhead.models.summarizer_client import model_below

    if given.learner is not None:
        is_model = isinstance(given.learner, BaseLanguageModel) or model_below(given.learner) is not None
        if is_model and not hasattr(given.learner, "repairs"):
            raise InvalidInputError("learner= takes a learner. Give the model as Facts(llm=...), or use create_learner")
        return given.learner
    llm = given.llm.get() if isinstance(given.llm, Deferred) else given.llm
    if isinstance(llm, str) and llm.strip():
        llm = chat_model(llm, "Facts(llm=...)")
    if llm is None:
        return None
    if not isinstance(llm, Runnable):
        raise InvalidInputError(
            f"Facts(llm=...) must be a chat model or a name that init_chat_model accepts, not {type(llm).__name__}"
        )
    return create_learner(llm)
