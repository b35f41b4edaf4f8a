"""Stores, batches and failing disks for the tests of the store."""

from __future__ import annotations

import errno
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl

from iiotctl.samples import Gap, GapReason, SampleBatch
from iiotctl.store.durable import Disk
from iiotctl.store.schema import TagRow
from iiotctl.store.snapshot import Snapshot
from iiotctl.store.writer import StoreWriter
from tests.crash.power_cut import QuietDisk

NOON = 1_795_435_200_000_000
"""2026-11-23T12:00:00Z."""
SECOND = 1_000_000
TAGS = ("press.pressure", "oven.temperature", "line.count")


class Clock:
    """µs UTC; goes on by hand."""

    def __init__(self, now: int = NOON) -> None:
        self.now = now

    def __call__(self) -> int:
        return self.now


def tag_row(code: int, **changes: object) -> TagRow:
    """One of three tags."""
    facts: dict[str, object] = {"address": f"holding:{code}", "unit": "bar", **changes}
    return TagRow(code, TAGS[code], "plc", **facts)  # type: ignore[arg-type]


def batch(start: int, count: int = 1, first: float = 0.0) -> SampleBatch:
    """`count` seconds of the three tags; values count up from `first`."""
    ts = np.repeat(start + SECOND * np.arange(count, dtype=np.int64), 3)
    value = first + np.arange(3 * count, dtype=np.float64)
    return SampleBatch(np.tile(np.arange(3, dtype=np.uint32), count), ts, value, np.zeros(3 * count, np.uint32))


def gap(gap_id: str, start: int, end: int | None, at: int, **changes: object) -> Gap:
    """A gap of the whole source."""
    return Gap(gap_id, "plc", None, start, end, GapReason.TIMEOUT, at, **changes)  # type: ignore[arg-type]


def open_writer(root: Path, clock: Clock | None = None, disk: Disk | None = None, define: bool = True) -> StoreWriter:
    """A writer with the three tags defined."""
    writer = StoreWriter.open(root, site="test", now_us=clock or Clock(), disk=disk or QuietDisk())
    if define:
        writer.define_tags([tag_row(code) for code in range(3)])
    return writer


def rows(root: Path) -> list[tuple[str, int, float | None]]:
    """(tag, ts, value) of everything that a reader sees, sorted."""
    with Snapshot.open(root) as view:
        parts = [pl.read_parquet(path, hive_partitioning=False) for path in view.sample_files]
        unsealed = view.unsealed_samples()
        parts += [] if unsealed is None else [unsealed]
    if not parts:
        return []
    return sorted(pl.concat(parts).select("tag", pl.col("ts").dt.epoch("us"), "value").rows())


def rows_of(batches: Sequence[SampleBatch]) -> list[tuple[str, int, float | None]]:
    """What `rows` shows of these batches."""
    return sorted(
        (TAGS[code], int(ts), float(value))
        for one in batches
        for code, ts, value in zip(one.tag, one.ts, one.value, strict=True)
    )


class FailingDisk(QuietDisk):
    """A disk whose calls fail with the given error while they are named in `failing`.

    Args:
        code: errno.
        partly: bytes of a failing write that reach the file.
    """

    def __init__(self, code: int = errno.ENOSPC, partly: int = 7) -> None:
        super().__init__()
        self.failing: set[str] = set()
        self.partly = partly
        self.code = code

    def _fail(self, name: str) -> None:
        if name in self.failing:
            raise OSError(self.code, "as the test wants it")

    def create(self, path: Path) -> int:
        self._fail("create")
        return super().create(path)

    def write(self, descriptor: int, data: bytes) -> None:
        if "write" in self.failing:
            super().write(descriptor, data[: self.partly])
        self._fail("write")
        super().write(descriptor, data)

    def sync(self, descriptor: int) -> None:
        self._fail("sync")

    def truncate(self, descriptor: int, size: int) -> None:
        self._fail("truncate")
        super().truncate(descriptor, size)

    def rename(self, source: Path, target: Path) -> None:
        self._fail("rename")
        super().rename(source, target)
