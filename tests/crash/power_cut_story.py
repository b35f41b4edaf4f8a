"""A small life of a store, what it was promised, and what must be true of it after any cut."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import numpy as np
import polars as pl

from iiotctl.kept import Kept
from iiotctl.rollups import RollupBatch
from iiotctl.samples import Gap, GapReason, SampleBatch
from iiotctl.store.schema import TagRow
from iiotctl.store.snapshot import Snapshot
from iiotctl.store.verify import verify
from iiotctl.store.writer import StoreWriter
from tests.crash.power_cut import Operation, QuietDisk, Recorder, after

MIDNIGHT = 1_795_478_400_000_000
"""2026-11-24T00:00:00Z; the story runs across it."""
TAGS = ("press1.pressure", "oven.temperature", "line.count")
Key = tuple[str, int]


class Clock:
    """µs UTC that go on with every look."""

    def __init__(self, now: int = MIDNIGHT - 30_000_000) -> None:
        self.now = now

    def __call__(self) -> int:
        self.now += 1_000
        return self.now


@dataclass
class Promise:
    """What was handed to the store by one call; acknowledged by an `ack` operation in the trace."""

    samples: dict[Key, float] = field(default_factory=dict)
    gaps: list[Gap] = field(default_factory=list)
    alive: dict[str, int] = field(default_factory=dict)
    tags: dict[Key, str] = field(default_factory=dict)
    rollups: dict[Key, float] = field(default_factory=dict)
    kept: list[Kept] = field(default_factory=list)


def tag_row(code: int, unit: str = "bar") -> TagRow:
    """One of the story's tags."""
    return TagRow(code, TAGS[code], "plc" if code < 2 else "counter", address=f"holding:{code}", unit=unit)


def _gap(number: int, start: int, end: int | None, at: int) -> Gap:
    return Gap(f"gap-{number}", "plc", None, start, end, GapReason.TIMEOUT, at)


def rollups_of(samples: dict[Key, float]) -> RollupBatch:
    """What the samples of one commit come to, as if their interval were over; it is as long as the commit."""
    codes = np.arange(3, dtype=np.uint32)
    of = [[(ts, value) for (tag, ts), value in samples.items() if tag == TAGS[code]] for code in codes]
    values = [np.array([value for _, value in rows]) for rows in of]
    start = np.full(3, min(ts for _, ts in samples), np.int64)
    floats = [np.array([how(some) for some in values]) for how in (np.min, np.max, np.mean, np.std)]
    edges = [np.array([rows[place][what] for rows in of]) for place in (0, -1) for what in (1, 0)]
    yes = np.ones(3, np.bool_)
    counts = np.array([len(rows) for rows in of], np.int64)
    quality = np.zeros(3, np.uint32)
    return RollupBatch(codes, start, start + 1000, counts, 0 * counts, *floats, *edges, quality, ~yes, yes)


