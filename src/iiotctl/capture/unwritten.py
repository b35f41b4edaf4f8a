"""Running intervals of roll-ups that a crash took with it: made again from stored samples, or a gap.

At a crash the intervals that run are in memory only. Of a tag whose samples are stored nothing is lost: they are
read again and go into their intervals. Of a tag with `raw = false` its short roll-ups are read instead, and go into
the longer ones that they divide. What is in none of them is gone; it was observed, so the account of its source covers
it, and a gap of the tag says until where its roll-ups reach.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np

from iiotctl.capture import parts
from iiotctl.capture.gapbook import GapBook
from iiotctl.capture.parts import Parts
from iiotctl.capture.rollup import LATENESS_US, SAVE_US, Rollups
from iiotctl.samples import Gap, GapReason, SampleBatch
from iiotctl.sources.base import CapturedTag
from iiotctl.store import ledger
from iiotctl.store.layout import GAPS, ROLLUPS, SAMPLES, Layout, compacted_by, segment_of
from iiotctl.store.standing import files_of
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
        start = safe_until(first_unwritten(_intervals(item), end, past.rolled.get(item.tag.name, {})))
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


def safe_until(firsts: Mapping[int, int]) -> int:
    """First instant that some roll-up of a tag without samples has lost, µs UTC.

    Args:
        firsts: from `first_unwritten`; its intervals can be made again of shorter ones that divide them.
    """
    return min(max(firsts[short] for short in firsts if long % short == 0) for long in firsts)


def roll_again(
    rollups: Rollups, store: Path, keepers: Mapping[str, _Keeper], past: Recovery, monotonic_s: float
) -> None:
    """Put stored samples (or short roll-ups) that were in no written roll-up into their intervals; blocking, reads the
    newest files.

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
        if item.tag.rollup and name in past.alive
    }
    if not wanted:
        return
    since = min(first for _, firsts in wanted.values() for first in firsts.values())
    layout = Layout(store)
    # what the earlier run had noted of gaps in these intervals went with it, too
    rollups.gaps(_gaps(layout, past.run, since))
    steady_us = round(monotonic_s * 1e6)
    raw = [name for name, (item, _) in wanted.items() if item.tag.raw]
    for (name,), rows in _stored(layout, past.run, since, raw).group_by("tag"):
        item, firsts = wanted[str(name)]
        batch = _batch(item.code, rows.sort("ts", maintain_order=True))
        begun = _begun(firsts, past.rolled.get(item.tag.name, {}), int(batch.ts[0]))
        rollups.resume(batch, begun, steady_us, whole=item.tag.deadband is None)
    nested = {name: max(firsts) for name, (item, firsts) in wanted.items() if not item.tag.raw and len(firsts) > 1}
    for (name,), rows in _rolled(layout, past.run, since, nested).group_by("tag"):
        item, firsts = wanted[str(name)]
        begun = _begun(firsts, past.rolled.get(item.tag.name, {}), int(rows["begin"].to_numpy().min()))
        for long, short in _sources(firsts):
            some, is_cut = _fresh(rows, short, begun[long])
            if len(some):
                rollups.resume_parts(some, (item.code, long), begun[long], steady_us, whole=not is_cut)


def _begun(firsts: Mapping[int, int], known: Mapping[int, int], seen: int) -> dict[int, int]:
    """Since when a tag is observed in its running intervals; before its first roll-up only what was `seen` tells."""
    return {interval: first if interval in known else max(first, seen) for interval, first in firsts.items()}


def _sources(firsts: Mapping[int, int]) -> Iterator[tuple[int, int]]:
    """Intervals that can be made again, and of which."""
    for long, first in firsts.items():
        short = max((one for one in firsts if long % one == 0), key=lambda one: (firsts[one], one == long))
        if firsts[short] > first:
            yield long, short


def _fresh(rows: pl.DataFrame, interval: int, since: int) -> tuple[Parts, bool]:
    """Roll-ups of an interval whose samples came from `since` on, and whether one lies on both sides of it."""
    import polars as pl

    rows = rows.filter((pl.col("end") - pl.col("start") == interval) & (pl.col("until") >= since))
    is_fresh = pl.col("begin") >= since
    fresh = rows.filter(is_fresh)
    return _parts(fresh), len(fresh) < len(rows)


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


def _rolled(layout: Layout, run: str, since: int, tags: Mapping[str, int]) -> pl.DataFrame:
    """Stored roll-ups of a run that reach beyond a time, with the stretch (`begin`, `until`) of their samples; µs.

    `tags` have their longest interval.
    """
    import polars as pl

    found = [pl.DataFrame(schema={"tag": pl.String, "begin": pl.Int64})]
    for stored in _files(layout, run, ROLLUPS, since - max(tags.values(), default=0)):
        rows = stored.filter(pl.col("tag").is_in(list(tags)))
        rows = rows.with_columns(pl.col("start", "end", "first_ts", "last_ts").dt.epoch("us"))
        reach = {"begin": pl.coalesce("first_ts", "start"), "until": pl.coalesce("last_ts", pl.col("end") - 1)}
        found.append(rows.with_columns(**reach).filter(pl.col("until") >= since))
    return pl.concat(found, how="diagonal")


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
    """Sealed files with rows of a run from a time on, in the order of its segments.

    A file that compaction wrote since then holds them together with others of its time (an import's, perhaps).
    """
    import polars as pl

    known = ledger.read(layout)
    for path in files_of(layout, kind, known):
        held, segment = known.ranges.get(ledger.path_of(layout, path)), segment_of(path)
        if held is None or (held.ts_max or 0) < since:
            continue
        if compacted_by(path) is not None or (segment is not None and segment.run == run):
            yield pl.read_parquet(path, hive_partitioning=False)


def _parts(rows: pl.DataFrame) -> Parts:
    """Roll-ups as parts by the begin of their interval, µs UTC."""
    found = parts.empty(rows["start"].to_numpy())
    has = (rows["count"] > 0).to_numpy()
    for name in ("count", "bad", "quality", "partial"):
        setattr(found, name, rows[name].to_numpy())
    for name in ("mean", "min", "max", "first", "last", "first_ts", "last_ts"):
        setattr(found, name, np.where(has, rows[name].to_numpy(), getattr(found, name)))
    found.m2 = np.where(has, rows["std"].to_numpy() ** 2 * found.count, 0.0)
    return found


def _batch(code: int, rows: pl.DataFrame) -> SampleBatch:
    return SampleBatch(
        np.full(rows.height, code, np.uint32),
        rows["ts"].to_numpy(),
        rows["value"].fill_null(float("nan")).to_numpy(),
        rows["quality"].to_numpy(),
    )
