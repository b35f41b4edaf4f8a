"""Calibration records: a CSV with a row a calibration, as certificates and calibration software give it.

    tag,date,as_found_error,as_left_error,tolerance,unit
    PT1,2025-03-02,0.31,0.02,0.25,bar

An error is what the tag showed less what the reference showed, the worst of all levels that were tried. An empty `as_found_error`
means new or just installed, an empty `as_left_error` not adjusted. An empty `unit` is the tag's; `%` is of its span.
More columns (certificate, technician) are left alone.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from itertools import pairwise
from typing import Final

from iiotctl.checks.features.columns import DAY
from iiotctl.checks.tagdata import Calibration
from iiotctl.errors import SiteError
from iiotctl.site.cells import CellError, number
from iiotctl.site.plain import one_line, similar
from iiotctl.site.taglist import sniff

COLUMNS: Final = ("tag", "date", "as_found_error", "as_left_error", "tolerance", "unit")
_OPTIONAL: Final = ("as_left_error", "unit")
_LONGEST: Final = 100_000


def parsed(text: str, name: str, *, today: date) -> dict[str, tuple[Calibration, ...]]:
    """The records by tag, each tag's by date.

    Args:
        text: of the CSV; the delimiter is found; with `;` numbers may have a decimal comma.
        name: how messages call the file.
        today: later dates are refused.

    Raises:
        SiteError: `bad-calibrations`, with the line.
    """
    delimiter, says_so = sniff(text)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    header: list[str] | None = None
    found: dict[str, list[Calibration]] = {}
    line = 1
    try:
        for place, cells in enumerate(reader):
            start, line = line, reader.line_num + 1
            if (says_so and place == 0) or not any(cell.strip() for cell in cells) or cells[0].lstrip().startswith("#"):
                continue
            where = f"{name}:{start}"
            if header is None:
                header = _header(cells, where)
                continue
            if place > _LONGEST:
                raise _bad(f"`{name}` has more than {_LONGEST} rows", where)
            if len(cells) > len(header) and any(cell.strip() for cell in cells[len(header) :]):
                raise _bad(
                    f"the row has {len(cells)} cells, the header {len(header)}",
                    where,
                    "a cell that contains the delimiter needs quotes",
                )
            row = {key: cell.strip() for key, cell in zip(header, cells, strict=False)}
            one = _record(row, where, today=today, decimal_comma=delimiter == ";")
            found.setdefault(row["tag"], []).append(one)
    except csv.Error as error:
        raise _bad(f"`{name}` is not valid CSV: {error}", f"{name}:{line}") from None
    if header is None:
        raise _bad(f"`{name}` is empty: its first row names the columns", f"{name}:1", f"`{','.join(COLUMNS)}`")
    return {tag: _in_order(tag, records) for tag, records in found.items()}


def _header(cells: Sequence[str], where: str) -> list[str]:
    header = [re.sub(r"[\s_-]+", "_", cell.strip().lower()) for cell in cells]
    for column in COLUMNS:
        if column not in header and column not in _OPTIONAL:
            near = similar(column, [title for title in header if title not in COLUMNS])
            hint = f"`{near}` is called `{column}`" if near else f"the first row is `{','.join(COLUMNS)}`"
            raise _bad(f"there is no column `{column}`", where, hint)
        if header.count(column) > 1:
            raise _bad(f"the column `{column}` is there twice", where)
    return header


def _record(row: Mapping[str, str], where: str, *, today: date, decimal_comma: bool) -> Calibration:
    def amount(column: str) -> float | None:
        text = row.get(column, "")
        try:
            return number(text, decimal_comma=decimal_comma) if text else None
        except CellError as error:
            raise _bad(f"`{column}`: {one_line(str(error))}", f"{where} column {column}") from None

    if not row.get("tag"):
        raise _bad("the row names no tag", where)
    day = _date(row.get("date", ""), f"{where} column date")
    if day > today:
        raise _bad(f"the date {day} lies in the future", f"{where} column date")
    found, left, tolerance = amount("as_found_error"), amount("as_left_error"), amount("tolerance")
    if tolerance is None or tolerance <= 0:
        raise _bad("`tolerance` is a number above 0", f"{where} column tolerance")
    if found is None and left is None:
        raise _bad("`as_found_error` and `as_left_error` are both empty", where)
    at = int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()) * (DAY // 86_400)
    return Calibration(at, found, left, tolerance, row.get("unit", ""), where)


def _date(text: str, where: str) -> date:
    """ISO, or with dots the day first; with slashes nobody knows which is the month."""
    dotted = re.fullmatch(r"(\d{1,2})\.(\d{1,2})\.(\d{4})", text)
    try:
        if dotted:
            return date(int(dotted[3]), int(dotted[2]), int(dotted[1]))
        day = date.fromisoformat(text[:10]) if re.fullmatch(r"\d{4}-\d{2}-\d{2}([T ].*)?", text) else None
    except ValueError:
        day = None
    if day is None or day.year < 1970:  # noqa: PLR2004 - no store is older
        raise _bad(f"`{one_line(text)}` is no date", where, "e.g. `2025-03-02` or `02.03.2025`")
    return day


def _in_order(tag: str, records: Sequence[Calibration]) -> tuple[Calibration, ...]:
    ordered = sorted(records, key=lambda one: one.at)
    for one, other in pairwise(ordered):
        if one.at == other.at:
            raise _bad(
                f"`{tag}` has two records of the same day",
                other.where,
                f"the other is {one.where}; one row a calibration, with the worst error",
            )
    return tuple(ordered)


def _bad(what: str, where: str, hint: str | None = None) -> SiteError:
    return SiteError("bad-calibrations", what, where=where, hint=hint)
