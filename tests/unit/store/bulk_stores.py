"""Stores that were written in bulk: making and reading them back."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from iiotctl.store.bulk import BulkWriter, Stored
from iiotctl.store.snapshot import Snapshot

NOW = 1_795_000_000_000_000
"""2026-11-18; tests write before it."""


def coded(writer: BulkWriter, rows: list[tuple[str, int, float | None]], **more: object) -> pl.DataFrame:
    """(tag, ts, value) rows with the writer's codes."""
    codes = dict(zip({tag for tag, _, _ in rows}, writer.codes({tag for tag, _, _ in rows}), strict=True))
    frame = pl.DataFrame(
        [(codes[tag], ts, value) for tag, ts, value in rows],
        schema={"tag": pl.UInt32, "ts": pl.Int64, "value": pl.Float64},
        orient="row",
    )
    return frame.with_columns(**{name: pl.lit(value) for name, value in more.items()})


def store(root: Path, rows: list[tuple[str, int, float | None]], *, store_conflicts: bool = False) -> Stored:
    """Write rows in one go."""
    with BulkWriter.open(root, site="plant", now_us=lambda: NOW) as writer:
        writer.add(coded(writer, rows))
        return writer.flush(store_conflicts=store_conflicts)


def samples(root: Path) -> pl.DataFrame:
    """All rows of a store by tag and time, sealed or not."""
    with Snapshot.open(root) as snapshot:
        parts = [pl.read_parquet(path, hive_partitioning=False) for path in snapshot.sample_files]
        unsealed = snapshot.unsealed_samples()
    if unsealed is not None:
        parts.append(unsealed)
    return pl.concat(parts).sort("tag", "ts", "value")
