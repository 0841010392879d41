"""`NamedTool`: a LangChain tool that is shown as its name, and not with its whole description and schema."""

from __future__ import annotations

from langchain_core.tools import StructuredTool


class NamedTool(StructuredTool):
    """A tool whose `repr` is short, so that logs can be read."""

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name!r})"

    __str__ = __repr__
