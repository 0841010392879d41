"""Build what learns facts, from the option `facts`. It is imported only if that is given. Does no I/O."""

from __future__ import annotations

from typing import Any

from langchain_core.language_models import BaseLanguageModel
from langchain_core.runnables import Runnable

from langchain_motorhead.exceptions import InvalidInputError
from langchain_motorhead.facts.config import Facts
from langchain_motorhead.facts.learning.answers import read_operations
from langchain_motorhead.facts.learning.extractive import ExtractiveLearner
from langchain_motorhead.facts.learning.llm import create_learner
from langchain_motorhead.facts.learning.report import LearningConfig
from langchain_motorhead.facts.vectors import Embedding
from langchain_motorhead.flows.protocol import Writer
from langchain_motorhead.models.by_name import chat_model
from langchain_motorhead.models.learner_client import LearnerClient
from langchain_motorhead.models.summarizer_client import model_below
from langchain_motorhead.runtime.fact_learning import FactLearning
from langchain_motorhead.runtime.maintenance import Maintenance

_DEFAULT_BUDGET = 4_000


def learner_client(given: Facts) -> LearnerClient:
    """Build what calls the learner.

    Raises:
        InvalidInputError: The model cannot be used.
    """
    learner, extractive = _learner(given), ExtractiveLearner()
    return LearnerClient(
        {Writer.MODEL: learner or extractive, Writer.EXTRACT: extractive}, given.timeout, read_operations
    )


def fact_learning(given: Facts, maintenance: Maintenance) -> FactLearning:
    """Build what learns facts from the sessions of a namespace."""
    client = maintenance.driver.learner
    learner = None if client is None else client.learners[Writer.MODEL]
    budget = getattr(learner, "max_input_tokens", None)
    expires, indexer = maintenance.ttl or None, maintenance.indexer
    config = LearningConfig(
        count=maintenance.compactor.count,
        budget=budget if isinstance(budget, int) and budget > 0 else _DEFAULT_BUDGET,
        has_model=not isinstance(learner, ExtractiveLearner),
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


def _learner(given: Facts) -> Runnable[Any, Any] | None:
    if given.learner is not None:
        is_model = isinstance(given.learner, BaseLanguageModel) or model_below(given.learner) is not None
        if is_model and not hasattr(given.learner, "repairs"):
            raise InvalidInputError("learner= takes a learner. Give the model as Facts(llm=...), or use create_learner")
        return given.learner
    llm = given.llm
    if isinstance(llm, str) and llm.strip():
        llm = chat_model(llm, "Facts(llm=...)")
    if llm is None:
        return None
    if not isinstance(llm, Runnable):
        raise InvalidInputError(
            f"Facts(llm=...) must be a chat model or a name that init_chat_model accepts, not {type(llm).__name__}"
        )
    return create_learner(llm)
