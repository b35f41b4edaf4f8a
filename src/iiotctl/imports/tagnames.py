"""Tag names of other systems to ours: letters, digits, `_ . -`, at most 64 bytes. Every change is kept to be shown."""

from __future__ import annotations

import csv
import hashlib
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from iiotctl.errors import UsageError
from iiotctl.imports.failure import bad_file, bad_shape

LONGEST: Final = 64
_PROVIDER: Final = re.compile(r"\[[^\]]*\]")
_FOREIGN: Final = re.compile(r"[^A-Za-z0-9_.\-]+")
_GERMAN: Final = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "Ä": "Ae", "Ö": "Oe", "Ü": "Ue", "ß": "ss"})
_MAP_HEADERS: Final = frozenset((("from", "to"), ("old", "new"), ("name", "tag")))
_OURS: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.\-]*")


def is_valid(name: str) -> bool:
    """Whether a name keeps our rules."""
    return bool(_OURS.fullmatch(name)) and len(name) <= LONGEST


def ours(name: str) -> str:
    """The name in our rules; the same for the same name, always. "" when nothing of it is usable."""
    text = name.strip()
    if is_valid(text):
        return text
    text = _PROVIDER.sub("", text, count=1) if text.startswith("[") else text
    text = re.sub(r"^\\\\[^\\]+\\", "", text)  # \\server\tag of PI
    text = unicodedata.normalize("NFC", text).translate(_GERMAN)
    text = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    text = re.sub(r"[/\\|:>]+", ".", text)
    text = _FOREIGN.sub("_", text)
    text = re.sub(r"\.{2,}", ".", text).strip(".-")
    text = re.sub(r"_*\._*", ".", re.sub(r"__+", "_", text)) if not is_valid(text) or "_." in text else text
    text = text.strip("_") or text
    if len(text) > LONGEST:
        mark = hashlib.sha256(name.encode()).hexdigest()[:8]
        text = f"{text[: LONGEST - 9]}-{mark}"
    return text if is_valid(text) and text.strip("_") else ""


def read_map(path: Path) -> dict[str, str]:
    """Names by the names of the file, from a CSV with the columns from,to.

    Raises:
        UsageError: `import-file`, `bad-value`.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            text = file.read(20_000_000)
    except (OSError, UnicodeDecodeError) as error:
        raise bad_file(path, "the map of names cannot be read", cause=str(error)) from error
    separator = ";" if text.partition("\n")[0].count(";") else "\t" if "\t" in text.partition("\n")[0] else ","
    lines = enumerate(csv.reader(text.splitlines(), delimiter=separator), start=1)
    rows = [(number, [cell.strip() for cell in row]) for number, row in lines if any(cell.strip() for cell in row)]
    if not rows or tuple(cell.lower() for cell in rows[0][1][:2]) not in _MAP_HEADERS:
        raise UsageError(
            "bad-value",
            "the map of names does not begin with the titles `from,to`",
            where=f"{path}:{rows[0][0] if rows else 1}",
            cause=f"there stands `{separator.join(rows[0][1])[:60]}`" if rows else "it is empty",
            hint="write the line `from,to` above the names, in the order in which they stand",
        )
    found: dict[str, str] = {}
    taken: set[str] = set()
    for number, row in rows[1:]:
        if len(row) < 2:  # noqa: PLR2004 - from, to
            raise UsageError("bad-value", "the map of names needs two columns", where=f"{path}:{number}")
        old, new = row[:2]
        if old in found or new in taken:
            raise UsageError(
                "bad-value",
                f"`{old if old in found else new}` stands twice in the map of names",
                where=f"{path}:{number}",
                cause=None if old in found else "samples of two tags under one name cannot be told apart any more",
                hint="leave one of the two lines; `from,` without a new name leaves a tag out",
            )
        if new and not is_valid(new):
            raise UsageError(
                "bad-value",
                f"`{new}` is no name of a tag",
                where=f"{path}:{number}",
                hint="letters, digits, `_`, `.` and `-`, at most 64 of them",
            )
        found[old] = new
        taken |= {new} - {""}
    return found


@dataclass(slots=True)
class Names:
    """The names of one import.

    Attributes:
        path: the file, for errors.
        given: `--map`; an empty new name leaves the tag out.
        prefix: put before every name that `given` does not settle.
        known: our name by that of the file; "" = refused or left out.
    """

    path: Path
    given: dict[str, str] = field(default_factory=dict)
    prefix: str = ""
    known: dict[str, str] = field(default_factory=dict)
    _taken: dict[str, str] = field(default_factory=dict)

    def learn(self, names: Iterable[str]) -> None:
        """Settle names that are new.

        Raises:
            UsageError: `import-shape`, two names of the file would become one.
        """
        for name in names:
            if name in self.known:
                continue
            word = name.strip()
            new = self.given[word] if word in self.given else self._made(word)
            if new and (other := self._taken.setdefault(new, word)) != word:
                raise bad_shape(
                    self.path,
                    f"the tags `{other}` and `{word}` would both be called `{new}`",
                    hint="give them names: `--map FILE.csv` with the columns from,to",
                )
            self.known[name] = new

    def _made(self, word: str) -> str:
        made = ours(word)
        return ours(self.prefix + made) if made and self.prefix else made

    @property
    def unmatched(self) -> list[str]:
        """Names in `given` that the file did not hold."""
        met = {name.strip() for name in self.known}
        return [name for name in self.given if name not in met]

    @property
    def changed(self) -> list[tuple[str, str]]:
        """(name in the file, our name) of every name that is not the same."""
        return sorted((old, new) for old, new in self.known.items() if old.strip() != new)
