"""`--format table`: columns for people. Plain text in a pipe; folded to the width of a terminal.

The first rows decide how wide the columns are; then rows are written as they come, so that a table of
any length takes no memory. A later cell that is wider moves the rest of its own line.
"""

from __future__ import annotations

import itertools
import math
import struct
from collections.abc import Sequence
from datetime import tzinfo
from decimal import Decimal
from typing import TYPE_CHECKING, BinaryIO, Final

from rich.cells import cell_len, chop_cells

from iiotctl.reports.rows import NUMBERS, Column
from iiotctl.reports.target import TextOut
from iiotctl.reports.values import compact_json, harmless, scalar

if TYPE_CHECKING:
    from iiotctl.reports.base import Look
    from iiotctl.reports.rows import Rows

SAMPLE: Final = 500
"""Rows that decide the widths."""

_NARROWEST: Final = 8
_BETWEEN: Final = "  "
_SINGLE: Final = struct.Struct("f")
_SINGLE_LIMIT: Final = 3.4e38


def _number(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    if not value.is_integer() and abs(value) < _SINGLE_LIMIT and _SINGLE.unpack(_SINGLE.pack(value))[0] == value:
        # a device's single: 46.26, not 46.2599983215332; nine digits always name one
        for digits in range(6, 10):
            rounded = float(f"{value:.{digits}g}")
            if _SINGLE.unpack(_SINGLE.pack(rounded))[0] == value:
                return f"{rounded:.15g}"
    return f"{value:.15g}"


def show(value: object, local_tz: tzinfo | None = None) -> str:
    """A cell as people read it: null is empty, floats have up to 15 digits, control characters are escaped.

    A float that is exactly one of single precision has only the digits that name it there.
    """
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return _number(value)
    if isinstance(value, list | tuple | dict):
        return compact_json(value)
    return harmless(scalar(value, local_tz, short=True))


def _is_number(value: object) -> bool:
    return isinstance(value, int | float | Decimal) and not isinstance(value, bool)


def _header(column: Column) -> str:
    return harmless(f"{column.name} [{column.unit}]" if column.unit else column.name)


def _right(column: Column, cells: Sequence[object]) -> bool:
    if column.type in NUMBERS:
        return True
    present = [cell for cell in cells if cell is not None]
    return bool(present) and all(_is_number(cell) for cell in present)


def fit(widths: Sequence[int], room: int) -> list[int]:
    """Widths that fit into `room` cells, taken from the widest columns; none below a readable minimum."""
    most = max(widths, default=0)
    while most > _NARROWEST and sum(min(width, most) for width in widths) > room:
        most -= 1
    fitted = [min(width, most) for width in widths]
    spare = room - sum(fitted)
    for at, width in enumerate(widths):
        if spare > 0 and width > fitted[at]:
            fitted[at] += 1
            spare -= 1
    return fitted


class _Layout:
    def __init__(self, widths: Sequence[int], right: Sequence[bool], *, folded: bool) -> None:
        self.widths = widths
        self.right = right
        self.folded = folded

    def lines(self, cells: Sequence[str], numbers: Sequence[bool]) -> str:
        if not self.folded:
            return self._line(cells, numbers)
        pieces = [chop_cells(cell, width) or [""] for cell, width in zip(cells, self.widths, strict=True)]
        return "".join(self._line(line, numbers) for line in itertools.zip_longest(*pieces, fillvalue=""))

    def _line(self, cells: Sequence[str], numbers: Sequence[bool]) -> str:
        parts = []
        for cell, width, right in zip(cells, self.widths, numbers, strict=True):
            space = " " * (width - (len(cell) if cell.isascii() else cell_len(cell)))
            parts.append(space + cell if right else cell + space)
        return _BETWEEN.join(parts).rstrip() + "\n"


def render(rows: Rows, stream: BinaryIO, look: Look) -> None:
    """Write the table."""
    coming = iter(rows.rows)
    sample = list(itertools.islice(coming, SAMPLE))
    headers = [_header(column) for column in rows.columns]
    shown = [[show(value, look.local_tz) for value in row] for row in sample]
    widths = [max([cell_len(header), *(cell_len(row[at]) for row in shown)]) for at, header in enumerate(headers)]
    if look.width is not None:
        widths = fit(widths, look.width - len(_BETWEEN) * (len(widths) - 1))
    right = [_right(column, [row[at] for row in sample]) for at, column in enumerate(rows.columns)]
    layout = _Layout(widths, right, folded=look.width is not None)
    out = TextOut(stream)
    if look.title:
        out.write(_bold(harmless(look.title), on=look.color) + "\n")
    head = layout.lines(headers, right)
    out.write("".join(_bold(line, on=look.color) + "\n" for line in head.splitlines()))
    out.write(_BETWEEN.join("─" * width for width in widths) + "\n")
    for row, cells in zip(sample, shown, strict=True):
        out.write(layout.lines(cells, _numbers(row, right)))
    for row in coming:
        out.write(layout.lines([show(value, look.local_tz) for value in row], _numbers(row, right)))
        if rows.live:
            out.flush()


def _numbers(row: Sequence[object], right: Sequence[bool]) -> list[bool]:
    return [column or _is_number(value) for value, column in zip(row, right, strict=True)]


def _bold(line: str, *, on: bool) -> str:
    return f"\x1b[1m{line}\x1b[0m" if on else line
