"""Tag names from the names that a device or server uses: unique, in the characters of a tag name, at most 64 bytes."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Iterable, Sequence
from typing import Final

from iiotctl.site.model import LONGEST_NAME

_SPELLED: Final = str.maketrans(
    {
        "ä": "ae",
        "ö": "oe",
        "ü": "ue",
        "Ä": "Ae",
        "Ö": "Oe",
        "Ü": "Ue",
        "ß": "ss",
        "ø": "o",
        "Ø": "O",
        "æ": "ae",
        "Æ": "Ae",
    }
)
_DIGEST: Final = 6


def segment(text: str) -> str:
    """One level of a name: letters, digits, `_` and `-`; accents are taken off, everything else becomes one `_`.

    Text without any such letter (Chinese, Cyrillic …) becomes a short digest, so that it still differs from another.
    """
    plain = unicodedata.normalize("NFKD", unicodedata.normalize("NFC", text).translate(_SPELLED))
    kept = "".join(character for character in plain if not unicodedata.combining(character))
    word = re.sub(r"[^A-Za-z0-9\-]+", "_", kept).strip("_-")
    lost = sum(character.isalnum() and not character.isascii() for character in kept)
    return f"{word}_{_digest(text)}".lstrip("_") if lost else word


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:_DIGEST]


def tag_name(names: Sequence[str], prefix: str = "") -> str:
    """`line3.Oven.Temperature` from `("Oven", "Temperature")` and the prefix `line3`.

    A prefix that the first name repeats is not written twice. What is too long loses levels in its middle and gets
    a digest of the whole, so that it stays the same from run to run.

    Args:
        names: from the outermost to the innermost; texts of any kind.
        prefix: name of the source, valid as it is; "" = none.
    """
    levels = [word for word in (segment(part) for name in names for part in name.split(".")) if word]
    if prefix and levels and levels[0].lower() == prefix.lower():
        levels = levels[1:]
    whole = ".".join([prefix, *levels] if prefix else levels) or f"tag_{_digest('/'.join(names))}"
    if len(whole) <= LONGEST_NAME:
        return whole
    mark = _digest("/".join(names))
    head = f"{prefix[:20]}." if prefix else ""
    room = LONGEST_NAME - len(head) - len(mark) - 1
    tail: list[str] = []
    for level in reversed(levels):
        if len(".".join([level, *tail])) > room:
            break
        tail.insert(0, level)
    kept = ".".join(tail) or levels[-1][:room].rstrip("_-.")
    return f"{head}{kept}_{mark}"


class UniqueNames:
    """Gives each tag a name that no other has, compared without regard to case.

    Args:
        taken: names that exist already.
    """

    def __init__(self, taken: Iterable[str] = ()) -> None:
        self._taken = {name.lower() for name in taken}
        self._next: dict[str, int] = {}

    def take(self, wanted: str) -> str:
        """`wanted`, or `wanted_2`, `wanted_3` … where it is taken."""
        name, number = wanted, self._next.get(wanted.lower(), 2)
        while name.lower() in self._taken:
            ending = f"_{number}"
            name = wanted[: LONGEST_NAME - len(ending)] + ending
            number += 1
        self._next[wanted.lower()] = number
        self._taken.add(name.lower())
        return name
