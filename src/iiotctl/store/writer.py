"""The writing side of the store, for one capture at a time: commit, rotate, seal, recover.

Threads: `commit`, `define_tags` and `rotate` come from one worker; `seal` may run in another at the same time.
"""

from __future__ import annotations

import contextlib
import secrets
import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from iiotctl.errors import StoreError
from iiotctl.kept import Kept
from iiotctl.rollups import RollupBatch
from iiotctl.samples import Gap, SampleBatch
from iiotctl.store import damage, readers, spool
from iiotctl.store import layout as places
from iiotctl.store.durable import Disk, write_file
from iiotctl.store.layout import FORMAT, TMP_SUFFIX, Layout, SegmentName
from iiotctl.store.lock import Lock, refuse_remote, releasing
from iiotctl.store.manifest import Manifest, SealedFile
from iiotctl.store.schema import TagRow
from iiotctl.store.seal import seal_segment
from iiotctl.store.state import Recovery, State, define_new

SEAL_EVERY_S: Final = 300.0
SEAL_SIZE: Final = 64_000_000


@dataclass(frozen=True, slots=True)
class CommitInfo:
    """What one commit wrote."""

    rows: int
    gaps: int
    size: int


class StoreWriter:
    """An open store. Make one with `open`; `damaged` are segments that went bad meanwhile."""

    def __init__(
        self,
        layout: Layout,
        disk: Disk,
        lock: Lock,
        state: State,
        *,
        site: str,
        run_info: Mapping[str, object],
        now_us: Callable[[], int],
        seal_every_s: float,
        seal_size: int,
    ) -> None:
        self.run = places.new_run(now_us(), secrets.token_hex(4))
        self.recovered = Recovery()
        self._layout, self._disk, self._lock, self._state = layout, disk, lock, state
        self._site, self._run_info, self._now_us = site, dict(run_info), now_us
        self._seal_every_us, self._seal_size = round(seal_every_s * 1e6), seal_size
        self._manifest = Manifest(disk, layout.manifest / f"{self.run}.log")
        lock.note(self.run)
        self._names: list[str] = []
        self._segment: spool.SegmentWriter | None = None
        self._number = 0
        self.damaged: list[Path] = []
        self._closed: list[SegmentName] = []
        self._cuts: dict[int, int] = {}
        self._limits: dict[SegmentName, int] = {}
        self._checkpoint_is_sound = True
        self._guard = threading.Lock()
        self._sealing = threading.Lock()

    @classmethod
    def open(
        cls,
        root: Path,
        *,
        site: str = "",
        run_info: Mapping[str, object] | None = None,
        now_us: Callable[[], int],
        seal_every_s: float = SEAL_EVERY_S,
        seal_size: int = SEAL_SIZE,
        disk: Disk | None = None,
    ) -> StoreWriter:
        """Open (or create) a store for writing; seals what an earlier run left in the spool.

        Args:
            root: folder of the store, on a local disk.
            site: name of the site, stored with every sample.
            run_info: facts for the segment's header (version, host, configuration hash).
            now_us: wall clock, µs UTC.
            seal_every_s: age at which a segment is due.
            seal_size: bytes at which a segment is due.
            disk: where changes go; tests put a recorder here.

        Raises:
            StoreError: locked, remote, not writable, or written by a newer version.
        """
        refuse_remote(root)
        disk = disk or Disk()
        layout = Layout(root.absolute())
        lock = Lock(layout.lock)
        with releasing(lock, root):
            prepare(layout, disk)
            lock.acquire()
            state, is_sound = _load_state(layout)
        writer = cls(
            layout,
            disk,
            lock,
            state,
            site=site,
            run_info=run_info or {},
            now_us=now_us,
            seal_every_s=seal_every_s,
            seal_size=seal_size,
        )
        writer._checkpoint_is_sound = is_sound
        with releasing(lock, root):
            writer._recover()
        return writer

    def _recover(self) -> None:
        for _, path in self._layout.segments():
            self._settle(path)
        left = spool.read_spool(self._layout)
        damaged = [] if self._checkpoint_is_sound else [self._layout.checkpoint.stem]
        for segment in left:
            self._state.replay(segment)
            self._limits[segment.name] = segment.size
            if not segment.tail_is_blank:
                damaged.append(str(segment.name))
        self.recovered = self._state.recovery([str(segment.name) for segment in left], damaged)
        self._closed = [segment.name for segment in left]
        if left:  # without a segment no seal was under way, and a large store need not be walked
            for scratch in self._layout.root.glob(f"*/date=*/*{TMP_SUFFIX}"):
                self._disk.unlink(scratch)
        # A full disk must not keep capture from starting: the segments wait.
        with contextlib.suppress(OSError, StoreError):
            self.seal()

    def _settle(self, path: Path) -> None:
        """Make durable what a killed process wrote last: it is read as truth from here on."""
        descriptor = self._disk.reopen(path)
        try:
            self._disk.sync(descriptor)
        finally:
            self._disk.close(descriptor)

    def define_tags(self, rows: Sequence[TagRow], valid_from: int | None = None) -> None:
        """Say which tag each code means from now on, durable on return.

        Args:
            rows: tags that are new or changed; codes never change their tag within a run.
            valid_from: µs UTC, default now.
        """
        with self._guard:
            change = define_new(self._state, rows, self._now_us() if valid_from is None else valid_from)
            segment = self._current()
            segment.define_tags(change)
            for row in rows:
                self._names.extend("" for _ in range(row.code + 1 - len(self._names)))
                self._names[row.code] = row.tag
            self._state.define(change)

    def tag_facts(self, names: Collection[str]) -> dict[str, TagRow]:
        """What sealed files say of tags, the latest row of each; blocking."""
        from iiotctl.store.rebuild import tag_facts

        return tag_facts(self._layout, names)

    def commit(
        self,
        samples: SampleBatch,
        gaps: Sequence[Gap] = (),
        alive: Mapping[str, int] | None = None,
        *,
        rollups: RollupBatch | None = None,
        kept: Sequence[Kept] = (),
    ) -> CommitInfo:
        """Make rows durable: one write, one sync, all or nothing. Tag codes must be defined.

        Args:
            samples: as they are to be stored.
            gaps: gap rows, new or replacing earlier ones of their id.
            alive: µs UTC by source up to which nothing was missed.
            rollups: parts of intervals.
            kept: kept windows, new or replacing earlier ones of their id.

        Raises:
            StoreError: `store-full` or `spool-write-failed`; nothing of this commit is in the store.
        """
        load = spool.Commit(samples, gaps, alive or {}, rollups if rollups is not None and len(rollups) else None, kept)
        load.check(len(self._names))
        with self._guard:
            size = self._current().commit(load)
            self._state.commit(load)
            return CommitInfo(len(samples), len(gaps), size)

    def should_seal(self) -> bool:
        """True when the current segment is old or large enough, or an earlier one waits."""
        segment = self._segment
        if segment is None:
            return bool(self._closed)
        old = self._now_us() - segment.started_us >= self._seal_every_us
        return bool(self._closed) or segment.size >= self._seal_size or (old and segment.rows > 0)

    def rotate(self) -> None:
        """End the current segment; the next commit starts another. Cheap."""
        with self._guard:
            if self._segment is not None:
                self._segment.close()
                self._closed.append(self._segment.name)
                self._segment = None

    def seal(self) -> list[SealedFile]:
        """Turn every ended segment into Parquet.

        Raises:
            StoreError: a file could not be written; its segment stays and is sealed next time.
        """
        done: list[SealedFile] = []
        with self._sealing:
            for name in list(self._closed):
                path = self._layout.segment(name)
                try:
                    segment = spool.read(name, path, self._limits.get(name))
                    segment.gaps += damage.holes(segment, self._layout, self._state)
                    done += seal_segment(self._disk, self._layout, segment, self._manifest, self._now_us())
                    self._save_checkpoint()
                    self._discard(segment)
                except OSError as error:
                    raise _seal_failed(error, path) from error
                self._closed.remove(name)
                self._limits.pop(name, None)
        return done

    def _discard(self, segment: spool.Segment) -> None:
        if segment.tail_is_blank:
            self._disk.unlink(segment.path)
            return
        aside = damage.put_aside(segment, self._layout, self._disk)
        if str(segment.name) not in self.recovered.damaged:
            self.damaged.append(aside)

    def _save_checkpoint(self) -> None:
        with self._guard:
            data = self._state.to_frame()
        write_file(self._disk, self._layout.checkpoint, data, self._layout.checkpoint.with_suffix(TMP_SUFFIX))

    def mark_ended(self) -> None:
        """Say that this run ends as it should, though segments stay in the spool.

        Raises:
            OSError: the disk refused.
        """
        with self._guard:
            self._state.end(self.run)
        self._save_checkpoint()

    def close(self, *, seal: bool = True, ended: bool = True) -> None:
        """End the run: seal, mark it as ended well, let go of the lock.

        Args:
            seal: false leaves the segments in the spool, as a crash would.
            ended: false for maintenance that captured nothing: what the last capture left stays true.
        """
        try:
            self.rotate()
            if seal:
                if ended:
                    with self._guard:
                        self._state.end(self.run)
                self.seal()
                try:
                    self._save_checkpoint()
                except OSError as error:
                    raise _seal_failed(error, self._layout.checkpoint) from error
        finally:
            self._manifest.close()
            self._lock.release()

    def _current(self) -> spool.SegmentWriter:
        if self._segment is not None and self._segment.broken:
            # Its last commit failed and may still stand there; the next header tells readers where it ends.
            self._limits[self._segment.name] = self._segment.size
            self._cuts[self._segment.name.number] = self._segment.size
            self._segment.close()
            self._closed.append(self._segment.name)
            self._segment = None
        if self._segment is None:
            self._number += 1
            name = SegmentName(self.run, self._number)
            path = self._layout.segment(name)
            header = {"site": self._site, "names": self._names, "cuts": list(self._cuts.items()), **self._run_info}
            try:
                self._segment = spool.SegmentWriter(self._disk, path, name, header, self._now_us())
            except OSError as error:
                raise StoreError(
                    "spool-write-failed",
                    "a new segment could not be started",
                    where=str(path),
                    cause=str(error),
                    retriable=True,
                ) from error
            self._state.begin(self.run, self._names)
        return self._segment


