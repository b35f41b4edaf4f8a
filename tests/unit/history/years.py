"""A store of a year in sealed files of a day, quickly made, and what DuckDB says of the bytes that it read."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl

from iiotctl.store.bulk import BulkWriter
from iiotctl.store.layout import SAMPLES, Layout, SegmentName
from iiotctl.store.manifest import Manifest
from iiotctl.store.schema import TagRow, dtypes
from iiotctl.store.seal import parquet_bytes, place
from tests.crash.power_cut import QuietDisk

FIRST = date(2025, 1, 1)
NOW = 1_795_000_000_000_000
RUN = "20250101T000000Z-00000000"


@dataclass(frozen=True)
class Scan:
    """What a query read of `samples`."""

    size: int
    files: int
    row_groups: int
    of_row_groups: int


def names(tags: int) -> list[str]:
    return [f"line{tag % 5}.t{tag:02d}" for tag in range(tags)]


def make(root: Path, *, days: int, tags: int, every_min: int = 30, row_group: int = 600, listed: bool = True) -> Path:
    """A value is the number of the day; of the tag `line0.t00` the last day has none.

    Args:
        root: folder of the store.
        days: files.
        tags: see `names`.
        every_min: between two samples of a tag.
        row_group: rows.
        listed: in a manifest; else the files are unknown to the store.
    """
    with BulkWriter.open(root, site="plant", now_us=lambda: NOW, disk=QuietDisk()) as writer:
        writer.write_tags([(TagRow(0, name, "plc", unit="bar"), NOW) for name in names(tags)])
    midnight = pl.datetime_range(
        datetime(2025, 1, 1, tzinfo=UTC),
        datetime(2025, 1, 2, tzinfo=UTC),
        f"{every_min}m",
        closed="left",
        time_unit="us",
        eager=True,
    )
    base = pl.DataFrame({"tag": sorted(names(tags))}).join(pl.DataFrame({"ts": midnight}), how="cross")
    kinds = dtypes(SAMPLES)
    layout, disk = Layout(root), QuietDisk()
    frames = []
    for number in range(days):
        day = FIRST + timedelta(days=number)
        facts = {"ts": pl.col("ts") + timedelta(days=number), "tag": pl.col("tag"), "value": pl.lit(float(number))}
        facts |= {"quality": pl.lit(0), "site": pl.lit("plant")}
        frame = base if number < days - 1 else base.filter(pl.col("tag") != names(1)[0])
        rows = frame.select(facts.get(name, pl.lit(None)).cast(kind).alias(name) for name, kind in kinds.items())
        frames.append((SAMPLES, layout.sealed(SAMPLES, day, SegmentName(RUN, number)), rows))
    if listed:
        manifest = Manifest(disk, layout.manifest / f"import-{RUN}.log")
        place(disk, layout, frames, manifest, NOW)
        manifest.close()
    for _, path, rows in frames:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(parquet_bytes(rows, row_group=row_group))
    return root


def size(root: Path) -> int:
    """Bytes of all samples."""
    return sum(path.stat().st_size for path in (root / SAMPLES).rglob("*.parquet"))


def scan_of(plan: str) -> Scan:
    """What an `EXPLAIN (ANALYZE, FORMAT json)` says."""
    facts = json.loads(plan)
    files = groups = of = 0
    for node in _nodes(facts["operator"]):
        if "Total Files Read" in node["extra_info"] and "value" in str(node["extra_info"].get("Projections")):
            files += int(node["extra_info"]["Total Files Read"])
            groups += node["row_groups_scanned"]
            of += node["total_row_groups_to_scan"]
    return Scan(facts["io"]["total_bytes_read"], files, groups, of)


def _nodes(nodes: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [found for node in nodes for found in (node, *_nodes(node.get("children", [])))]
