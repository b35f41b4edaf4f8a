"""`--format parquet`: zstd, times as µs UTC. Rows are collected first: meant for tables that fit in memory."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, BinaryIO

from iiotctl.reports.as_json import keys
from iiotctl.reports.values import compact_json, scalar

if TYPE_CHECKING:
    import polars as pl

    from iiotctl.reports.base import Look
    from iiotctl.reports.rows import Rows


def _series(name: str, type_: str, cells: list[Any]) -> pl.Series:
    import polars as pl

    dtypes: dict[str, Any] = {
        "boolean": pl.Boolean,
        "integer": pl.Int64,
        "float": pl.Float64,
        "timestamp": pl.Datetime("us", "UTC"),
        "date": pl.Date,
        "time": pl.Time,
        "interval": pl.Duration("us"),
        "bytes": pl.Binary,
    }
    present = [cell for cell in cells if cell is not None]
    if type_ == "timestamp" and any(getattr(cell, "tzinfo", None) is None for cell in present):
        return pl.Series(name, cells, pl.Datetime("us"))
    if type_ == "integer" and any(not -(2**63) <= cell < 2**63 for cell in present):
        return pl.Series(name, [None if cell is None else str(cell) for cell in cells], pl.String)
    if type_ in dtypes:
        return pl.Series(name, cells, dtypes[type_], strict=False)
    if present and all(isinstance(cell, int | float) and not isinstance(cell, bool) for cell in present):
        numbers = [None if cell is None or math.isnan(cell) else float(cell) for cell in cells]
        return pl.Series(name, numbers, pl.Float64)
    return pl.Series(name, [_text(cell) for cell in cells], pl.String)


def _text(cell: object) -> str | None:
    if cell is None or isinstance(cell, str):
        return cell
    return compact_json(cell) if isinstance(cell, list | tuple | dict | bool | float) else scalar(cell)


def render(rows: Rows, stream: BinaryIO, look: Look) -> None:
    """Write one Parquet file."""
    import polars as pl

    del look
    cells: list[list[Any]] = [[] for _ in rows.columns]
    for row in rows.rows:
        for column, value in zip(cells, row, strict=True):
            column.append(value)
    series = [
        _series(name, column.type, column_cells)
        for name, column, column_cells in zip(keys(rows.columns), rows.columns, cells, strict=True)
    ]
    pl.DataFrame(series).write_parquet(stream, compression="zstd")
