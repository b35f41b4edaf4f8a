"""XLSX workbooks as tables of text: row by row through openpyxl, with bounds against workbooks made to fill memory.

Formulas count by the value that Excel last computed; those without one are empty cells, and counted. Times become ISO
8601, numbers keep all their digits. Some ten thousand rows a second.
"""

from __future__ import annotations

import datetime as dt
import re
import warnings
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import polars as pl

from iiotctl.errors import IiotctlError, SiteError
from iiotctl.imports import lines
from iiotctl.imports.failure import bad_file, bad_shape
from iiotctl.imports.rejects import refusals
from iiotctl.imports.shapes import MOST_COLUMNS

XLSX_SUFFIXES: Final = frozenset((".xlsx", ".xlsm", ".xltx"))
LARGEST_CONTENT: Final = 2_000_000_000
MOST_RATIO: Final = 200
_RATIO_FROM: Final = 50_000_000
_CHUNK_ROWS: Final = 50_000
_SAMPLE: Final = 300
_XML_BLOCK: Final = 1_000_000
_UNCOMPUTED: Final = re.compile(rb"<f(?:\s[^<>]*)?(?:/>|>[^<]*</f>)\s*(?:<v\s*/>|<v>\s*</v>)?\s*</c>")


class _Number(str):
    """A numeric cell as text; its decimal mark is `.` whatever the texts of the sheet use."""

    __slots__ = ()


Chunks = Callable[[], Iterator[tuple[pl.DataFrame, pl.DataFrame]]]


def read_sheet(path: Path) -> tuple[list[str] | None, list[list[str]], Chunks, str, int]:
    """Header, sample rows, chunks, name and formulas without a value of the first sheet that holds a table.

    Sheets behind it that begin with the very same header go on with it: a sheet ends after 1,048,576 rows.

    Raises:
        UsageError: `import-file`, `import-shape`.
        SiteError: `excel-missing`.
    """
    _check(path)
    with _workbook(path) as book:
        titles = [sheet.title for sheet in book.worksheets]
    for place, title in enumerate(titles):
        head: list[tuple[int, list[str]]] = []
        for number, cells in _rows(path, title):
            if any(cells):
                head.append((number, cells))
            if len(head) >= _SAMPLE:
                break
        if len(head) < 2:  # noqa: PLR2004 - header and a row
            continue
        width = max(len(cells) - next((i for i, cell in enumerate(reversed(cells)) if cell), 0) for _, cells in head)
        if width > MOST_COLUMNS:
            raise bad_shape(path, f"the sheet has {width} columns, more than {MOST_COLUMNS}")
        padded = [(number, (cells + [""] * width)[:width]) for number, cells in head]
        first = next(
            i for i, (_, cells) in enumerate(padded) if i == len(padded) - 1 or _is_full(cells, padded[i + 1][1])
        )
        number, header = padded[first]
        sample = [cells for _, cells in padded[first + 1 :]]
        parts = [title, *_continued(path, titles[place + 1 :], number, header)]
        name = title if len(parts) == 1 else f"{title}` to `{parts[-1]}"
        return header, sample, _chunks(path, parts, width, number), name, sum(_uncomputed(path, each) for each in parts)
    raise bad_shape(path, "no sheet of the workbook holds a table")


def _is_full(cells: list[str], below: list[str]) -> bool:
    """A header names every column that the row below it fills."""
    return all(cell or not value for cell, value in zip(cells, below, strict=True))


def _continued(path: Path, titles: list[str], header_row: int, header: list[str]) -> Iterator[str]:
    """Sheets, one behind the other, that have this header in this row."""
    for title in titles:
        cells = next((cells for number, cells in _rows(path, title) if number >= header_row), [])
        if cells[: len(header)] != header or any(cells[len(header) :]):
            return
        yield title


