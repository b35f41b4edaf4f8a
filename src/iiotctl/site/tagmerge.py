"""New rows at the end of a tag list that exists: what an engineer wrote there stays as it is, byte for byte."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from iiotctl.errors import SiteError
from iiotctl.site.document import read_bytes
from iiotctl.site.load import joined
from iiotctl.site.naming import UniqueNames
from iiotctl.site.taglist import decode, read_csv, sniff
from iiotctl.site.tagrows import TagRow, cells, used_keys


@dataclass(frozen=True, slots=True)
class Merged:
    """A tag list with new rows.

    Attributes:
        content: the whole list, in the encoding that it had.
        added: rows that are new.
        present: rows whose source and address the list has already; they are not touched.
    """

    content: bytes
    added: tuple[TagRow, ...]
    present: int


def merge(path: Path, rows: Sequence[TagRow]) -> Merged:
    """The list with the rows that it does not have; the same tags merged again add nothing.

    Raises:
        SiteError: the list is no CSV, or wrong as it is.
    """
    name = path.name
    if path.suffix.lower() != ".csv":
        raise SiteError(
            "tag-list-format",
            f"`{name}` is not a CSV list, and only CSV can be merged into",
            where=str(path),
            hint="write a list of its own with `-o FILE`; `tags_file` may name several",
        )
    content = read_bytes(path, what="tag list", where=name)
    text = decode(content, name)
    known, problems = read_csv(text, name)
    if problems:
        raise joined(problems)
    have = {
        (str(tag.values.get("source")), str(tag.values.get("address")), str(tag.values.get("element", "")))
        for tag in known
    }
    fresh = [row for row in rows if _key(row) not in have]
    names = UniqueNames(str(tag.values.get("name")) for tag in known)
    named = tuple(replace(row, name=names.take(row.name)) for row in fresh)
    whole = _appended(text, named).encode(_encoding(content)) if named else content
    return Merged(whole, named, len(rows) - len(named))


def _encoding(content: bytes) -> str:
    if content[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return "utf-16"
    return "utf-8-sig" if content.startswith(b"\xef\xbb\xbf") else "utf-8"


def _key(row: TagRow) -> tuple[str, str, str]:
    return row.source, row.address, "" if row.element is None else str(row.element)


def _appended(text: str, rows: Sequence[TagRow]) -> str:
    delimiter, says_so = sniff(text)
    ending = "\r\n" if "\r\n" in text else "\n"
    lines = text.splitlines(keepends=True)
    at = next(
        index
        for index, line in enumerate(lines)
        if not (says_so and index == 0) and line.strip(" \t\r\n;,") and not line.lstrip('" ').startswith("#")
    )
    titles = next(csv.reader([lines[at].rstrip("\r\n")], delimiter=delimiter))
    keys = [title.strip().lower().replace(" ", "_") for title in titles]
    more = [
        key for key in used_keys(rows) if key not in keys and any(getattr(row, key) not in ("", None) for row in rows)
    ]
    if more:
        # older rows are shorter than the header then, which a list may have
        lines[at] = _line([*titles, *more], delimiter, ending)
    if lines and not lines[-1].endswith(("\n", "\r")):
        lines[-1] += ending
    return "".join(lines) + "".join(_line(cells(row, [*keys, *more]), delimiter, ending) for row in rows)


def _line(words: Sequence[str], delimiter: str, ending: str) -> str:
    out = io.StringIO(newline="")
    csv.writer(out, delimiter=delimiter, lineterminator=ending).writerow(words)
    return out.getvalue()
