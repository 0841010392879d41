"""Item paths: namespaces and keys encoded as text for key names and sorted sets. Pure.

Encoded bytes sort as the labels do. So Redis lists namespaces in the order of Python's tuples, and one range covers
everything below a prefix. Each label ends with a character that occurs nowhere else and sorts first: the path of
`("a",)` is a prefix of that of `("a", "b")`, but not of that of `("ab",)`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from hashlib import blake2b
from typing import NamedTuple

from langchain_motorhead.exceptions import InvalidInputError

END = "!"
# Any other byte is written in hexadecimal, after a character that sorts between the same safe bytes as it does.
_ESCAPE_CHARS = ((0x2D, "%"), (0x30, "."), (0x41, "="), (0x5F, "^"), (0x61, "`"), (0x100, "~"))
_SAFE_BYTES = frozenset(b"-0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz")
_ENCODED = [
    chr(byte) if byte in _SAFE_BYTES else next(lead for end, lead in _ESCAPE_CHARS if byte < end) + f"{byte:02X}"
    for byte in range(256)
]
_ESCAPE = re.compile(rb"[%.=^`~]([0-9A-F]{2})")


class Place(NamedTuple):
    """The place of an item: the labels of its namespace, and its key."""

    namespace: tuple[str, ...]
    key: str


def to_path(labels: Sequence[str]) -> str:
    """Return the path of a namespace, or of a prefix of one.

    Raises:
        InvalidInputError: A label is not a string.
    """
    return "".join(_encoded(label, "a label of a namespace") + END for label in labels)


def to_name(key: str) -> str:
    """Return the encoded key of an item, which follows the path of its namespace.

    Raises:
        InvalidInputError: The key is not a string.
    """
    return _encoded(key, "the key of an item")


def from_path(path: str) -> Place:
    """Return the place that a path encodes. The path of a namespace alone has the key `""`."""
    *labels, key = path.split(END)
    return Place(tuple(map(_decoded, labels)), _decoded(key))


def below(path: str) -> tuple[str, str]:
    """Return the bounds for ZRANGEBYLEX of everything whose path begins with a path."""
    return f"[{path}", f"({path}\x7f"


def tags(labels: Sequence[str]) -> Iterator[str]:
    """Return an iterator over the tags of a namespace: one for it and for each prefix, to find all that is below it.

    Tags are digests, since the search module cuts off tags longer than 4,096 bytes.
    """
    path = ""
    for label in labels:
        path += _encoded(label, "a label of a namespace") + END
        yield blake2b(path.encode(), digest_size=16).hexdigest()


def _encoded(text: object, what: str) -> str:
    if not isinstance(text, str):
        raise InvalidInputError(f"{what} must be a string, not {type(text).__name__}")
    if text.isalnum() and text.isascii():
        return text
    return "".join([_ENCODED[byte] for byte in text.encode("utf-8", "surrogatepass")])


def _decoded(text: str) -> str:
    if text.isalnum():
        return text
    data = _ESCAPE.sub(lambda found: bytes((int(found[1], 16),)), text.encode("ascii"))
    return data.decode("utf-8", "surrogatepass")
