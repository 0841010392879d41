"""Where an item is, as text for key names and sorted sets. Pure.

The bytes of what is encoded sort as the labels do that it encodes, so that Redis lists namespaces in the order of
Python's tuples, and one range is everything below a prefix. A label ends with a character that nothing else uses and
that sorts before the rest: `("a",)` is the beginning of `("a", "b")`, and of `("ab",)` it is not.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from hashlib import blake2b
from typing import NamedTuple

from langchain_motorhead.exceptions import InvalidInputError

END = "!"
# A byte that is not kept is written in hexadecimal, after a character between the kept ones that it sorts between.
_LEADS = ((0x2D, "%"), (0x30, "."), (0x41, "="), (0x5F, "^"), (0x61, "`"), (0x100, "~"))
_KEPT = frozenset(b"-0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz")
_ENCODED = [
    chr(byte) if byte in _KEPT else next(lead for end, lead in _LEADS if byte < end) + f"{byte:02X}"
    for byte in range(256)
]
_ESCAPE = re.compile(rb"[%.=^`~]([0-9A-F]{2})")


class Place(NamedTuple):
    """Where an item is: the labels of its namespace, and its key."""

    namespace: tuple[str, ...]
    key: str


def to_path(labels: Sequence[str]) -> str:
    """Encode a namespace, or a prefix of some.

    Raises:
        InvalidInputError: A label is not a string.
    """
    return "".join(_encoded(label, "a label of a namespace") + END for label in labels)


def to_name(key: str) -> str:
    """Encode the key of an item. It follows the path of its namespace.

    Raises:
        InvalidInputError: It is not a string.
    """
    return _encoded(key, "the key of an item")


def from_path(path: str) -> Place:
    """Undo `to_path` and `to_name`, of a namespace and a key together; that of a namespace alone has the key `""`."""
    *labels, key = path.split(END)
    return Place(tuple(map(_decoded, labels)), _decoded(key))


def below(path: str) -> tuple[str, str]:
    """Give the bounds, as ZRANGEBYLEX takes them, of everything whose path begins with one."""
    return f"[{path}", f"({path}\x7f"


def tags(labels: Sequence[str]) -> Iterator[str]:
    """Give a tag for a namespace and each that it is in, by which an index finds what is below it.

    Digests, since the search module cuts off a tag that is longer than 4,096 bytes.
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
