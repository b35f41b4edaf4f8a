"""Many finished rows at once (import, backfill): straight to sealed Parquet, also while a capture is running.

A capture owns spool, checkpoint and `lock`; this writer touches none of them. It has a lock of its own, a run id and
a manifest of its own. The order of the steps is that of `seal`; wherever it is cut off, a file is either whole and
known to the manifest, or a `*.part` that the next writer finishes (the manifest knows it) or removes.

Rows come in any order. They wait in memory and, when they become many, in scratch files by UTC date (`stage`); `flush`
takes one date after the other, compares it with what the store holds (`compare`) and writes what is new.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

from iiotctl.errors import StoreError
from iiotctl.eventframe import EventFrame
from iiotctl.samples import Gap
from iiotctl.store import disorder, ledger
from iiotctl.store import layout as places
from iiotctl.store.columns import final_frame, sorted_by_name
from iiotctl.store.compare import Judge, Verdicts
from iiotctl.store.durable import Disk
from iiotctl.store.layout import DISORDER, EVENTS, GAPS, LOCK_NAME, PART_SUFFIX, SAMPLES, TAGS, Layout, SegmentName
from iiotctl.store.lock import Lock, holder, refuse_remote, releasing
from iiotctl.store.manifest import Manifest
from iiotctl.store.schema import TagRow, events_frame, gaps_frame, tags_frame
from iiotctl.store.seal import place
from iiotctl.store.snapshot import Snapshot
from iiotctl.store.stage import Stage
from iiotctl.store.writer import prepare

if TYPE_CHECKING:
    import polars as pl

BATCH_ROWS: Final = 1_000_000
BATCH_FILES: Final = 64
"""Files share the syncs of their folder and manifest in batches of about this size."""


@dataclass(slots=True)
class Stored:
    """What `flush` did with the rows.

    Attributes:
        rows: stored now.
        already: left out, since the store or an earlier row has the same tag, time, value, quality and text.
        expired: left out, since retention has put roll-ups in the place of their interval.
        expired_dates: UTC dates of these.
        conflicts: rows whose tag and time are there with another value.
        conflicts_stored: of these, those that were stored all the same.
        files: Parquet files of samples written.
        size: their bytes.
        disputes: a frame of (tag, ts, value, text, quality, line) for each batch of conflicts.
        disorder: stretches of rows that repeat each other and of conflicts, see `store.disorder`.
    """

    rows: int = 0
    already: int = 0
    expired: int = 0
    expired_dates: set[date] = field(default_factory=set)
    conflicts: int = 0
    conflicts_stored: int = 0
    files: int = 0
    size: int = 0
    disputes: list[pl.DataFrame] = field(default_factory=list)
    disorder: list[pl.DataFrame] = field(default_factory=list)


class BulkWriter:
    """An open store, for rows that are complete. Make one with `open`; a context manager."""

    def __init__(self, layout: Layout, disk: Disk, lock: Lock, *, site: str, now_us: Callable[[], int]) -> None:
        self.run = places.new_run(now_us(), secrets.token_hex(4))
        self._layout, self._disk, self._lock, self._site, self._now_us = layout, disk, lock, site, now_us
        self._manifest = Manifest(disk, layout.manifest / f"{places.IMPORT_LOG}{self.run}.log")
        lock.note(self.run)
        self._number = 0
        self._names: list[str] = []
        self._codes: dict[str, int] = {}
        self._stage = Stage(layout.imports, self.run)

    @classmethod
    def open(cls, root: Path, *, site: str = "", now_us: Callable[[], int], disk: Disk | None = None) -> Self:
        """Open (or create) a store for writing in bulk; finishes or removes what a killed import left.

        Args:
            root: folder of the store, on a local disk.
            site: name of the site, stored with rows that bring none.
            now_us: wall clock, µs UTC.
            disk: where changes go; tests put a recorder here.

        Raises:
            StoreError: `import-running`, remote, not writable, or written by a newer version.
        """
        refuse_remote(root)
        disk = disk or Disk()
        layout = Layout(root.absolute())
        lock = Lock(layout.imports / LOCK_NAME)
        with releasing(lock, root):
            prepare(layout, disk)
            disk.make_dir(layout.imports)
            try:
                lock.acquire()
            except StoreError as error:
                raise _is_running(layout) from error
            _recover(layout, disk)
        return cls(layout, disk, lock, site=site, now_us=now_us)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the store; rows that were not flushed are not in it."""
        self._stage.clear()
        self._manifest.close()
        self._lock.release()

    def codes(self, names: Collection[str]) -> list[int]:
        """The number of each tag within this writer; a tag that is new gets the next one."""
        for name in names:
            if name not in self._codes:
                self._codes[name] = len(self._names)
                self._names.append(name)
        return [self._codes[name] for name in names]

    def add(self, rows: pl.DataFrame) -> None:
        """Take rows for the next flush.

        Args:
            rows: columns `tag` (u32, from `codes`), `ts` (i64, µs UTC), `value`; optional `quality`, `text`,
                `ts_source`, `ts_server`, `ts_received` (as ts), `site`, and `line` (u64, for the report of conflicts).

        Raises:
            StoreError: `bulk-write-failed`, the disk refused.
        """
        try:
            self._stage.add(rows)
        except OSError as error:
            raise _failed(self._layout, error) from error

    def discard(self) -> None:
        """Forget the rows that were not flushed."""
        self._stage.clear()

    def flush(self, *, store_conflicts: bool = False) -> Stored:
        """Compare what was added with the store, and store what is new; durable on return.

        Args:
            store_conflicts: also store rows whose tag and time are there with another value.

        Raises:
            StoreError: `bulk-write-failed`, `store-damaged`; dates that were finished before are stored, and the same
                rows may be added again.
        """
        done = Stored()
        try:
            with Snapshot.open(self._layout.root) as snapshot:
                judge = Judge(snapshot, self._names, keep_conflicts=store_conflicts)
                waiting: list[tuple[str, Path, pl.DataFrame]] = []
                rows = 0
                for day, block in self._stage.blocks():
                    new = self._settle(day, judge.judge(day, sorted_by_name(block, self._names)), done)
                    if new.height:
                        waiting.append((SAMPLES, self._path(SAMPLES, day), self._finished(new)))
                        rows += new.height
                    if rows >= BATCH_ROWS or len(waiting) >= BATCH_FILES:
                        self._place(waiting, done)
                        waiting, rows = [], 0
                self._place(waiting, done)
        except OSError as error:
            raise _failed(self._layout, error) from error
        finally:
            self._stage.clear()
        return done

    def _settle(self, day: date, verdicts: Verdicts, done: Stored) -> pl.DataFrame:
        done.rows += verdicts.new.height
        done.already += verdicts.already
        done.expired += verdicts.expired
        if verdicts.expired:
            done.expired_dates.add(day)
        done.conflicts += verdicts.conflicts.height
        done.conflicts_stored += verdicts.conflicts_kept
        if verdicts.conflicts.height:
            done.disputes.append(verdicts.conflicts)
            done.disorder.append(disorder.of_rows(verdicts.conflicts, disorder.CONFLICTING))
        if verdicts.repeats.height:
            done.disorder.append(disorder.of_rows(verdicts.repeats, disorder.REPEATED))
        return verdicts.new

    def _finished(self, coded: pl.DataFrame) -> pl.DataFrame:
        import polars as pl

        frame = final_frame(coded, self._names, self._site)
        if "site" not in coded.columns:
            return frame
        return frame.with_columns(coded["site"].fill_null(pl.lit(self._site)))

    def _path(self, kind: str, day: date) -> Path:
        self._number += 1
        return self._layout.sealed(kind, day, SegmentName(self.run, self._number))

    def _place(self, tables: Sequence[tuple[str, Path, pl.DataFrame]], done: Stored | None = None) -> None:
        written = place(self._disk, self._layout, tables, self._manifest, self._now_us(), suffix=PART_SUFFIX)
        if done is not None:
            done.files += len(written)
            done.size += sum(entry.size for entry in written)

    def write_tags(self, rows: Sequence[tuple[TagRow, int]]) -> None:
        """Append rows to the history of tags, each with its `valid_from` (µs UTC); durable on return.

        Raises:
            StoreError: `bulk-write-failed`.
        """
        import polars as pl

        if rows:
            frame = tags_frame(rows, self._site).sort("tag", pl.col("valid_from"), maintain_order=True)
            self._write_dated(TAGS, frame, "valid_from")

    def write_gaps(self, gaps: Sequence[Gap]) -> None:
        """Append gap rows; one of a known id replaces the earlier one when its `detected_at` is later.

        Raises:
            StoreError: `bulk-write-failed`.
        """
        if gaps:
            self._write_dated(GAPS, gaps_frame(gaps, self._site), "detected_at")

    def write_events(self, found: Sequence[EventFrame]) -> None:
        """Append event frames; one of a known id replaces the earlier one when its `detected_at` is later.

        Raises:
            StoreError: `bulk-write-failed`.
        """
        if found:
            self._write_dated(EVENTS, events_frame(found, self._site), "detected_at")

    def write_disorder(self, stretches: Sequence[pl.DataFrame]) -> None:
        """Note rows whose times were not in order, see `store.disorder`; what is noted already is not noted again.

        Raises:
            StoreError: `bulk-write-failed`.
        """
        found = disorder.rows_of_table(disorder.together(stretches), self._site, self._now_us())
        if found.height:
            with Snapshot.open(self._layout.root) as snapshot:
                found = disorder.unknown(found, snapshot.files[DISORDER])
        if found.height:
            self._write_dated(DISORDER, found, "detected_at")

    def _write_dated(self, kind: str, frame: pl.DataFrame, column: str) -> None:
        from iiotctl.store.seal import by_date

        try:
            self._place([(kind, self._path(kind, day), rows) for day, rows in by_date(frame, column)])
        except OSError as error:
            raise _failed(self._layout, error) from error


