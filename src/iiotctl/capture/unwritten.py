"""Running intervals of roll-ups that a crash took with it: made again from stored samples, or a gap.

At a crash the intervals that run are in memory only. Of a tag whose samples are stored nothing is lost: they are
read again and go into their intervals. Of a tag with `raw = false` they are gone; they were observed, so the
account of its source covers them, and a gap of the tag says until where its roll-ups reach.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np

from iiotctl.capture.gapbook import GapBook
from iiotctl.capture.rollup import LATENESS_US, SAVE_US, Rollups
from iiotctl.samples import Gap, GapReason, SampleBatch
from iiotctl.sources.base import CapturedTag
from iiotctl.store import manifest
from iiotctl.store.layout import GAPS, SAMPLES, Layout, segment_of
from iiotctl.store.state import Recovery

if TYPE_CHECKING:
    import polars as pl

_COMMIT_US = 2_000_000
"""Between the time of a sample and the commit that accounts for it."""


class _Keeper(Protocol):
    @property
    def tags(self) -> Sequence[CapturedTag]: ...


def gaps(book: GapBook, name: str, captured: Sequence[CapturedTag], past: Recovery, at: int) -> list[Gap]:
    """Gap rows of the tags of a source whose samples were in roll-ups only.

    Args:
        book: of the run.
        name: the source.
        captured: its tags.
        past: what the earlier run left.
        at: µs UTC, now.
    """
    end = past.alive.get(name)
    if past.clean or end is None:
        return []
    rows = []
    for item in captured:
        if item.tag.raw:
            continue
        # a sample is safe as soon as one of its roll-ups is
        start = max(first_unwritten(_intervals(item), end, past.rolled.get(item.tag.name, {})).values())
        if start <= end:
            rows.append(book.record(name, item.code, (start, end), GapReason.RESTART, at))
    return rows


def first_unwritten(intervals_us: Sequence[int], account: int, rolled: Mapping[int, int]) -> dict[int, int]:
    """First instant that no written roll-up holds, by interval, µs UTC.

    Args:
        intervals_us: of one tag, µs.
        account: µs UTC until which its source had delivered.
        rolled: by interval, the last instant that a written roll-up holds.
    """
    found = {}
    for interval in intervals_us:
        # a quiet tag has no roll-up although nothing is lost: an interval older than this would have been written
        written = account - min(LATENESS_US, interval // 2) - _COMMIT_US
        oldest = max(written - written % interval, written - SAVE_US)
        found[interval] = max(oldest, rolled[interval] + 1) if interval in rolled else oldest
    return found


def roll_again(
    rollups: Rollups, store: Path, keepers: Mapping[str, _Keeper], past: Recovery, monotonic_s: float
) -> None:
    """Put stored samples that were in no written roll-up into their intervals; blocking, reads the newest files.

    Args:
        rollups: of the run, with all tags defined.
        store: folder of the store, whose spool is sealed.
        keepers: the sources by name.
        past: what the earlier run left.
        monotonic_s: our steady clock, seconds.
    """
    if past.clean or past.run is None:
        return
    wanted = {
        item.tag.name: (item, first_unwritten(_intervals(item), past.alive[name], past.rolled.get(item.tag.name, {})))
        for name, keeper in keepers.items()
        for item in keeper.tags
        if item.tag.raw and item.tag.rollup and name in past.alive
    }
    if not wanted:
        return
    since = min(first for _, firsts in wanted.values() for first in firsts.values())
    layout = Layout(store)
    # what the earlier run had noted of gaps in these intervals went with it, too
    rollups.gaps(_gaps(layout, past.run, since))
    for (name,), rows in _stored(layout, past.run, since, list(wanted)).group_by("tag"):
        item, firsts = wanted[str(name)]
        batch = _batch(item.code, rows.sort("ts", maintain_order=True))
        known = past.rolled.get(item.tag.name, {})
        # before the first roll-up nobody knows since when the tag was observed but from its samples
        begun = {
            interval: first if interval in known else max(first, int(batch.ts[0])) for interval, first in firsts.items()
        }
        rollups.resume(batch, begun, round(monotonic_s * 1e6), whole=item.tag.deadband is None)


def _intervals(item: CapturedTag) -> list[int]:
    return [round(interval * 1e6) for interval in item.tag.rollup]


def _stored(layout: Layout, run: str, since: int, tags: list[str]) -> pl.DataFrame:
    """Stored numbers of a run from a time on; times in µs UTC."""
    import polars as pl

    frames = [pl.DataFrame(schema={"tag": pl.String, "ts": pl.Int64, "value": pl.Float64, "quality": pl.UInt32})]
    for stored in _files(layout, run, SAMPLES, since):
        rows = stored.with_columns(pl.col("ts").dt.epoch("us"))
        chosen = (pl.col("ts") >= since) & pl.col("tag").is_in(tags) & pl.col("text").is_null()
        frames.append(rows.filter(chosen).select(frames[0].columns))
    return pl.concat(frames)


def _gaps(layout: Layout, run: str, since: int) -> list[Gap]:
    """Gaps of a run that reach beyond a time."""
    import polars as pl

    found: dict[str, Gap] = {}
    for rows in _files(layout, run, GAPS, since):
        times = pl.col("start", "end", "detected_at").dt.epoch("us")
        for row in rows.with_columns(times).drop("site").sort("detected_at", maintain_order=True).to_dicts():
            found[row["id"]] = Gap(**{**row, "reason": GapReason(row["reason"])})
    return [gap for gap in found.values() if gap.end is None or gap.end >= since]


def _files(layout: Layout, run: str, kind: str, since: int) -> Iterator[pl.DataFrame]:
    """Sealed files of a run with rows from a time on, in the order of its segments."""
    import polars as pl

    for entries in manifest.read_all(layout).values():
        entry, path = entries[-1], layout.root / entries[-1].path
        segment = segment_of(path)
        if entry.kind == kind and segment is not None and segment.run == run and (entry.ts_max or 0) >= since:
            yield pl.read_parquet(path, hive_partitioning=False)


def _batch(code: int, rows: pl.DataFrame) -> SampleBatch:
    return SampleBatch(
        np.full(rows.height, code, np.uint32),
        rows["ts"].to_numpy(),
        rows["value"].fill_null(float("nan")).to_numpy(),
        rows["quality"].to_numpy(),
    )
