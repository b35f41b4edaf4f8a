"""Exports that are tables, CSV or XLSX: rows as dictionaries of lower-case titles, with their place."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from iiotctl.errors import SiteError
from iiotctl.site.cells import MOST_ROWS
from iiotctl.site.spreadsheet import sheets
from iiotctl.site.taglist import sniff

ZIP: Final = b"PK\x03\x04"


@dataclass(frozen=True, slots=True)
class Row:
    """One row.

    Attributes:
        where: `export.csv:12`, or `export.xlsx sheet PLC Tags row 12`.
        cells: by lower-case title; "" for an empty cell. A title that appears twice counts once.
    """

    where: str
    cells: dict[str, str]

    def get(self, *titles: str) -> str:
        """The first of these cells that holds anything."""
        return next((text for title in titles if (text := self.cells.get(title, ""))), "")


def text_of(content: bytes, name: str) -> str:
    """Text of an export: UTF-8, UTF-16 with a byte order mark, else the ANSI code page that Windows tools write.

    Raises:
        SiteError: `file-not-text`.
    """
    for encoding in ("utf-16",) if content[:2] in (b"\xff\xfe", b"\xfe\xff") else ("utf-8-sig", "cp1252"):
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\0" not in text:
            return text
        break
    raise SiteError("file-not-text", f"`{name}` is neither text nor a workbook", where=name)


def rows(content: bytes, name: str) -> Iterator[Row]:
    """Rows of a CSV text or of every sheet of a workbook; each sheet begins with its own titles.

    Raises:
        SiteError: not a table, damaged, or too large.
    """
    if content.startswith(ZIP):
        yield from _of_workbook(content, name)
    else:
        yield from _of_csv(text_of(content, name), name)


def _of_workbook(content: bytes, name: str) -> Iterator[Row]:
    current, titles = None, []
    for sheet, number, cells in sheets(content, name, name):
        if sheet != current:
            current, titles = sheet, [cell.strip().lower() for cell in cells]
            continue
        yield Row(f"{name} sheet {sheet} row {number}", _cells(titles, cells))


def _of_csv(text: str, name: str) -> Iterator[Row]:
    delimiter, says_so = sniff(text)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    titles: list[str] = []
    count, line = 0, 1
    try:
        for number, cells in enumerate(reader):
            start, line = line, reader.line_num + 1
            if (says_so and number == 0) or not any(cell.strip() for cell in cells):
                continue
            if not titles:
                titles = [cell.strip().lower() for cell in cells]
                continue
            count += 1
            if count > MOST_ROWS:
                raise SiteError("tag-list-syntax", f"`{name}` has more than {MOST_ROWS} rows", where=name)
            yield Row(f"{name}:{start}", _cells(titles, cells))
    except csv.Error as error:
        raise SiteError(
            "tag-list-syntax", f"`{name}` is not valid CSV", where=f"{name}:{line}", cause=str(error)[:200]
        ) from None


def _cells(titles: list[str], cells: list[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for title, cell in zip(titles, cells, strict=False):
        found.setdefault(title, cell.strip())
    return found
