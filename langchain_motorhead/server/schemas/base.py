"""What all models of the API share: the base class, and the types of ids and roles."""

from __future__ import annotations

from typing import Annotated, Any, TypeAlias

from pydantic import BaseModel, ConfigDict, Field
from pydantic.json_schema import SkipJsonSchema

Omitted: TypeAlias = SkipJsonSchema[None]
"""In a union: the field may be left out. Its schema has no null; it is just not required."""

Id = Annotated[str, Field(min_length=1, max_length=1_024)]
Role = Annotated[
    str, Field(description="Any text. LangChain clients write `Human` and `AI`.", examples=["Human", "AI"])
]

EXAMPLE_SESSION_ID = "alice-2025-06-01"
EXAMPLE_USER_ID = "alice"
EXAMPLE_TEXT = "I moved from Oslo to Berlin."


class Schema(BaseModel):
    """Base of the models. Pydantic builds their schemas when they are first used, not at import."""

    model_config = ConfigDict(defer_build=True)


def example(*, extra: bool = False, **fields: Any) -> ConfigDict:
    """Build the configuration of a model that has an example.

    Args:
        extra: Whether the model allows other keys.
        **fields: The example.
    """
    config = ConfigDict(json_schema_extra={"examples": [fields]})
    if extra:
        config["extra"] = "allow"
    return config
