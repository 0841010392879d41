"""Texts of ASCII are taken apart in a shorter way than others, with the same result."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from langchain_motorhead.sessions.checks.details import Text
from langchain_motorhead.summarizers.terms import terms

PIECES = st.sampled_from(
    "Bob O'Hara Anne-Marie may May march 5 12th 1,200 2024-05-14 Mon Sunday -Xy 'Abc a_Bc x=1 key: the THE it's '"
    " - _ . ? : \n".split(" ")
)
ALSO = "|\u00e9"  # a letter beyond ASCII that is no term, name or date


@given(st.lists(st.one_of(PIECES, st.text(st.characters(max_codepoint=127), max_size=4)), max_size=20), PIECES)
@example(["(Ann", "Bob--Carl", "x'Y"], "")
def test_ascii_is_read_as_any_text(pieces: list[str], glue: str) -> None:
    """A text has the same terms, names, dates and content with a letter beyond ASCII behind it."""
    for text in (" ".join(pieces), glue.join(pieces)):
        assert list(terms(text)) == list(terms(text + ALSO))
        plain, other = Text(text), Text(text + ALSO)
        assert (plain.names, plain.dates, plain.terms) == (other.names, other.dates, other.terms)
        assert plain.names_known(Text("Bob saw Anne-Marie")) == other.names_known(Text("Bob saw Anne-Marie"))
