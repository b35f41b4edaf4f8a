"""Rows as polars frames, for the formats that hold columns: Parquet and Arrow."""

from __future__ import annotations

import itertools
import math
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from iiotctl.reports.as_json import keys
from iiotctl.reports.rows import Column, Rows
from iiotctl.reports.values import compact_json, scalar

if TYPE_CHECKING:
    import polars as pl

_ROWS: Final = 50_000
_SETTLED: Final = frozenset({"boolean", "float", "timestamp", "date", "time", "interval", "bytes", "string"})
"""Types of columns whose cells need not be seen to know the type in a frame."""


@contextmanager
def system_errors() -> Iterator[None]:
    """What the system refused while polars wrote is an error with its number, which polars has as text only."""
    import polars as pl

    try:
        yield
    except (OSError, pl.exceptions.ComputeError) as error:
        number = re.search(r"\(os error (\d+)\)", str(error))
        if number and getattr(error, "errno", None) is None:
            raise OSError(int(number[1]), os.strerror(int(number[1]))) from error
        raise


def whole(rows: Rows) -> pl.DataFrame:
    """All rows; for tables that fit in memory."""
    return _frame(rows.columns, list(rows.rows))


def frames(rows: Rows) -> Iterator[pl.DataFrame]:
    """Frames of one schema, one after the other and at least one; rows of open type come all at once."""
    if any(column.type not in _SETTLED for column in rows.columns):
        yield whole(rows)
        return
    coming = iter(rows.rows)
    yield _frame(rows.columns, list(itertools.islice(coming, _ROWS)))
    while some := list(itertools.islice(coming, _ROWS)):
        yield _frame(rows.columns, some)


def _frame(columns: Sequence[Column], rows: Sequence[Sequence[object]]) -> pl.DataFrame:
    import polars as pl

    cells: list[Sequence[Any]] = list(zip(*rows, strict=True)) if rows else [() for _ in columns]
    return pl.DataFrame(
        [_series(name, column, values) for name, column, values in zip(keys(columns), columns, cells, strict=True)]
    )


def _series(name: str, column: Column, cells: Sequence[Any]) -> pl.Series:
    import polars as pl

    dtypes: dict[str, Any] = {
        "boolean": pl.Boolean,
        "integer": pl.Int64,
        "float": pl.Float64,
        "timestamp": pl.Datetime("us", "UTC" if column.zoned else None),
        "date": pl.Date,
        "time": pl.Time,
        "interval": pl.Duration("us"),
        "bytes": pl.Binary,
    }
    present = [cell for cell in cells if cell is not None]
    if column.type == "timestamp" and any(getattr(cell, "tzinfo", None) is None for cell in present):
        return pl.Series(name, cells, pl.Datetime("us"))
    if column.type == "integer" and any(not -(2**63) <= cell < 2**63 for cell in present):
        return pl.Series(name, [None if cell is None else str(cell) for cell in cells], pl.String)
    if column.type in dtypes:
        return pl.Series(name, cells, dtypes[column.type], strict=False)
    if present and all(isinstance(cell, int | float) and not isinstance(cell, bool) for cell in present):
        numbers = [None if cell is None or math.isnan(cell) else float(cell) for cell in cells]
        return pl.Series(name, numbers, pl.Float64)
    return pl.Series(name, [_text(cell) for cell in cells], pl.String)


def _text(cell: object) -> str | None:
    if cell is None or isinstance(cell, str):
        return cell
    return compact_json(cell) if isinstance(cell, list | tuple | dict | bool | float) else scalar(cell)