class Story:
    """Writes to a store through a recorder and notes what was handed over and what was acknowledged."""

    def __init__(self, disk: Recorder, root: Path, now: int = MIDNIGHT - 30_000_000) -> None:
        self.disk = disk
        self.clock = Clock(now)
        self.writer = StoreWriter.open(root, site="test", now_us=self.clock, disk=disk)

    def define(self, rows: list[TagRow]) -> None:
        """Define tags."""
        at = self.clock()
        promise = Promise(tags={(row.tag, at): row.config_hash for row in rows})
        self.disk.offer(promise)
        self.writer.define_tags(rows, valid_from=at)
        self.disk.ack(promise)

    def commit(self, number: int, gaps: Iterable[Gap] = ()) -> None:
        """One commit: each tag once, enough digits that it spans several sectors now and then."""
        repeat = 1 if number % 3 else 40
        ts = MIDNIGHT - 20_000_000 + number * 2_000_000 + np.arange(3 * repeat, dtype=np.int64)
        codes = np.tile(np.arange(3, dtype=np.uint32), repeat)
        value = number * 1000 + np.sqrt(np.arange(3 * repeat, dtype=np.float64))
        promise = Promise(
            samples={(TAGS[code], int(when)): float(v) for code, when, v in zip(codes, ts, value, strict=True)},
            gaps=list(gaps),
            alive={"plc": int(ts[-1]) + 5},
        )
        rollups = rollups_of(promise.samples)
        promise.rollups = {(TAGS[code], int(rollups.start[code])): float(rollups.mean[code]) for code in range(3)}
        end = None if number % 4 == 0 else int(ts[-1])
        promise.kept = [Kept(f"kept-{number // 4}", None, int(ts[0]), end, "trip rises", int(ts[0]), self.clock())]
        self.disk.offer(promise)
        batch = SampleBatch(codes, ts, value, np.zeros(len(ts), np.uint32))
        self.writer.commit(batch, promise.gaps, promise.alive, rollups=rollups, kept=promise.kept)
        self.disk.ack(promise)

    def tell(self) -> None:
        """Three segments over two dates, gaps that open and close, a tag that changes, seals in between."""
        at = self.clock.now
        self.define([tag_row(0), tag_row(1)])
        self.define([tag_row(2, "")])
        for number in range(3):
            self.commit(number, [_gap(1, at, None, at)] if number == 1 else ())
        self.writer.rotate()
        self.writer.seal()
        self.commit(3, [_gap(1, at, at + 5, at + 10)])
        self.define([tag_row(1, "degC")])
        for number in range(4, 14):
            self.commit(number, [_gap(2, at + 20, None, at + 20)] if number == 7 else ())
        self.writer.rotate()
        self.commit(14)
        self.writer.seal()
        self.commit(15)
        self.writer.close()

    def go_on(self) -> None:
        """A short second life after a crash, in the spool at its end."""
        at = self.clock.now
        self.define([tag_row(code, "kPa") for code in range(3)])
        self.commit(20, [_gap(20, at, None, at)])
        self.writer.rotate()
        self.writer.seal()
        self.commit(21)
        self.writer.close(seal=False)


def record(base: Path) -> list[Operation]:
    """The trace of one whole life."""
    disk = Recorder(base)
    Story(disk, base / "store").tell()
    return disk.trace


def record_after_kill(trace: list[Operation], killed_at: int, base: Path) -> list[Operation]:
    """The trace of a life that ends by SIGKILL after some steps, and of the next one.

    A killed process loses nothing; but what it had not synced is still not durable.
    """
    after(trace, killed_at).write_out(base, "everything", Random(0))
    disk = Recorder(base, trace[:killed_at])
    Story(disk, base / "store", MIDNIGHT + 10**8).go_on()
    return disk.trace


@dataclass
class Expected:
    """What the store owes after some steps: `must` was acknowledged, `may` was handed over at least."""

    must: Promise
    may: Promise


def expected(trace: list[Operation], steps: int) -> Expected:
    """What is owed after the first `steps` operations."""
    owed = Expected(Promise(), Promise())
    for operation in trace[:steps]:
        if operation.kind in ("offer", "ack"):
            promise = operation.payload
            assert isinstance(promise, Promise)
            whose = owed.may if operation.kind == "offer" else owed.must
            whose.samples.update(promise.samples)
            whose.gaps += promise.gaps
            whose.alive.update(promise.alive)
            whose.tags.update(promise.tags)
            whose.rollups.update(promise.rollups)
            whose.kept += promise.kept
    return owed


def _frame(files: list[Path], unsealed: pl.DataFrame | None) -> pl.DataFrame | None:
    parts = [pl.read_parquet(path, hive_partitioning=False) for path in files]
    parts += [] if unsealed is None else [unsealed]
    return pl.concat(parts) if parts else None


