"""Manifests: which files the store wrote, with their hashes, so that `store verify` can tell damage from truth.

Polars writes no page checksums, and a flipped bit in Parquet gives wrong values without an error; the
manifest's sha256 is the store's checksum. One append-only log per writing process; compaction gathers those of
processes that have ended into one (`gather`). How they are read: `ledger`.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from iiotctl.store import frames
from iiotctl.store.durable import Disk

MOST_ENTRIES: Final = 1000
"""After so many entries a process goes on in another log, so that compaction can gather what is behind it."""


@dataclass(frozen=True, slots=True)
class SealedFile:
    """One file of the store, as it was written.

    Attributes:
        path: relative to the store, with `/`.
        kind: table whose rows it holds.
        size: bytes.
        tag_min, tag_max, ts_min, ts_max: ranges of its rows (µs UTC); None for an empty or timeless file.
    """

    path: str
    kind: str
    sha256: str
    size: int
    rows: int
    at: int
    tag_min: str | None = None
    tag_max: str | None = None
    ts_min: int | None = None
    ts_max: int | None = None


class Manifest:
    """The log that one writing process appends to; the file is made with the first entry."""

    def __init__(self, disk: Disk, path: Path) -> None:
        self._disk = disk
        self._path = path
        self._descriptor: int | None = None
        self._begun = 0
        self._entries = 0
        self.removed: dict[str, int] = {}
        """What this process has removed, with the time (µs UTC)."""

    @property
    def path(self) -> Path:
        """The log that the next entry goes to."""
        return self._path

    def append(self, entries: Sequence[SealedFile]) -> None:
        """Append entries, durable on return.

        Raises:
            OSError: the disk refused; the entries do not count.
        """
        self._write(
            b"".join(frames.pack(frames.Kind.FILE, json.dumps(asdict(entry)).encode()) for entry in entries),
            len(entries),
        )

    def remove(self, paths: Sequence[str], why: str, at: int) -> None:
        """Say that files go away on purpose, durable on return; from then on nobody reads or misses them.

        Args:
            paths: relative to the store, with `/`. They may be deleted when no reader that looked before can still
                want them (`upkeep`).
            why: `compacted`, `expired`.
            at: µs UTC, now.

        Raises:
            OSError: the disk refused; the files stay in the store.
        """
        self.replace([], paths, why, at)

    def replace(self, files: Sequence[SealedFile], removed: Sequence[str], why: str, at: int) -> None:
        """Files that are in place take over from others, at one instant; durable on return.

        Args:
            files: new, in place and durable under their names.
            removed: paths that do not count any more.
            why: as in `remove`.
            at: µs UTC, now.

        Raises:
            OSError: the disk refused; nothing has changed.
        """
        change = {"files": [asdict(file) for file in files], "removed": list(removed), "why": why, "at": at}
        self._write(frames.pack(frames.Kind.CHANGE, json.dumps(change).encode()), len(files) + len(removed))
        self.removed.update(dict.fromkeys(removed, at))

    def _write(self, data: bytes, entries: int) -> None:
        if self._entries >= MOST_ENTRIES:
            self.turn()
        try:
            if self._descriptor is None:
                self._descriptor = self._disk.create(self._path)
                self._disk.sync_dir(self._path.parent)
            self._disk.write(self._descriptor, data)
            self._disk.sync(self._descriptor)
            self._entries += entries
        except OSError:
            # A log is read up to its first torn entry, so nothing may stand behind one: go on in another file.
            self.turn()
            raise

    def turn(self) -> None:
        """Let this log be, and go on in another file with the next entry."""
        self.close()
        self._begun += 1
        self._entries = 0
        self._path = self._path.with_name(f"{run_of(self._path)}.{self._begun}.log")

    def close(self) -> None:
        """Close the file."""
        if self._descriptor is not None:
            self._disk.close(self._descriptor)
            self._descriptor = None


def run_of(log: Path) -> str:
    """Name of a log without the number of its continuation."""
    return log.name.partition(".")[0]


def continuation_of(log: Path) -> int:
    """Which log of its run this is, from 0."""
    middle = log.name.removesuffix(".log").partition(".")[2]
    return int(middle) if middle.isdigit() else 0
