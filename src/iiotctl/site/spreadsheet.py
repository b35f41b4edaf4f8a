"""Tag lists in XLSX: cells as Excel keeps them, with the traps that Excel sets for addresses and lists.

Excel stores what looks like a number as one (`40012.10` → 40012.1, `1/2` → a date), so a number where a
name or an address belongs is an error that names the cell. Workbooks are untrusted input: sizes are
bounded before and while reading, and formulas count by the value that Excel last computed.
"""

from __future__ import annotations

import datetime as dt
import io
import warnings
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from iiotctl.errors import SiteError
from iiotctl.site.cells import MOST_COLUMNS, MOST_ROWS, NUMBERS, CellError, RawTag, header, parse_cell, store_cell
from iiotctl.site.document import read_bytes
from iiotctl.site.plain import Where, one_line, show

if TYPE_CHECKING:
    from openpyxl.workbook import Workbook

_LARGEST_CONTENT: Final = 200_000_000
"""Bytes of a workbook's parts when unpacked; more is an archive made to fill the memory."""

_IDENTIFIERS: Final = ("name", "source", "asset", "twin", "siblings")
_SHEET: Final = "tags"


def _damaged(name: str, where: str, cause: str) -> SiteError:
    return SiteError(
        "tag-list-format",
        f"`{name}` cannot be read as an XLSX workbook",
        where=where,
        cause=cause[:200],
        hint="open it in Excel, save it again as `.xlsx`, or as `CSV UTF-8`",
    )


def _open(content: bytes, *, values: bool) -> Workbook:
    from openpyxl import load_workbook

    return load_workbook(io.BytesIO(content), read_only=True, data_only=values, keep_links=False)


def _check_size(content: bytes, name: str, where: str) -> None:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        unpacked = sum(part.file_size for part in archive.infolist())
    if unpacked > _LARGEST_CONTENT:
        raise SiteError("file-too-large", f"`{name}` unpacks to more than {_LARGEST_CONTENT // 10**6} MB", where=where)


def _require_openpyxl(name: str, where: str) -> None:
    try:
        import openpyxl  # noqa: F401 - the extra may be missing
    except ImportError:
        raise SiteError(
            "excel-missing",
            f"`{name}` is a spreadsheet and reading it needs the extra `excel`",
            where=where,
            hint="pipx inject iiotctl openpyxl",
        ) from None


def read_xlsx(path: Path, name: str, where: str) -> tuple[list[RawTag], list[SiteError]]:
    """Tags of the sheet `Tags`, or of the first sheet when none is called so.

    Args:
        path: the workbook.
        name: how messages call it.
        where: the key that names it, e.g. `site.toml:4`.

    Raises:
        SiteError: `excel-missing` without openpyxl, `tag-list-format` for a damaged workbook.
    """
    content = read_bytes(path, what="tag list", where=where)
    _require_openpyxl(name, where)
    try:
        _check_size(content, name, where)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # openpyxl warns of styles and extensions it leaves out
            return _read(content, name)
    except SiteError:
        raise
    except Exception as error:  # noqa: BLE001 - openpyxl raises anything on a damaged workbook
        raise _damaged(name, where, f"{type(error).__name__}: {error}") from None


def sheets(content: bytes, name: str, where: str) -> Iterator[tuple[str, int, list[str]]]:
    """(sheet, row number, cells as text) of every row that holds anything, for tables that are no tag lists.

    A number is written as Excel would show it without a format; a formula counts by its last computed value.

    Args:
        content: the workbook.
        name: how messages call it.
        where: place for messages.

    Raises:
        SiteError: `excel-missing` without openpyxl, `tag-list-format` for a damaged workbook.
    """
    _require_openpyxl(name, where)
    try:
        _check_size(content, name, where)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # openpyxl warns of styles and extensions it leaves out
            yield from _texts(content)
    except SiteError:
        raise
    except Exception as error:  # noqa: BLE001 - openpyxl raises anything on a damaged workbook
        raise _damaged(name, where, f"{type(error).__name__}: {error}") from None


def _texts(content: bytes) -> Iterator[tuple[str, int, list[str]]]:
    book = _open(content, values=True)
    titles = [sheet.title for sheet in book.worksheets]
    book.close()
    for title in titles:
        for number, cells in enumerate(_rows(content, title, values=True), start=1):
            if number > MOST_ROWS:
                raise SiteError("tag-list-syntax", f"sheet `{title}` has more than {MOST_ROWS} rows")
            texts = [_as_text(cell.value) for cell in cells]
            if any(texts):
                yield title, number, texts


def _as_text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value).strip()


def _sheet_name(book: Workbook) -> str:
    names: list[str] = [sheet.title for sheet in book.worksheets]
    if not names:
        msg = "the workbook has no sheet of cells"
        raise ValueError(msg)
    return next((title for title in names if title.strip().lower() == _SHEET), names[0])


