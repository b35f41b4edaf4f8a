"""Roll-ups of samples that are about to expire: what stays of a date when its samples go.

They are parts as capture writes them (`iiotctl.rollups`), computed a file at a time and put together by the formulas of
Chan, Golub and LeVeque (1983). Their quality carries the historian bit *Calculated* (OPC 10000-13 §5.3.3), which
those of a capture do not: so rows that come late for an expired date add a part to these, while an interval that
capture rolled up itself is left as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Final

from iiotctl import quality
from iiotctl.store.layout import Table
from iiotctl.store.schema import ROLLUP_COLUMNS, dtypes
from iiotctl.store.snapshot import damage

if TYPE_CHECKING:
    import polars as pl

CALCULATED: Final = quality.INFO_TYPE_DATA_VALUE | 1
"""Info type DataValue with the historian bits *Calculated*."""
GAP_FACTS: Final = ("id", "site", "source", "tag", "start", "end", "detected_at", "withdrawn")
TAG_FACTS: Final = ("site", "tag", "source")
ROLLUP_FACTS: Final = ("site", "tag", "start", "end", "quality")
"""Columns that are needed here."""
_KEYS: Final = ("site", "tag", "start")


def parts(files: Iterable[Path], interval_us: int) -> pl.DataFrame:
    """One row an interval of each tag that has numbers, in the columns of the rollups table; `partial` is False.

    Args:
        files: sample files of one UTC date.
        interval_us: length of the intervals, µs; they are aligned to 1970-01-01 UTC.
    """
    import polars as pl

    each = [_of_file(path, interval_us) for path in files]
    if not each:
        return pl.DataFrame(schema=dtypes("rollups"))
    together = pl.concat(each).with_columns(n=pl.col("count").cast(pl.Float64))
    mean = ((pl.col("mean") * pl.col("n")).sum() / pl.col("n").sum()).over(_KEYS)
    merged = (
        together.with_columns(whole=mean)
        .with_columns(square=pl.col("n") * (pl.col("std") ** 2 + (pl.col("mean") - pl.col("whole")) ** 2))
        .group_by(_KEYS)
        .agg(
            pl.col("min").min(),
            pl.col("max").max(),
            pl.col("whole").first().alias("mean"),
            (pl.col("square").sum() / pl.col("n").sum()).sqrt().alias("std"),
            pl.col("count").sum(),
            pl.col("bad").sum(),
            pl.col("first").sort_by("first_ts", nulls_last=True).first(),
            pl.col("first_ts").min(),
            pl.col("last").sort_by("last_ts", nulls_last=False).last(),
            pl.col("last_ts").max(),
            pl.col("quality").max(),
        )
        # without a usable sample there is nothing to divide by
        .with_columns(pl.when(pl.col("count") > 0).then(pl.col(name)).alias(name) for name in ("mean", "std"))
    )
    return (
        merged.with_columns(
            (pl.col("start") + pl.duration(microseconds=interval_us)).alias("end"),
            (pl.col("quality") | CALCULATED).cast(pl.UInt32).alias("quality"),
            pl.lit(False).alias("partial"),
            pl.lit(True).alias("closes"),
        )
        .select([pl.col(name).cast(kind) for name, kind in dtypes("rollups").items()])
        .sort("tag", "start", "site")
    )


def _of_file(path: Path, interval_us: int) -> pl.DataFrame:
    import polars as pl

    usable = (pl.col("quality") < quality.BAD) & pl.col("value").is_finite().fill_null(False)
    value, ts = pl.col("value").filter(usable), pl.col("ts").filter(usable)
    start = (pl.col("ts").dt.epoch("us") // interval_us * interval_us).cast(pl.Datetime("us", "UTC"))
    return (
        pl.read_parquet(path, columns=["ts", "tag", "value", "text", "quality", "site"], hive_partitioning=False)
        .filter(pl.col("value").is_not_null() | pl.col("text").is_null())
        .with_columns(start=start)
        .group_by(_KEYS)
        .agg(
            value.min().alias("min"),
            value.max().alias("max"),
            value.mean().alias("mean"),
            value.std(ddof=0).alias("std"),
            usable.sum().cast(pl.Int64).alias("count"),
            (~usable).sum().cast(pl.Int64).alias("bad"),
            value.sort_by(ts).first().alias("first"),
            ts.min().alias("first_ts"),
            value.sort_by(ts).last().alias("last"),
            ts.max().alias("last_ts"),
            pl.col("quality").max(),
        )
    )


def is_calculated() -> pl.Expr:
    """Whether a row of the rollups table was made here, and not by a capture."""
    import polars as pl

    return pl.col("quality") & 0x1F == CALCULATED & 0x1F


def read(
    table: Table, files: Iterable[Path], columns: Iterable[str], leave_out: Callable[[Path, str], None]
) -> pl.DataFrame:
    """Some columns of files of a table, together.

    Args:
        table: whose files they should be.
        files: any number.
        columns: names.
        leave_out: is told about a file that cannot be read as one of the table.
    """
    import polars as pl

    kinds = dtypes(table)
    wanted = {name: kinds[name] for name in columns}
    found = [pl.DataFrame(schema=wanted)]
    for path in files:
        if cause := damage(path):
            leave_out(path, cause)
            continue
        try:
            frame = pl.read_parquet(path, columns=list(wanted), hive_partitioning=False).select(list(wanted))
        except pl.exceptions.ColumnNotFoundError:
            leave_out(path, f"it is no file of `{table}`")
            continue
        except (pl.exceptions.PolarsError, OSError) as error:
            leave_out(path, f"it cannot be read: {str(error).splitlines()[0]}")
            continue
        if dict(frame.schema) == wanted:
            found.append(frame)
        else:
            leave_out(path, f"it is no file of `{table}`")
    return pl.concat(found)


def without(new: pl.DataFrame, there: pl.DataFrame) -> pl.DataFrame:
    """Leave out intervals that are rolled up already.

    Args:
        new: from `parts`.
        there: of the rollups table of the same date.
    """
    return new.join(there, on=["site", "tag", "start", "end"], how="anti", maintain_order="left")


def with_partial(new: pl.DataFrame, gaps: pl.DataFrame, tags: pl.DataFrame, day: date) -> pl.DataFrame:
    """Mark intervals in which a gap begins, ends or lies.

    Args:
        new: from `parts`.
        gaps: all rows of the gaps table, `GAP_FACTS` of them.
        tags: likewise of the tags table, `TAG_FACTS`.
        day: the date of `new`.
    """
    import polars as pl

    if not gaps.height or not new.height:
        return new
    first = pl.lit(day).cast(pl.Datetime("us", "UTC"))
    newest = gaps.sort("detected_at", "withdrawn", maintain_order=True).unique(
        ["site", "id"], keep="last", maintain_order=True
    )
    holes = newest.filter(
        ~pl.col("withdrawn"),
        pl.col("start") < first + pl.duration(days=1),
        pl.col("end").is_null() | (pl.col("end") >= first),
    )
    named = holes.filter(pl.col("tag").is_not_null()).select("site", "tag", "start", "end")
    whole = holes.filter(pl.col("tag").is_null()).drop("tag").join(tags.unique(), on=["site", "source"])
    each = pl.concat([named, whole.select("site", "tag", "start", "end")])
    hit = (
        new.with_row_index("row")
        .select("row", "site", "tag", "start", "end")
        .join(each, on=["site", "tag"], suffix="_gap")
        .filter(
            pl.col("start_gap") < pl.col("end"),
            pl.col("end_gap").is_null() | (pl.col("end_gap") >= pl.col("start")),
        )
    )
    return (
        new.with_row_index("row")
        .with_columns(partial=pl.col("row").is_in(hit["row"].unique().to_list()))
        .select(list(ROLLUP_COLUMNS))
    )
