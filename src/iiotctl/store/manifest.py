"""Manifests: which files the store wrote, with their hashes, so that `store verify` can tell damage from truth.

Polars writes no page checksums, and a flipped bit in Parquet gives wrong values without an error; the
manifest's sha256 is the store's checksum. One append-only log per sealing process.
"""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Final

from iiotctl.store import frames
from iiotctl.store.durable import Disk
from iiotctl.store.layout import Layout

_PATH: Final = re.compile(rb'"path": "([^"\\]+)"')


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
    """The log that one sealing process appends to; the file is made with the first entry."""

    def __init__(self, disk: Disk, path: Path) -> None:
        self._disk = disk
        self._path = path
        self._descriptor: int | None = None
        self._torn = 0

    def append(self, entries: list[SealedFile]) -> None:
        """Append entries, durable on return."""
        data = b"".join(frames.pack(frames.Kind.FILE, json.dumps(asdict(entry)).encode()) for entry in entries)
        try:
            if self._descriptor is None:
                self._descriptor = self._disk.create(self._path)
                self._disk.sync_dir(self._path.parent)
            self._disk.write(self._descriptor, data)
            self._disk.sync(self._descriptor)
        except OSError:
            # A log is read up to its first torn entry, so nothing may stand behind one: go on in another file.
            self.close()
            self._torn += 1
            self._path = self._path.with_name(f"{self._path.name.partition('.')[0]}.{self._torn}.log")
            raise

    def close(self) -> None:
        """Close the file."""
        if self._descriptor is not None:
            self._disk.close(self._descriptor)
            self._descriptor = None


def read_all(layout: Layout) -> dict[str, list[SealedFile]]:
    """Every entry of every manifest by path, in the order of writing; a torn tail ends its log."""
    known = {field.name for field in fields(SealedFile)}
    entries: dict[str, list[SealedFile]] = {}
    if not layout.manifest.is_dir():
        return entries
    for log in sorted(layout.manifest.glob("*.log")):
        for frame in frames.scan(log.read_bytes()):
            if frame.kind != frames.Kind.FILE:
                continue
            facts = json.loads(bytes(frame.payload))
            entry = SealedFile(**{key: value for key, value in facts.items() if key in known})
            entries.setdefault(entry.path, []).append(entry)
    return entries


def paths(layout: Layout) -> set[str]:
    """The path of every entry of every manifest, relative to the store; cheap enough to ask before each query."""
    found: set[str] = set()
    if not layout.manifest.is_dir():
        return found
    for log in layout.manifest.glob("*.log"):
        for frame in frames.scan(log.read_bytes()):
            if frame.kind == frames.Kind.FILE and (match := _PATH.search(frame.payload)):
                found.add(match[1].decode())
    return found
