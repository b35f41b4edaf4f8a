"""Size and shape of a store, from names, manifests and the spool; only of files that no manifest knows the footer."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from stat import S_ISREG
from typing import Final

from iiotctl.store import ledger, spool
from iiotctl.store.layout import EVENTS, KEPT, KINDS, ROLLUPS, SAMPLES, Layout, date_of, segment_of
from iiotctl.store.ledger import path_of
from iiotctl.store.lock import holder, is_held
from iiotctl.store.standing import files_of
from iiotctl.store.writer import check_store

_WEEK: Final = 7
_LEAST_US: Final = 600_000_000
_DAY_US: Final = 86_400_000_000


@dataclass(frozen=True, slots=True)
class DayStatus:
    """Sample files of one UTC date."""

    date: str
    files: int
    rows: int
    size: int


@dataclass(frozen=True, slots=True)
class Growth:
    """How fast the sealed samples grow, by the time of the samples.

    Attributes:
        bytes_per_day, rows_per_day: mean over the stretch.
        days: length of the stretch: complete UTC dates, at most the last seven; less than one when there is none yet.
    """

    bytes_per_day: float
    rows_per_day: float
    days: float

    def days_until(self, room: int) -> float:
        """Days until so many bytes are taken."""
        return max(0, room) / self.bytes_per_day


@dataclass(frozen=True, slots=True)
class StoreStatus:
    """What `store status` tells.

    Attributes:
        rows: sealed samples.
        unknown: files that no manifest knows.
        size: bytes of all Parquet files.
        samples_size: bytes of those that hold samples.
        first, last: µs UTC range of the sealed samples.
        unsealed_rows, unsealed_size: samples and bytes in the spool.
        captured_by: process id of a running capture.
        free: bytes free on the disk.
        growth: how fast it fills; None when there is too little to tell.
        rollups: rows of the rollups table, sealed and not; an interval may have several.
        kept: rows of the log of kept windows, likewise.
        events: rows of the log of events.
    """

    path: Path
    files: int
    unknown: int
    rows: int
    size: int
    samples_size: int
    first: int | None
    last: int | None
    segments: int
    unsealed_rows: int
    unsealed_size: int
    damaged_segments: int
    captured_by: int | None
    free: int
    growth: Growth | None
    rollups: int
    kept: int
    events: int
    days: tuple[DayStatus, ...]


def _growth(days: Sequence[DayStatus], first: int | None, last: int | None) -> Growth | None:
    complete = days[1:-1][-_WEEK:]  # the first and the last date are cut by the begin and the end of the record
    if complete:
        length = float(len(complete))
    elif first is not None and last is not None and last - first >= _LEAST_US:
        complete, length = days, (last - first) / _DAY_US
    else:
        return None
    size = sum(day.size for day in complete)
    return Growth(size / length, sum(day.rows for day in complete) / length, length) if size else None


def _size(path: Path) -> int | None:
    """Bytes of a file; None when it has gone meanwhile, or is a folder or a link that leads nowhere."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_size if S_ISREG(found.st_mode) else None


def _rows(path: Path) -> int:
    """Rows of a file as its footer says; 0 when it cannot be read."""
    import polars as pl

    try:
        return int(pl.scan_parquet(path, hive_partitioning=False).select(pl.len()).collect().item())
    except (OSError, pl.exceptions.PolarsError):
        return 0


def status(root: Path) -> StoreStatus:
    """Look at the store.

    Raises:
        StoreError: no store here, or one of a newer version.
    """
    layout = Layout(root.absolute())
    check_store(layout)
    segments = spool.read_spool(layout)
    unsealed = {segment.name for segment in segments}
    known = ledger.read(layout)
    days: dict[str, list[int]] = {}
    counts = Counter[str]()
    files = unknown = size = samples_size = 0
    first: int | None = None
    last: int | None = None
    for kind in KINDS:
        for path in files_of(layout, kind, known):
            length = _size(path)
            if length is None or segment_of(path) in unsealed:
                continue
            files += 1
            size += length
            held = known.ranges.get(path_of(layout, path))
            unknown += held is None
            count = _rows(path) if held is None else held.rows
            counts[kind] += count
            if kind != SAMPLES:
                continue
            samples_size += length
            when = date_of(path.parent)
            day = days.setdefault(when.isoformat() if when else "?", [0, 0, 0])
            day[0] += 1
            day[1] += count
            day[2] += length
            if held is not None and held.ts_min is not None and held.ts_max is not None:
                first = min(first or held.ts_min, held.ts_min)
                last = max(last or held.ts_max, held.ts_max)
    table = tuple(DayStatus(date, *figures) for date, figures in sorted(days.items()))
    return StoreStatus(
        path=layout.root,
        files=files,
        unknown=unknown,
        rows=counts[SAMPLES],
        size=size,
        samples_size=samples_size,
        first=first,
        last=last,
        segments=len(segments),
        unsealed_rows=sum(segment.rows for segment in segments),
        unsealed_size=sum(segment.size for segment in segments),
        damaged_segments=len(list((layout.spool / "damaged").glob("*.seg"))),
        captured_by=holder(layout.lock) if is_held(layout.lock) else None,
        free=shutil.disk_usage(layout.root).free,
        growth=_growth(table, first, last),
        rollups=counts[ROLLUPS] + sum(segment.rollup_rows for segment in segments),
        kept=counts[KEPT] + sum(len(segment.kept) for segment in segments),
        events=counts[EVENTS],
        days=table,
    )
