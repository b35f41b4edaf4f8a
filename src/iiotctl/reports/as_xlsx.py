"""`--format xlsx`: a workbook whose cells are numbers, dates and texts, so that nothing depends on a country.

Rows go through a file of their own on their way, so that a workbook of any length takes little memory. A sheet holds
1,048,576 rows; further rows begin `Data 2`, each with the header. The last sheet, `About`, says where the rows are
from.

Instants are dates in plant local time, the zone in the title and the offset from UTC beside them (`localtime`).
What Excel cannot hold as a number is text: integers and decimals of more than 15 digits, dates before March 1900,
negative durations. Texts are never formulas; those longer than 32,767 characters are cut, and `About` counts them.
"""

from __future__ import annotations

import math
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Final

from iiotctl import __version__
from iiotctl.reports import localtime
from iiotctl.reports.values import text

if TYPE_CHECKING:
    from xlsxwriter import Workbook
    from xlsxwriter.worksheet import Worksheet

    from iiotctl.reports.base import Look
    from iiotctl.reports.rows import Rows

ROWS: Final = 1_048_576
"""Of a sheet, with its header."""
_CHARACTERS: Final = 32_767
"""Of a cell, counted in UTF-16."""
_DIGITS: Final = 15
_DAY: Final = timedelta(days=1)
_ZERO: Final = datetime(1899, 12, 30)  # noqa: DTZ001 - dates of a spreadsheet have no zone
_FIRST: Final = datetime(1900, 3, 1)  # noqa: DTZ001 - before it Excel counts a 29 February that never was
_SAMPLE: Final = 200
"""Rows that decide how wide a column of texts is."""
_WIDTHS: Final = {"timestamp": 24, "date": 12, "time": 14, "interval": 16}
_NARROWEST, _WIDEST = 10, 60
_FORMATS: Final = {
    "moment": "yyyy-mm-dd hh:mm:ss.000",
    "date": "yyyy-mm-dd",
    "time": "hh:mm:ss.000",
    "span": "[h]:mm:ss.000",
}


def render(rows: Rows, stream: BinaryIO, look: Look) -> None:
    """Write one workbook.

    Raises:
        OSError: no room for the rows on their way, or the stream takes no more.
    """
    with tempfile.TemporaryDirectory(prefix="iiotctl-xlsx-", ignore_cleanup_errors=True) as folder:
        # not straight into the stream: an archive is patched while it is written, which a pipe cannot be
        place = Path(folder) / "book.xlsx"
        with _workbook(place) as book:
            _fill(book, rows, look)
        with place.open("rb") as whole:
            shutil.copyfileobj(whole, stream)


@contextmanager
def _workbook(place: Path) -> Iterator[Workbook]:
    """A workbook that is finished when the block ends well, and leaves no open file when it does not."""
    from xlsxwriter import Workbook
    from xlsxwriter.exceptions import FileCreateError

    folder = str(place.parent)
    book = Workbook(str(place), {"constant_memory": True, "tmpdir": folder, "use_zip64": True})
    try:
        yield book
        book.close()
    except FileCreateError as error:  # how the library wraps what the system said
        raise OSError(*error.args[0].args[:2], folder) from None
    except OSError as error:
        if error.filename is None and error.errno is not None:  # no room for the rows on their way
            raise OSError(error.errno, error.strerror, folder) from None
        raise
    finally:
        for sheet in book.worksheets():
            with suppress(OSError):  # what it still holds finds no room either
                sheet._opt_close()  # noqa: SLF001 - no public name closes the file of a broken workbook
        book.fileclosed = True


def _fill(book: Workbook, rows: Rows, look: Look) -> None:
    zone = look.sheet.zone or UTC
    columns, titles, local = localtime.spread(rows, zone)
    cells = _Cells(book)
    sheets = _Sheets(book, titles, [column.type for column in columns])
    for row in local:
        sheet, at = sheets.next()
        for place, value in enumerate(row):
            shown = cells.write(sheet, at, place, value)
            if at <= _SAMPLE and shown > sheets.widths[place]:
                sheets.widths[place] = shown
    sheets.finish()
    about = [*look.sheet.about, ("Rows", f"{sheets.rows:,}"), ("Time zone", localtime.zone_name(zone))]
    if cells.cut:
        about.append(("Cut texts", f"{cells.cut:,}: a cell holds {_CHARACTERS:,} characters"))
    about.append(("Written by", f"iiotctl {__version__}"))
    _about(book, about)


class _Sheets:
    """`Data 1`, `Data 2` … as rows come."""

    def __init__(self, book: Workbook, titles: Sequence[str], types: Sequence[str]) -> None:
        self._book = book
        self._titles = titles
        self._bold = book.add_format({"bold": True, "bottom": 1})
        self.widths = [
            min(_WIDEST, max(len(title) + 3, _WIDTHS.get(type_, _NARROWEST)))
            for title, type_ in zip(titles, types, strict=True)
        ]
        self._sheets: list[Worksheet] = []
        self._at = ROWS
        self.rows = 0
        self._begin()

    def next(self) -> tuple[Worksheet, int]:
        """The place of the next row."""
        self._at += 1
        if self._at >= ROWS:
            self._end()
            self._begin()
            self._at = 1
        self.rows += 1
        return self._sheets[-1], self._at

    def finish(self) -> None:
        """Set what is known only now."""
        self._end()
        for sheet in self._sheets:
            for place, width in enumerate(self.widths):
                sheet.set_column(place, place, min(width, _WIDEST))

    def _begin(self) -> None:
        sheet = self._book.add_worksheet(f"Data {len(self._sheets) + 1}", _sheet_class())
        self._sheets.append(sheet)
        self._at = 0
        for place, title in enumerate(self._titles):
            sheet.write_string(0, place, title, self._bold)
        sheet.freeze_panes(1, 0)
        sheet.ignore_errors({"number_stored_as_text": "A1:XFD1048576"})

    def _end(self) -> None:
        if self._titles:
            self._sheets[-1].autofilter(0, 0, min(self._at, ROWS - 1), len(self._titles) - 1)


