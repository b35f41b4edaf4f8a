"""Samples that stand in two files of a date, and so count twice. Files whose ranges do not meet are never opened."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Final

from iiotctl.store.ledger import FileRange

if TYPE_CHECKING:
    import polars as pl

_KEYS: Final = ("site", "tag", "ts", "value", "text", "quality")


def doubled(files: Mapping[Path, FileRange]) -> Iterator[tuple[Path, Path, int]]:
    """Pairs of sample files with rows that are the same in both, and how many.

    Args:
        files: with what they hold; both ends of the ranges belong to them.
    """
    dates: dict[Path, list[Path]] = defaultdict(list)
    for path in files:
        dates[path.parent].append(path)
    for paths in dates.values():
        for one, other in combinations(sorted(paths), 2):
            window = _meeting(files[one], files[other])
            if window is not None and (count := _common(one, other, window)):
                yield one, other, count


def _meeting(one: FileRange, other: FileRange) -> tuple[int, int] | None:
    """The stretch of time that both may hold rows of, µs UTC; None when there is none."""
    first = max(_known((one.ts_min, other.ts_min)), default=None)
    last = min(_known((one.ts_max, other.ts_max)), default=None)
    if first is None or last is None or first > last:
        return None
    low = max(name for name in (one.tag_min or "", other.tag_min or ""))
    high = min((name for name in (one.tag_max, other.tag_max) if name is not None), default=low)
    return (first, last) if low <= high else None


def _known(values: Iterable[int | None]) -> list[int]:
    return [value for value in values if value is not None]


def _common(one: Path, other: Path, window: tuple[int, int]) -> int:
    import polars as pl

    def rows(path: Path) -> pl.LazyFrame:
        between = pl.col("ts").dt.epoch("us").is_between(*window)
        return pl.scan_parquet(path, hive_partitioning=False).filter(between).select(_KEYS)

    same = rows(one).join(rows(other), on=list(_KEYS), how="semi", nulls_equal=True)
    return int(same.select(pl.len()).collect(engine="streaming").item())
