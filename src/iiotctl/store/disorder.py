"""Rows whose times were not in order when they came: stretches of them, few enough to keep beside the samples.

Repeated and conflicting rows are left out when rows are stored, and the order of arrival is lost by sorting; the table
`disorder` remembers both, so that a check can still tell a clock that was set back from a device that sends twice.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from iiotctl.store.schema import dtypes

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    import polars as pl

REPEATED: Final = "repeated"
"""The same tag, time, value, quality and text once more."""
CONFLICTING: Final = "conflicting"
"""The same tag and time with another value."""
BACKWARD: Final = "backward"
"""The time stepped back in the order of the file."""

TOGETHER_US: Final = 600_000_000
"""Rows of a tag and kind less than 10 min apart make one stretch (steps back those of about the same size) …"""
MOST: Final = 500
"""… or further apart, where a tag would have more stretches than this of a kind."""

_ALIKE: Final = ("tag", "kind", "_size")
"""What may be one stretch: a clock that is set back by an hour is not lost among late rows of a second."""
_KEY: Final = ("site", "tag", "kind", "start")


def nothing() -> pl.DataFrame:
    """No stretches: columns tag, kind, start and end (i64, µs UTC), rows, step (s)."""
    import polars as pl

    return pl.DataFrame(schema=_SCHEMA | {"start": pl.Int64, "end": pl.Int64})


_SCHEMA: Final = {"tag": str, "kind": str, "start": int, "end": int, "rows": int, "step": float}


def of_rows(rows: pl.DataFrame, kind: str) -> pl.DataFrame:
    """Stretches of rows with `tag` (name) and `ts` (i64, µs UTC)."""
    import polars as pl

    single = rows.select(
        "tag",
        pl.lit(kind).alias("kind"),
        pl.col("ts").alias("start"),
        pl.col("ts").alias("end"),
        pl.lit(1, dtype=pl.Int64).alias("rows"),
        pl.lit(0.0).alias("step"),
    )
    return together([single])


def together(parts: Iterable[pl.DataFrame]) -> pl.DataFrame:
    """Stretches of several parts, those that lie close together as one; at most `MOST` a tag and kind."""
    import polars as pl

    size = pl.when(pl.col("step") > 0).then(pl.col("step").log10().floor()).otherwise(0.0).alias("_size")
    found = pl.concat([nothing(), *parts]).with_columns(size).sort(*_ALIKE, "start", "end")
    apart = TOGETHER_US
    found = _joined(found, apart)
    while found.height and max(found.group_by(_ALIKE).len()["len"].to_list()) > MOST:
        apart *= 4
        found = _joined(found, apart)
    return found.drop("_size").sort("tag", "kind", "start")


def _joined(ordered: pl.DataFrame, apart: int) -> pl.DataFrame:
    import polars as pl

    reach = pl.col("end").cum_max().shift(1).over(_ALIKE)
    begins = (pl.col("start") - reach >= apart).fill_null(value=True)
    return (
        ordered.with_columns(begins.cum_sum().alias("_stretch"))
        .group_by("_stretch", maintain_order=True)
        .agg(
            pl.col("tag", "kind", "start", "_size").first(),
            pl.col("end").max(),
            pl.col("rows").sum(),
            pl.col("step").max(),
        )
        .select("tag", "kind", "start", "end", "rows", "step", "_size")
    )


def rows_of_table(found: pl.DataFrame, site: str, at: int) -> pl.DataFrame:
    """Stretches in the columns of the table.

    Args:
        found: as of `together`.
        site: of the store.
        at: µs UTC, when they were noticed.
    """
    import polars as pl

    kinds = dtypes("disorder")
    full = found.with_columns(pl.lit(site).alias("site"), pl.lit(at, dtype=pl.Int64).alias("detected_at"))
    return full.select(pl.col(name).cast(kind) for name, kind in kinds.items())


def unknown(rows: pl.DataFrame, files: Sequence[Path]) -> pl.DataFrame:
    """Rows of the table without those that stand in files of it already: a repeated import notes nothing twice."""
    import polars as pl

    if not files:
        return rows
    there = pl.scan_parquet(list(files), hive_partitioning=False).select(*_KEY, "end", "rows").unique().collect()
    return rows.join(there, on=[*_KEY, "end", "rows"], how="anti", nulls_equal=True, maintain_order="left")
