"""Times that all look alike (`2026-11-21T14:05:03.250Z` in every row), digit by digit over whole columns.

The quick way for the common case: 40 ms a million rows instead of 300. A row that does not look exactly like the
example is left to the general way.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

_BLOCK: Final = 65_536
"""Rows at a time, so that they stay in the processor's cache."""
_YEAR_FIRST: Final = re.compile(r"(?P<y>\d{4})[-/.](?P<m>\d\d)[-/.](?P<d>\d\d)")
_YEAR_LAST: Final = re.compile(r"(?P<d>\d\d)[-/.](?P<m>\d\d)[-/.](?P<y>\d{4})")
_REST: Final = re.compile(r"[T ](?P<H>\d\d):(?P<M>\d\d):(?P<S>\d\d)(?:[.,](?P<f>\d{1,9}))?(?P<z>Z|\+00:?00)?")
_DAYS: Final = np.array([0, 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31], np.int64)
_LEAP_MONTH: Final = 2
_ZERO: Final = 48


@dataclass(frozen=True, slots=True)
class Template:
    """Where the digits stand.

    Attributes:
        text: the example.
        places: first and last position of `y m d H M S f`.
        zoned: the example says that it is UTC.
    """

    text: bytes
    places: dict[str, tuple[int, int]]
    zoned: bool


def template(example: str, *, month_first: bool) -> Template | None:
    """The template of a time as written, or None when it is of no fixed form."""
    date = _YEAR_FIRST.match(example) or _YEAR_LAST.match(example)
    rest = None if date is None else _REST.fullmatch(example, date.end())
    if date is None or rest is None or not example.isascii():
        return None
    spans = {name: date.span(name) for name in "ymd"} | {name: rest.span(name) for name in "HMSf"}
    if month_first and spans["y"][0]:
        spans["d"], spans["m"] = spans["m"], spans["d"]
    return Template(example.encode(), spans, rest["z"] is not None)


def read(column: pl.Series, form: Template) -> tuple[pl.Series, pl.Series]:
    """(µs since 1970 of the rows that fit the template, which rows fit)."""
    width = len(form.text)
    fits = (column.str.len_bytes() == width).fill_null(value=False)
    blob = b"" if not fits.any() else column.filter(fits).str.join("").item().encode()
    grid = np.frombuffer(blob, np.uint8).reshape(-1, width)
    at = np.zeros(len(grid), np.int64)
    valid = np.zeros(len(grid), bool)
    for start in range(0, len(grid), _BLOCK):
        part = slice(start, start + _BLOCK)
        at[part], valid[part] = _block(grid[part], form)
    if fits.all():
        good = pl.Series(valid)
        return pl.DataFrame({"at": at, "good": good}).select(pl.when("good").then("at").alias("at"))["at"], good
    where = fits.arg_true()
    good = pl.repeat(value=False, n=len(column), dtype=pl.Boolean, eager=True).scatter(where, pl.Series(valid))
    times = pl.repeat(None, len(column), dtype=pl.Int64, eager=True).scatter(where, pl.Series(at))
    return pl.DataFrame({"at": times, "good": good}).select(pl.when("good").then("at").alias("at"))["at"], good


def _block(rows: NDArray[np.uint8], form: Template) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    digit_places = [place for low, high in form.places.values() for place in range(max(low, 0), max(high, 0))]
    other = [place for place in range(len(form.text)) if place not in digit_places]
    columns = np.ascontiguousarray(rows.T)
    valid = (columns[digit_places] - np.uint8(_ZERO) <= 9).all(axis=0)  # noqa: PLR2004 - digits; below "0" wraps
    for place in other:
        valid &= columns[place] == form.text[place]

    def number(name: str, most: int = 9) -> NDArray[np.int64]:
        low, high = form.places[name]
        found = np.zeros(rows.shape[0], np.int64)
        for place in range(low, min(high, low + most)):
            found *= 10
            found += columns[place]
            found -= _ZERO
        return found

    year, month, day = number("y"), number("m"), number("d")
    hour, minute, second = number("H"), number("M"), number("S")
    valid &= (month >= 1) & (month <= 12) & (hour < 24) & (minute < 60) & (second < 60) & (year > 0)  # noqa: PLR2004
    month = np.where(valid, month, 1)
    leap = (year % 4 == 0) & ((year % 100 != 0) | (year % 400 == 0))
    valid &= (day >= 1) & (day <= _DAYS[month] - ((month == _LEAP_MONTH) & ~leap))
    # days since 1970-01-01 with years that begin in March, so that the leap day comes last
    early = month <= _LEAP_MONTH
    y = year - early
    days = 365 * y + y // 4 - y // 100 + y // 400 + (153 * (month + np.where(early, 9, -3)) + 2) // 5 + day - 719_469
    at = ((days * 24 + hour) * 60 + minute) * 60 + second
    at *= 1_000_000
    low, high = form.places["f"]
    if low >= 0:
        at += number("f", 6) * 10 ** max(0, 6 - (high - low))
    return at, valid