def _recover(layout: Layout, disk: Disk) -> None:
    """Finish files that a manifest knows, remove the rest of what a killed import left."""
    left = sorted(layout.root.glob(f"*/date=*/*{PART_SUFFIX}"))
    known = ledger.read_all(layout) if left else {}
    for path in left:
        final = path.with_name(path.name.removesuffix(PART_SUFFIX))
        entries = known.get(final.relative_to(layout.root).as_posix(), [])
        if not final.exists() and _hash(path) in {entry.sha256 for entry in entries}:
            disk.rename(path, final)
            disk.sync_dir(final.parent)
        else:
            disk.unlink(path)
    for path in layout.imports.iterdir():
        if path.name != LOCK_NAME:
            path.unlink()


def _hash(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _is_running(layout: Layout) -> StoreError:
    owner = holder(layout.imports / LOCK_NAME)
    return StoreError(
        "import-running",
        "another import or backfill writes to this store",
        where=str(layout.root),
        cause=f"process {owner} holds the lock" if owner else None,
        hint="wait until it has ended, then repeat this command",
        retriable=True,
    )


def _failed(layout: Layout, error: OSError) -> StoreError:
    return StoreError(
        "bulk-write-failed",
        "the rows could not be written; what was written before is whole",
        where=str(error.filename or layout.root),
        cause=error.strerror or str(error),
        hint="free space or repair the disk, then repeat the command: nothing is stored twice",
        retriable=True,
    )