def _chunks(path: Path, titles: list[str], width: int, header_row: int) -> Chunks:
    def chunks() -> Iterator[tuple[pl.DataFrame, pl.DataFrame]]:
        rows: list[list[str | None]] = []
        numbers: list[int] = []
        for number, cells in (row for title in titles for row in _rows(path, title)):
            if number <= header_row or not any(cells):
                continue
            rows.append([cell or None for cell in (cells + [""] * width)[:width]])
            numbers.append(number)
            if len(rows) >= _CHUNK_ROWS:
                yield _frame(rows, numbers, width), refusals([])
                rows, numbers = [], []
        yield _frame(rows, numbers, width), refusals([])

    return chunks


def _frame(rows: list[list[str | None]], numbers: list[int], width: int) -> pl.DataFrame:
    names = lines.columns(width)
    frame = pl.DataFrame(rows, schema=dict.fromkeys(names, pl.String), orient="row")
    marks = [
        pl.Series(lines.numeric(name), [isinstance(row[place], _Number) for row in rows], dtype=pl.Boolean)
        for place, name in enumerate(names)
    ]
    return frame.with_columns(pl.Series(lines.LINE, numbers, dtype=pl.UInt64), *(mark for mark in marks if mark.any()))


def _check(path: Path) -> None:
    try:
        import openpyxl  # noqa: F401 - the extra may be missing
    except ImportError:
        raise SiteError(
            "excel-missing",
            f"`{path.name}` is a spreadsheet and reading it needs the extra `excel`",
            where=str(path),
            hint="pipx inject iiotctl openpyxl",
        ) from None
    try:
        with zipfile.ZipFile(path) as archive:
            unpacked = sum(part.file_size for part in archive.infolist())
    except (OSError, zipfile.BadZipFile, NotImplementedError) as error:
        raise _damaged(path, error) from error
    packed = max(1, path.stat().st_size)
    if unpacked > LARGEST_CONTENT or (unpacked > _RATIO_FROM and unpacked / packed > MOST_RATIO):
        raise bad_file(
            path, f"the workbook unpacks to {unpacked // 10**6} MB, {unpacked // packed} times its size",
            hint="if it is sound, save it as CSV and import that",
        )  # fmt: skip


def _damaged(path: Path, error: Exception) -> IiotctlError:
    return bad_file(
        path,
        "the workbook cannot be read",
        cause=f"{type(error).__name__}: {error}"[:200],
        hint="open it in Excel and save it again as `.xlsx` or `CSV UTF-8`",
    )


@contextmanager
def _workbook(path: Path) -> Iterator[Any]:
    from openpyxl import load_workbook

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # openpyxl warns of styles and extensions it leaves out
        try:
            book = load_workbook(path, read_only=True, data_only=True, keep_links=False)
        except Exception as error:
            raise _damaged(path, error) from error
        try:
            yield book
        except IiotctlError:
            raise
        except Exception as error:
            raise _damaged(path, error) from error
        finally:
            book.close()


def _rows(path: Path, title: str) -> Iterator[tuple[int, list[str]]]:
    with _workbook(path) as book:
        sheet = book[title]
        sheet.reset_dimensions()  # the file may claim any size
        for number, cells in enumerate(sheet.iter_rows(max_col=MOST_COLUMNS + 1, values_only=True), start=1):
            yield number, [_text(cell) for cell in cells]


def _uncomputed(path: Path, title: str) -> int:
    """Formulas that no program has computed yet; openpyxl hands them out as empty cells, so the XML is asked."""
    found, rest = 0, b""
    with _workbook(path) as book, book[title]._get_source() as xml:  # noqa: SLF001 - no public way to the sheet's part
        while data := xml.read(_XML_BLOCK):
            cells, end, rest = (rest[-_XML_BLOCK:] + data).rpartition(b"</c>")
            found += len(_UNCOMPUTED.findall(cells + end))
    return found


def _text(cell: Any) -> str:
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, dt.datetime):
        return cell.isoformat(sep=" ")
    if isinstance(cell, float):
        return _Number(int(cell) if cell.is_integer() and abs(cell) < 1e15 else cell)  # noqa: PLR2004 - exact digits
    return str(cell).strip("\0")