def _check_rows(root: Path, owed: Expected) -> None:
    with Snapshot.open(root) as view:
        assert view.bad_files == []
        samples = _frame(view.sample_files, view.unsealed_samples())
        gaps = _frame(view.gap_files, view.unsealed_gaps())
        tags = _frame(view.tag_files, view.unsealed_tags())
        rollups = _frame(view.rollup_files, view.unsealed_rollups())
        windows = _frame(view.kept_files, view.unsealed_kept())
    rows = [] if samples is None else samples.select("tag", pl.col("ts").dt.epoch("us"), "value").rows()
    found = {(tag, ts): value for tag, ts, value in rows}
    assert len(found) == len(rows), "a sample is there twice"
    assert owed.must.samples.items() <= found.items(), "a committed sample is lost"
    assert found.items() <= owed.may.samples.items(), "a sample that was never handed over"
    logged = set() if gaps is None else set(gaps.select("id", pl.col("detected_at").dt.epoch("us")).rows())
    assert {(gap.id, gap.detected_at) for gap in owed.must.gaps} <= logged, "a gap is lost"
    known = set() if tags is None else set(tags.select("tag", pl.col("valid_from").dt.epoch("us")).rows())
    assert set(owed.must.tags) <= known, "a row of the tag history is lost"
    parts = [] if rollups is None else rollups.select("tag", pl.col("start").dt.epoch("us"), "mean").rows()
    means = {(tag, start): mean for tag, start, mean in parts}
    assert len(means) == len(parts), "a roll-up is there twice"
    assert owed.must.rollups.items() <= means.items(), "a committed roll-up is lost"
    assert means.items() <= owed.may.rollups.items(), "a roll-up that was never handed over"
    assert {tag for tag, _ in means} == {tag for tag, _ in found}, "one commit is there in part"
    logged = set() if windows is None else set(windows.select("id", pl.col("detected_at").dt.epoch("us")).rows())
    assert {(window.id, window.detected_at) for window in owed.must.kept} <= logged, "a kept window is lost"


def _check_recovery(writer: StoreWriter, owed: Expected) -> None:
    found = writer.recovered
    last: dict[str, int] = {}
    for tag, ts in owed.must.samples:
        last[tag] = max(ts, last.get(tag, ts))
    assert all(found.last[tag].ts >= ts for tag, ts in last.items()), "the last row of a tag is forgotten"
    assert all(found.alive[source] >= at for source, at in owed.must.alive.items()), "a sign of life is forgotten"
    is_open = {gap.id for gap in found.open_gaps}
    begun = {gap.id for gap in owed.must.gaps}
    perhaps_ended = {gap.id for gap in owed.may.gaps if gap.end is not None}
    ended = {gap.id for gap in owed.must.gaps if gap.end is not None}
    assert begun - perhaps_ended <= is_open, "an open gap is forgotten"
    assert not ended & is_open, "a closed gap is open again"
    rolled = dict(sorted(owed.must.rollups))
    assert all(max(found.rolled[tag].values()) >= start for tag, start in rolled.items()), "a roll-up is forgotten"
    running = {window.id for window in found.open_kept}
    over = {window.id for window in owed.must.kept if window.end is not None}
    perhaps_over = {window.id for window in owed.may.kept if window.end is not None}
    assert {window.id for window in owed.must.kept} - perhaps_over <= running, "an open window is forgotten"
    assert not over & running, "a window that is over is open again"


def check(base: Path, owed: Expected) -> None:
    """What must hold in `base` after a cut: for a reader, for the next run, and when that has sealed."""
    root = base / "store"
    anything = bool(owed.must.samples or owed.must.tags)
    if anything:
        _check_rows(root, owed)
    writer = StoreWriter.open(root, site="test", now_us=Clock(MIDNIGHT + 10**9), disk=QuietDisk())
    try:
        _check_recovery(writer, owed)
    finally:
        writer.close(ended=False)
    _check_rows(root, owed)
    assert not list((root / "spool").glob("*.seg"))
    found = verify(root)
    assert found.sound, found.flaws