def _rows(content: bytes, title: str, *, values: bool) -> Iterator[tuple[Any, ...]]:
    book = _open(content, values=values)
    try:
        sheet: Any = book[title]
        sheet.reset_dimensions()  # the file may claim any size
        yield from sheet.iter_rows(max_col=MOST_COLUMNS)
    finally:
        book.close()


def _read(content: bytes, name: str) -> tuple[list[RawTag], list[SiteError]]:
    book = _open(content, values=True)
    title = _sheet_name(book)
    book.close()
    sheet = _Sheet(name, title)
    rows = zip(_rows(content, title, values=True), _rows(content, title, values=False), strict=False)
    for number, (cells, written) in enumerate(rows, start=1):
        if all(cell.value is None or str(cell.value).strip() == "" for cell in written):
            continue
        sheet.row(number, cells, written)
    if sheet.columns is None:
        raise SiteError("tag-list-syntax", f"sheet `{title}` is empty: its first row names the columns", where=name)
    return sheet.tags, sheet.problems


def column_letters(index: int) -> str:
    """Excel's name of a column, from 0: A, …, Z, AA, …"""
    letters = ""
    number = index + 1
    while number:
        number, rest = divmod(number - 1, 26)
        letters = chr(65 + rest) + letters
    return letters


class _Sheet:
    """Rows of cells on their way to tags."""

    def __init__(self, name: str, title: str) -> None:
        self.place = f"{name} sheet {title}"
        self.columns: list[str] | None = None
        self.header_row = 0
        self.tags: list[RawTag] = []
        self.problems: list[SiteError] = []

    def where(self, row: int) -> Where:
        def place(*keys: str | int) -> str:
            wanted = ".".join(str(key) for key in keys if isinstance(key, str))
            for position, column in enumerate(self.columns or []):
                if column and wanted in (column, f"limits.{column}"):
                    return f"{self.place} cell {column_letters(position)}{row}"
            return f"{self.place} row {row}"

        return place

    def row(self, number: int, cells: tuple[Any, ...], written: tuple[Any, ...]) -> None:
        if str(written[0].value or "").lstrip().startswith("#"):
            return
        if self.columns is None:
            titles = ["" if cell.value is None else str(cell.value) for cell in cells]
            self.columns, found = header(
                titles, lambda position, _: f"{self.place} cell {column_letters(position)}{number}"
            )
            self.problems += found
            return
        if len(self.tags) >= MOST_ROWS:
            raise SiteError("tag-list-syntax", f"the sheet has more than {MOST_ROWS} tags", where=self.place)
        where = self.where(number)
        values: dict[str, Any] = {}
        unread: set[str] = set()
        for column, cell, source in zip(self.columns, cells, written, strict=False):
            if not column:
                continue
            try:
                if (value := _cell(column, cell, source)) is not None:
                    store_cell(values, column, value)
            except _NumericAddressError as error:
                unread.add(column)
                self.problems.append(
                    SiteError(
                        "numeric-address",
                        str(error),
                        where=where(column),
                        cause="Excel drops zeros of numbers: `40012.10` becomes `40012.1`",
                        hint="format the column as Text, then type the cell again",
                    )
                )
            except CellError as error:
                unread.add(column)
                self.problems.append(SiteError("tag-list-cell", one_line(str(error)), where=where(column)))
        self.tags.append(RawTag(values, where, frozenset(unread)))


class _NumericAddressError(CellError):
    """A number where an address belongs."""


def _cell(column: str, cell: Any, written: Any) -> Any:
    value = cell.value
    if written.data_type == "f" and value is None:
        msg = "the formula has no computed value; open the workbook in Excel and save it"
        raise CellError(msg)
    if cell.data_type == "e":
        raise CellError(f"the cell holds the error {show(value)}")
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    if isinstance(value, str):
        return parse_cell(column, value.strip())
    if column == "address":
        raise _NumericAddressError(f"the address is the number {show(value)}, not text")
    if isinstance(value, dt.date | dt.time | dt.timedelta):
        raise CellError(f"Excel made a date of it ({show(str(value))}); format the cell as Text")
    return _number_cell(column, value, str(getattr(cell, "number_format", "") or ""))


def _number_cell(column: str, value: Any, number_format: str) -> Any:
    key = column.removeprefix("limits.")
    if isinstance(value, bool):
        if key in ("stepped", "raw"):
            return value
        raise CellError(f"the cell holds the truth value {show(value)}; write text or a number")
    if key in _IDENTIFIERS:
        raise CellError(f"the cell holds the number {show(value)}; format it as Text, because Excel drops zeros")
    if key == "deadband" and "%" in number_format:
        return {"percent": float(value) * 100}
    if key in NUMBERS or key == "deadband":
        return float(value)
    text = str(int(value)) if float(value).is_integer() else repr(value)
    return parse_cell(column, text)