def _seal_failed(error: OSError, path: Path) -> StoreError:
    return StoreError(
        "seal-failed",
        "a segment could not be sealed; it stays in the spool and loses nothing",
        where=str(path),
        cause=str(error),
        hint="free space or repair the disk, then `iiotctl store seal`",
        retriable=True,
    )


def prepare(layout: Layout, disk: Disk) -> None:
    """Make the folders of a store and say its format; a store that is there must be one that we know.

    Raises:
        StoreError: `store-format`.
        OSError: the disk refused.
    """
    for folder in (layout.root, layout.spool, layout.manifest):
        disk.make_dir(folder)
    readers.prepare(layout)
    if layout.store_toml.exists():
        check_store(layout)
        # Should a killed process not have synced its name: `make_dir` above synced the folder it stands in.
    else:
        text = f"# An iiotctl store: plain Parquet, see docs/reference/store-layout.md\nformat = {FORMAT}\n"
        write_file(disk, layout.store_toml, text.encode(), layout.store_toml.with_suffix(TMP_SUFFIX))


def check_store(layout: Layout) -> None:
    """Refuse a folder that is no store, or one of a newer version.

    Raises:
        StoreError: `store-missing`, `store-format`.
    """
    import tomllib

    try:
        facts = tomllib.loads(layout.store_toml.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise StoreError(
            "store-missing",
            "there is no store here",
            where=str(layout.root),
            hint="name the folder with `--store PATH`, or fill one: `iiotctl capture --for 1min`",
        ) from None
    except (OSError, ValueError) as error:
        raise StoreError(
            "store-format", "`store.toml` cannot be read", where=str(layout.store_toml), cause=str(error)
        ) from error
    spool.check_format(facts.get("format"), layout.store_toml)


def _load_state(layout: Layout) -> tuple[State, bool]:
    """What earlier runs left, and whether the checkpoint could be used for it."""
    try:
        state = State.from_frame(layout.checkpoint.read_bytes())
        is_sound = state is not None
    except FileNotFoundError:
        # A new store has none yet; one that has sealed files has lost it.
        state, is_sound = None, not any(map(places.is_capture_log, layout.manifest.glob("*.log")))
    if state is not None or is_sound:
        return state or State(), is_sound
    from iiotctl.store.rebuild import rebuild

    return rebuild(layout), False
