"""Rows as polars frames, for the formats that hold columns: Parquet and Arrow."""

from __future__ import annotations

import itertools
import math
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from iiotctl.errors import IncompleteError
from iiotctl.reports.as_json import keys
from iiotctl.reports.rows import Column, Rows
from iiotctl.reports.values import compact_json, scalar

if TYPE_CHECKING:
    import polars as pl

_ROWS: Final = 50_000


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
    held = list(rows.rows)
    return _frame(rows.columns, _dtypes(rows.columns, held), held)


def frames(rows: Rows) -> Iterator[pl.DataFrame]:
    """Frames of one schema, one after the other and at least one; rows with a column of type `any` come all at once.

    Raises:
        IncompleteError: `integer-too-large`, after small ones of its column have left already.
    """
    if any(column.type == "any" for column in rows.columns):
        yield whole(rows)
        return
    coming = iter(rows.rows)
    some = list(itertools.islice(coming, _ROWS))
    dtypes = _dtypes(rows.columns, some)
    yield _frame(rows.columns, dtypes, some)
    while some := list(itertools.islice(coming, _ROWS)):
        yield _frame(rows.columns, dtypes, some)


def _dtypes(columns: Sequence[Column], rows: Sequence[Sequence[object]]) -> list[Any]:
    cells: Sequence[Sequence[object]] = list(zip(*rows, strict=True)) or [()] * len(columns)
    return [_dtype(column, values) for column, values in zip(columns, cells, strict=True)]


def _dtype(column: Column, cells: Sequence[Any]) -> Any:
    """The type of a column in polars; texts where it has none for all of these cells."""
    import polars as pl

    present = [cell for cell in cells if cell is not None]
    if column.type == "timestamp":
        aware = column.zoned and all(getattr(cell, "tzinfo", None) is not None for cell in present)
        return pl.Datetime("us", "UTC" if aware else None)
    if column.type == "integer":
        return pl.Int64 if all(-(2**63) <= cell < 2**63 for cell in present) else pl.String
    if column.type == "decimal" and column.scale is not None:
        return pl.Decimal(38, column.scale)
    if column.type == "any" and present:
        numbers = all(isinstance(cell, int | float) and not isinstance(cell, bool) for cell in present)
        return pl.Float64 if numbers else pl.String
    simple = {
        "boolean": pl.Boolean,
        "float": pl.Float64,
        "date": pl.Date,
        "time": pl.Time,
        "interval": pl.Duration("us"),
        "bytes": pl.Binary,
    }
    return simple.get(column.type, pl.String)


def _frame(columns: Sequence[Column], dtypes: Sequence[Any], rows: Sequence[Sequence[object]]) -> pl.DataFrame:
    import polars as pl

    cells: Sequence[Sequence[Any]] = list(zip(*rows, strict=True)) or [()] * len(columns)
    names = keys(columns)
    return pl.DataFrame([_series(name, dtype, held) for name, dtype, held in zip(names, dtypes, cells, strict=True)])


def _series(name: str, dtype: Any, cells: Sequence[Any]) -> pl.Series:
    import polars as pl

    if dtype == pl.String:
        return pl.Series(name, [_text(cell) for cell in cells], pl.String)
    if dtype == pl.Float64:
        cells = [None if cell is None or math.isnan(cell) else float(cell) for cell in cells]
    try:
        return pl.Series(name, cells, dtype, strict=dtype == pl.Int64)
    except (OverflowError, TypeError) as error:
        raise IncompleteError(
            "integer-too-large",
            f"column `{name}` holds an integer of more than 64 bits behind smaller ones",
            hint=f"make texts of it: `{name}::VARCHAR`",
        ) from error


def _text(cell: object) -> str | None:
    if cell is None or isinstance(cell, str):
        return cell
    return compact_json(cell) if isinstance(cell, list | tuple | dict | bool | float) else scalar(cell)
