"""Tag lists beside the site file: CSV and XLSX, a row a tag, columns named as the keys of `[[tags]]`.

Engineers keep tags in Excel. What Excel does to text is met here: the delimiter follows the country,
numbers may have a decimal comma, the file may begin with a byte order mark or `sep=;`. Nothing is
guessed where guessing could change an address.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from iiotctl.errors import SiteError
from iiotctl.site.cells import MOST_ROWS, CellError, RawTag, header, parse_cell, store_cell
from iiotctl.site.document import read_bytes
from iiotctl.site.plain import Where, one_line

_DELIMITERS: Final = ",;\t"


def read_tag_list(path: Path, name: str, where: str) -> tuple[list[RawTag], list[SiteError]]:
    """Tags of a CSV or XLSX file.

    Args:
        path: the file.
        name: how messages call it.
        where: the key that names it, e.g. `site.toml:4`.

    Raises:
        SiteError: the file as a whole cannot be used.
    """
    if path.suffix.lower() == ".xlsx":
        from iiotctl.site.spreadsheet import read_xlsx

        return read_xlsx(path, name, where)
    if path.suffix.lower() in (".xls", ".xlsm", ".ods"):
        raise SiteError(
            "tag-list-format",
            f"`{name}` is a `{path.suffix}` file; a tag list is CSV or XLSX",
            where=where,
            hint="save it as `.xlsx` or as `CSV UTF-8`",
        )
    return read_csv(decode(read_bytes(path, what="tag list", where=where), name), name)


def decode(content: bytes, name: str) -> str:
    """Text of a tag list: UTF-8, or UTF-16 with a byte order mark (Excel's "Unicode text").

    Raises:
        SiteError: `file-not-text`.
    """
    encoding = "utf-16" if content[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        raise SiteError(
            "file-not-text",
            f"the tag list `{name}` is not UTF-8 text",
            where=f"{name}:{content.count(bytes([10]), 0, error.start) + 1}",
            cause=f"byte 0x{content[error.start]:02X} cannot be decoded",
            hint="save it in Excel as `CSV UTF-8`, or as `.xlsx`",
        ) from None
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise SiteError("file-not-text", f"the tag list `{name}` holds a NUL byte", where=f"{name}:{line}")
    return text


def sniff(text: str) -> tuple[str, bool]:
    """The delimiter of a CSV text, and whether its first line says so (`sep=;`, as Excel writes it)."""
    for line in text.splitlines():
        if match := re.fullmatch(r"sep=(.)", line.strip("\r\n"), re.IGNORECASE):
            return match[1], True
        if line.strip() and not line.lstrip('"').startswith("#"):
            bare = re.sub(r'"[^"]*"', "", line)
            return max(_DELIMITERS, key=bare.count), False
    return ",", False


def read_csv(text: str, name: str) -> tuple[list[RawTag], list[SiteError]]:
    """Tags of a CSV text; lines that begin with `#` are comments.

    Raises:
        SiteError: `tag-list-syntax` when it is no CSV, or has no header.
    """
    delimiter, says_so = sniff(text)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    table = _Table(name, decimal_comma=delimiter == ";")
    line = 1
    try:
        for number, row in enumerate(reader):
            start, line = line, reader.line_num + 1
            if says_so and number == 0:
                continue
            if not any(cell.strip() for cell in row) or row[0].lstrip().startswith("#"):
                continue
            table.row(row, start)
    except csv.Error as error:
        raise SiteError(
            "tag-list-syntax",
            f"`{name}` is not valid CSV",
            where=f"{name}:{line}",
            cause=str(error)[:200],
            hint='a text with a quote in it is written `"like ""this"""`',
        ) from None
    if table.columns is None:
        raise SiteError("tag-list-syntax", f"`{name}` is empty: its first row names the columns", where=f"{name}:1")
    return table.tags, table.problems


class _Table:
    """Rows of text cells on their way to tags."""

    def __init__(self, name: str, *, decimal_comma: bool) -> None:
        self.name = name
        self.decimal_comma = decimal_comma
        self.columns: list[str] | None = None
        self.tags: list[RawTag] = []
        self.problems: list[SiteError] = []

    def row(self, cells: Sequence[str], line: int) -> None:
        if self.columns is None:
            self.columns, found = header(cells, lambda _, title: f"{self.name}:{line} column {title}")
            self.problems += found
            return
        if len(self.tags) >= MOST_ROWS:
            raise SiteError("tag-list-syntax", f"`{self.name}` has more than {MOST_ROWS} tags", where=self.name)
        where = _place(self.name, line)
        if any(cell.strip() for cell in cells[len(self.columns) :]):
            self.problems.append(
                SiteError(
                    "tag-list-syntax",
                    f"the row has {len(cells)} cells, the header {len(self.columns)}",
                    where=where(),
                    hint="a cell that contains the delimiter needs quotes",
                )
            )
            return
        values: dict[str, Any] = {}
        for column, cell in zip(self.columns, cells, strict=False):
            text = cell.strip()
            if not text or not column:
                continue
            try:
                store_cell(values, column, parse_cell(column, text, decimal_comma=self.decimal_comma))
            except CellError as error:
                self.problems.append(SiteError("tag-list-cell", one_line(str(error)), where=where(column)))
        self.tags.append(RawTag(values, where))


def _place(name: str, line: int) -> Where:
    def where(*keys: str | int) -> str:
        return f"{name}:{line} column {'.'.join(str(key) for key in keys)}" if keys else f"{name}:{line}"

    return where
