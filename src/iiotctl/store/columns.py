"""Samples as Arrow IPC bytes inside a frame, and back as the store's columns.

A frame is small (50 samples at one a second), so only columns that say something are written: quality
only when it is not Good throughout, times only where they differ from `ts` (design §4.1). Tags are codes;
the segment's header holds their names.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import fields
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from iiotctl.rollups import RollupBatch
from iiotctl.samples import NULL_TIME, SampleBatch
from iiotctl.store.schema import dtypes

if TYPE_CHECKING:
    import polars as pl

_SERVER_TOLERANCE_US: Final = 1000


def _kept(times: NDArray[np.int64] | None, ts: NDArray[np.int64], tolerance: int) -> NDArray[np.int64] | None:
    """Times that differ from `ts` by more than the tolerance, NULL_TIME elsewhere; None when none does."""
    if times is None:
        return None
    worth = times != NULL_TIME
    worth &= np.abs(np.where(worth, times, ts) - ts) > tolerance
    return np.where(worth, times, NULL_TIME) if worth.any() else None


def encode(batch: SampleBatch) -> bytes:
    """A batch as an Arrow IPC stream, zstd."""
    import polars as pl

    data: dict[str, pl.Series] = {
        "tag": pl.Series(batch.tag, dtype=pl.UInt32),
        "ts": pl.Series(batch.ts, dtype=pl.Int64),
        "value": pl.Series(batch.value, dtype=pl.Float64),
    }
    if batch.quality.any():
        data["quality"] = pl.Series(batch.quality, dtype=pl.UInt32)
    if batch.text is not None and any(text is not None for text in batch.text):
        data["text"] = pl.Series(batch.text, dtype=pl.String)
    for name, tolerance in (("ts_source", 0), ("ts_server", _SERVER_TOLERANCE_US), ("ts_received", 0)):
        times = _kept(getattr(batch, name), batch.ts, tolerance)
        if times is not None:
            data[name] = pl.Series(times, dtype=pl.Int64)
    out = io.BytesIO()
    pl.DataFrame(data).write_ipc_stream(out, compression="zstd")
    return out.getvalue()


def encode_rollups(batch: RollupBatch) -> bytes:
    """Roll-ups as an Arrow IPC stream, zstd."""
    import polars as pl

    frame = pl.DataFrame({field.name: pl.Series(getattr(batch, field.name)) for field in fields(batch)})
    out = io.BytesIO()
    frame.write_ipc_stream(out, compression="zstd")
    return out.getvalue()


def decode(payload: bytes | memoryview) -> pl.DataFrame:
    """The frame's columns as they were written: codes and plain integers."""
    import polars as pl

    return pl.read_ipc_stream(io.BytesIO(payload))


def coded_frame(parts: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """Decoded frames of one segment, one below the other; a column missing in some is null there."""
    import polars as pl

    if not parts:
        return pl.DataFrame(schema={"tag": pl.UInt32, "ts": pl.Int64, "value": pl.Float64})
    return pl.concat(parts, how="diagonal")


def final_frame(coded: pl.DataFrame, names: Sequence[str], site: str) -> pl.DataFrame:
    """The store's columns from coded ones.

    Args:
        coded: as from `coded_frame`.
        names: name of each tag code.
        site: written to every row.
    """
    import polars as pl

    kinds = dtypes("samples")
    present = set(coded.columns)
    times = pl.Datetime("us", "UTC")

    def time(name: str) -> pl.Expr:
        if name not in present:
            return pl.lit(None, dtype=times).alias(name)
        return pl.when(pl.col(name) != NULL_TIME).then(pl.col(name)).otherwise(None).cast(times).alias(name)

    table = pl.Series("names", list(names), dtype=pl.String)
    return coded.select(
        pl.col("ts").cast(times),
        pl.lit(table).gather(pl.col("tag")).alias("tag"),
        pl.col("value").fill_nan(None),
        (pl.col("text") if "text" in present else pl.lit(None, dtype=kinds["text"]).alias("text")),
        (
            pl.col("quality").fill_null(0)
            if "quality" in present
            else pl.lit(0, dtype=kinds["quality"]).alias("quality")
        ),
        time("ts_source"),
        time("ts_server"),
        time("ts_received"),
        pl.lit(site, dtype=pl.String).alias("site"),
    )


def final_rollups(coded: pl.DataFrame, names: Sequence[str], site: str) -> pl.DataFrame:
    """The columns of the rollups table from those of `encode_rollups`, sorted by tag name and start."""
    import polars as pl

    kinds = dtypes("rollups")
    table = pl.Series("names", list(names), dtype=pl.String)

    def column(name: str) -> pl.Expr:
        if name == "tag":
            return pl.lit(table).gather(pl.col("tag")).alias("tag")
        if name == "site":
            return pl.lit(site, dtype=pl.String).alias("site")
        if kinds[name] == pl.Float64:
            return pl.col(name).fill_nan(None)
        if kinds[name] == pl.Datetime:
            return pl.when(pl.col(name) != NULL_TIME).then(pl.col(name)).otherwise(None).cast(kinds[name]).alias(name)
        return pl.col(name)

    return coded.select([column(name) for name in kinds]).sort("tag", "start", "end", maintain_order=True)


def sorted_by_name(coded: pl.DataFrame, names: Sequence[str]) -> pl.DataFrame:
    """Coded rows in the order (tag name, ts) that every file of the store has; equal keys keep their order."""
    import polars as pl

    rank = np.empty(len(names), np.uint32)
    rank[sorted(range(len(names)), key=names.__getitem__)] = np.arange(len(names), dtype=np.uint32)
    if coded["ts"].is_sorted() and len(names) <= np.iinfo(np.uint16).max:
        # as it mostly arrives: the order of time stays within each name, and 16 bits are sorted by counting
        return coded[np.argsort(rank.astype(np.uint16)[coded["tag"].to_numpy()], kind="stable")]
    ranks = pl.Series("rank", rank)
    return (
        coded.with_columns(pl.lit(ranks).gather(pl.col("tag")).alias("_rank"))
        .sort("_rank", "ts", maintain_order=True)
        .drop("_rank")
    )