def _sheet_class() -> type[Worksheet]:
    from xlsxwriter.worksheet import Worksheet

    class Plain(Worksheet):  # type: ignore[misc]
        """Takes a text that looks like the library's own markup of rich text for what it is."""

        def _xml_rich_inline_string(self, string: str, attributes: Any) -> None:
            self._xml_inline_string(string, False, attributes)

    return Plain


_Writer = Callable[[Any, int, int, Any], int]
"""Puts a value at (sheet, row, column)."""


class _Cells:
    """Writes a value as the kind of cell that it is."""

    def __init__(self, book: Workbook) -> None:
        self.cut = 0
        self._formats = {
            name: book.add_format({"num_format": form, "align": "left"}) for name, form in _FORMATS.items()
        }
        self._writers: dict[type, _Writer] = {
            type(None): self._nothing,
            str: self._text,
            float: self._float,
            bool: self._boolean,
            int: self._integer,
            datetime: self._moment,
            date: self._date,
            time: self._time,
            timedelta: self._span,
            Decimal: self._decimal,
        }

    def write(self, sheet: Worksheet, row: int, column: int, value: object) -> int:
        """Write a cell, and say how many characters wide it shows; 0 = as its column."""
        put: _Writer = self._writers.get(type(value), self._other)
        return put(sheet, row, column, value)

    def _text(self, sheet: Worksheet, row: int, column: int, value: str) -> int:
        if len(value) > _CHARACTERS // 2 and len(value.encode("utf-16-le")) // 2 > _CHARACTERS:
            self.cut += 1
            value = value.encode("utf-16-le")[: 2 * (_CHARACTERS - 1)].decode("utf-16-le", "ignore") + "…"
        sheet.write_string(row, column, value)
        return len(value) + 1

    def _nothing(self, *_: object) -> int:
        return 0

    def _float(self, sheet: Worksheet, row: int, column: int, value: float) -> int:
        if math.isfinite(value):
            sheet.write_number(row, column, value)
        return 0

    def _boolean(self, sheet: Worksheet, row: int, column: int, value: bool) -> int:
        sheet.write_boolean(row, column, value)
        return 0

    def _integer(self, sheet: Worksheet, row: int, column: int, value: int) -> int:
        if abs(value) >= 10**_DIGITS:
            return self._text(sheet, row, column, str(value))
        sheet.write_number(row, column, value)
        return len(str(value)) + 1

    def _decimal(self, sheet: Worksheet, row: int, column: int, value: Decimal) -> int:
        if not value.is_finite():
            return 0
        if len(value.normalize().as_tuple().digits) > _DIGITS:
            return self._text(sheet, row, column, format(value, "f"))
        sheet.write_number(row, column, float(value))
        return 0

    def _moment(self, sheet: Worksheet, row: int, column: int, value: datetime) -> int:
        if value < _FIRST:
            return self._other(sheet, row, column, value)
        return self._days(sheet, row, column, value - _ZERO, "moment")

    def _date(self, sheet: Worksheet, row: int, column: int, value: date) -> int:
        if value < _FIRST.date():
            return self._other(sheet, row, column, value)
        return self._days(sheet, row, column, value - _ZERO.date(), "date")

    def _time(self, sheet: Worksheet, row: int, column: int, value: time) -> int:
        passed = datetime.combine(_ZERO, value.replace(tzinfo=None)) - _ZERO
        return self._days(sheet, row, column, passed, "time")

    def _span(self, sheet: Worksheet, row: int, column: int, value: timedelta) -> int:
        if value < timedelta(0):
            return self._other(sheet, row, column, value)
        return self._days(sheet, row, column, value, "span")

    def _days(self, sheet: Worksheet, row: int, column: int, passed: timedelta, form: str) -> int:
        sheet.write_number(row, column, passed / _DAY, self._formats[form])
        return 0

    def _other(self, sheet: Worksheet, row: int, column: int, value: object) -> int:
        return self._text(sheet, row, column, text(value))


def _about(book: Workbook, facts: Sequence[tuple[str, str]]) -> None:
    sheet = book.add_worksheet("About", _sheet_class())
    bold = book.add_format({"bold": True, "valign": "top"})
    wrapped = book.add_format({"text_wrap": True})
    for row, (name, fact) in enumerate(facts):
        sheet.write_string(row, 0, name, bold)
        sheet.write_string(row, 1, fact, wrapped)
    sheet.set_column(0, 0, 20)
    sheet.set_column(1, 1, 80)
