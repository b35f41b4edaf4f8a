"""Size and shape of a store, from names, manifests and the spool; no Parquet file is opened."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from iiotctl.store import ledger, spool
from iiotctl.store.layout import EVENTS, KEPT, KINDS, ROLLUPS, SAMPLES, Layout, date_of
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
        rows: sealed samples that the manifests account for.
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


def status(root: Path) -> StoreStatus:
    """Look at the store.

    Raises:
        StoreError: no store here, or one of a newer version.
    """
    layout = Layout(root.absolute())
    check_store(layout)
    segments = spool.read_spool(layout)
    known = ledger.read_all(layout)
    days: dict[str, list[int]] = {}
    counts = Counter[str]()
    files = size = samples_size = 0
    first: int | None = None
    last: int | None = None
    for kind in KINDS:
        for path in files_of(layout, kind):
            files += 1
            length = path.stat().st_size
            size += length
            entries = known.get(path.relative_to(layout.root).as_posix())
            count = entries[-1].rows if entries else 0
            counts[kind] += count
            if kind != SAMPLES:
                continue
            samples_size += length
            when = date_of(path.parent)
            day = days.setdefault(when.isoformat() if when else "?", [0, 0, 0])
            day[0] += 1
            day[1] += count
            day[2] += length
            if entries and entries[-1].ts_min is not None and entries[-1].ts_max is not None:
                first = min(first or entries[-1].ts_min, entries[-1].ts_min)
                last = max(last or entries[-1].ts_max, entries[-1].ts_max)
    table = tuple(DayStatus(date, *figures) for date, figures in sorted(days.items()))
    return StoreStatus(
        path=layout.root,
        files=files,
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
