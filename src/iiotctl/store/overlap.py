"""Samples that stand in two files of a date, and so count twice. Files whose ranges do not meet are never opened."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from iiotctl.store.ledger import FileRange

if TYPE_CHECKING:
    import polars as pl

_EARLIEST: Final = -(2**63)
_LATEST: Final = 2**63 - 1
"""Of a file that does not say."""
_KEYS: Final = ("site", "tag", "ts", "value", "text", "quality")


def doubled(files: Mapping[Path, FileRange]) -> Iterator[tuple[Path, Path, int]]:
    """Pairs of sample files with rows that are the same in both, and how many.

    Args:
        files: with what they hold; both ends of the ranges belong to them.
    """
    dates: dict[Path, list[Path]] = defaultdict(list)
    for path, held in files.items():
        if held.rows:
            dates[path.parent].append(path)
    for paths in dates.values():
        for one, other in sorted(tuple(sorted(pair)) for pair in _meeting(paths, files)):
            window = (max(_first(files[one]), _first(files[other])), min(_last(files[one]), _last(files[other])))
            if count := _common(one, other, window):
                yield one, other, count


def _meeting(paths: Sequence[Path], files: Mapping[Path, FileRange]) -> Iterator[tuple[Path, Path]]:
    """Pairs that may hold rows of the same tag and time. A sweep in time: a year of hours is looked at once."""
    open_now: list[Path] = []
    for path in sorted(paths, key=lambda path: _first(files[path])):
        here = files[path]
        first = _first(here)
        open_now = [other for other in open_now if _last(files[other]) >= first]
        for other in open_now:
            there = files[other]
            if not (_is_before(here.tag_max, there.tag_min) or _is_before(there.tag_max, here.tag_min)):
                yield other, path
        open_now.append(path)


def _is_before(one: str | None, other: str | None) -> bool:
    return one is not None and other is not None and one < other


def _first(held: FileRange) -> int:
    return _EARLIEST if held.ts_min is None else held.ts_min


def _last(held: FileRange) -> int:
    return _LATEST if held.ts_max is None else held.ts_max


def _common(one: Path, other: Path, window: tuple[int, int]) -> int:
    import polars as pl

    def rows(path: Path) -> pl.LazyFrame:
        between = pl.col("ts").dt.epoch("us").is_between(*window)
        return pl.scan_parquet(path, hive_partitioning=False).filter(between).select(_KEYS)

    same = rows(one).join(rows(other), on=list(_KEYS), how="semi", nulls_equal=True)
    return int(same.select(pl.len()).collect(engine="streaming").item())
