"""The right to replace and remove sealed files, one process at a time, beside captures, imports and readers.

Whoever holds it says in its `manifest` what does not count any more and then calls `delete`: files go when a moment without readers has passed since, or, where readers cannot be seen, after `PATIENCE_US`.
`open` cleans up after a run that was cut off; `gather` gathers the manifests.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from iiotctl.errors import StoreError
from iiotctl.store import gather, ledger
from iiotctl.store import layout as places
from iiotctl.store.durable import Disk
from iiotctl.store.layout import KINDS, SCRATCH_SUFFIX, Layout, SegmentName, compacted_by
from iiotctl.store.ledger import Ledger, path_of
from iiotctl.store.lock import Lock, holder, refuse_remote, releasing
from iiotctl.store.manifest import Manifest
from iiotctl.store.readers import nobody_reads
from iiotctl.store.standing import unfinished
from iiotctl.store.writer import check_store

PATIENCE_US: Final = 15 * 60_000_000


@dataclass(frozen=True, slots=True)
class Deleted:
    """What `delete` did.

    Attributes:
        files: that are gone.
        size: their bytes.
        waiting: files that do not count any more and are still there, since somebody may be reading them.
    """

    files: int = 0
    size: int = 0
    waiting: int = 0

    def then(self, later: Deleted) -> Deleted:
        """Both in one."""
        return Deleted(self.files + later.files, self.size + later.size, later.waiting)


class Upkeep:
    """The right, held. Make one with `open`; a context manager."""

    def __init__(self, layout: Layout, disk: Disk, lock: Lock, now_us: Callable[[], int]) -> None:
        self.layout, self.disk, self.now_us = layout, disk, now_us
        self.run = places.new_run(now_us(), secrets.token_hex(4))
        self.manifest = Manifest(disk, layout.upkeep_log(self.run))
        self.ledger = Ledger()
        """As of the beginning."""
        self._lock = lock
        self._number = 0
        self._gone: dict[Path, int] = {}

    @classmethod
    def open(cls, root: Path, *, now_us: Callable[[], int], disk: Disk | None = None) -> Self:
        """Take the right, and remove what a run that was cut off left.

        Args:
            root: folder of the store, on a local disk.
            now_us: wall clock, µs UTC.
            disk: where changes go; tests put a recorder here.

        Raises:
            StoreError: `upkeep-running`, `upkeep-remote`, no store, not writable, or of a newer version.
        """
        try:
            refuse_remote(root)
        except StoreError as error:
            raise StoreError(
                "upkeep-remote",
                "a store on a network path is not compacted or cleaned from here",
                where=str(root),
                cause=error.cause,
                hint="run `iiotctl store compact` on the machine whose disk it is: two machines do not see each other's"
                " locks",
            ) from error
        layout = Layout(root.absolute())
        check_store(layout)
        lock = Lock(layout.upkeep)
        with releasing(lock, root):
            try:
                lock.acquire()
            except StoreError as error:
                raise _is_running(layout) from error
        upkeep = cls(layout, disk or Disk(), lock, now_us)
        with releasing(lock, root):
            upkeep._clean()
        return upkeep

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.manifest.close()
        self._lock.release()

    def name(self) -> SegmentName:
        """A name that no file of any store has yet."""
        self._number += 1
        return SegmentName(self.run, self._number)

    def _clean(self) -> None:
        """What a run that was cut off left undone: half-written files, and whole ones that never took over."""
        # A segment that is gone was sealed. Should its name come back in a power cut, its rows would be there twice.
        if self.layout.spool.is_dir():
            self.disk.sync_dir(self.layout.spool)
        self.ledger = ledger.read(self.layout)
        removed = {self.layout.root / name: removal.at for name, removal in self.ledger.removed.items()}
        self._gone = {path: since for path, since in removed.items() if path.exists()}
        for table in KINDS:
            doubtful = [
                path
                for path in self.layout.files(table)
                if compacted_by(path) is not None
                and path_of(self.layout, path) not in self.ledger.ranges
                and path not in removed
            ]
            left = [*unfinished(doubtful), *self.layout.root.glob(f"{table}/date=*/*{SCRATCH_SUFFIX}")]
            for path in left:
                self.disk.unlink(path)

    def delete(self) -> Deleted:
        """Delete files that do not count any more and that nobody can be reading.

        Raises:
            OSError: the disk refused.
        """
        while self.manifest.removed:
            name, since = self.manifest.removed.popitem()
            self._gone[self.layout.root / name] = since
        if not self._gone:
            return Deleted()
        is_quiet = nobody_reads(self.layout)
        patient = self.now_us() - PATIENCE_US
        files = size = waiting = 0
        for path, since in list(self._gone.items()):
            if not is_quiet and since > patient:
                waiting += 1
                continue
            length = 0
            with suppress(FileNotFoundError):
                length = path.stat().st_size
            try:
                self.disk.unlink(path)
            except PermissionError:  # open on Windows
                waiting += 1
                continue
            del self._gone[path]
            files, size = files + 1, size + length
        return Deleted(files, size, waiting)

    def gather(self) -> int:
        """Gather the manifests of processes that have ended, ours among them; how many became one.

        Raises:
            OSError: the disk refused; every manifest is as good as before.
        """
        self.manifest.turn()
        return gather.gather(self.disk, self.layout, self.run)


def _is_running(layout: Layout) -> StoreError:
    owner = holder(layout.upkeep)
    return StoreError(
        "upkeep-running",
        "another process compacts or cleans this store",
        where=str(layout.root),
        cause=f"process {owner} holds the lock" if owner else None,
        hint="nothing to do: it does the work; look at the result with `iiotctl store status`",
        retriable=True,
    )
