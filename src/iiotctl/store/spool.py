"""Segments: what is committed but not yet sealed. One frame a commit, so a commit is there whole or not at all.

Frames of a segment: HEADER (run, site, tag names), TAGS (whenever tags are defined), COMMIT (what one commit
interval brought: gap rows, kept windows and signs of life as JSON, then samples and roll-ups as Arrow).
"""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from iiotctl import kept
from iiotctl.errors import StoreError
from iiotctl.kept import Kept
from iiotctl.rollups import RollupBatch
from iiotctl.samples import Gap, SampleBatch
from iiotctl.store import columns, frames
from iiotctl.store.durable import Disk
from iiotctl.store.layout import FORMAT, SEGMENT_FORMAT, Layout, SegmentName
from iiotctl.store.schema import TagRow, gap_from_json, gap_to_json, tag_from_json

if TYPE_CHECKING:
    import polars as pl

_COMMIT: Final = struct.Struct("<II")
_TORN_OK: Final = b"\0"


def _pack_json(data: object) -> bytes:
    return zlib.compress(json.dumps(data, separators=(",", ":")).encode())


def _unpack_json(payload: bytes | memoryview) -> Any:
    return json.loads(zlib.decompress(payload))


@dataclass(frozen=True, slots=True)
class TagChange:
    """Tags defined at one moment; `new` are those whose configuration the history does not have yet."""

    rows: tuple[TagRow, ...]
    new: frozenset[str]
    valid_from: int


@dataclass(frozen=True, slots=True)
class Commit:
    """What one commit makes durable; `alive` in µs UTC by source."""

    samples: SampleBatch
    gaps: Sequence[Gap] = ()
    alive: Mapping[str, int] = field(default_factory=dict)
    rollups: RollupBatch | None = None
    kept: Sequence[Kept] = ()

    def check(self, defined: int) -> None:
        """Refuse a tag code that is not below `defined`.

        Raises:
            ValueError: there is one.
        """
        for batch in (self.samples, self.rollups):
            if batch is not None and len(batch) and int(batch.tag.max()) >= defined:
                msg = f"tag code {batch.tag.max()} was never defined"
                raise ValueError(msg)

    @property
    def rows(self) -> int:
        """Samples and roll-ups."""
        return len(self.samples) + (0 if self.rollups is None else len(self.rollups))


class SegmentWriter:
    """The segment being written. Not thread-safe; its writer holds a lock."""

    def __init__(self, disk: Disk, path: Path, name: SegmentName, header: Mapping[str, object], at: int) -> None:
        self.name = name
        self.path = path
        self.started_us = at
        self.rows = 0
        self._disk = disk
        self._descriptor = disk.create(path)
        self._broken = False
        facts = {"format": SEGMENT_FORMAT, "run": name.run, "number": name.number, "at": at, **header}
        head = frames.pack(frames.Kind.HEADER, _pack_json(facts))
        try:
            disk.write(self._descriptor, head)
            # The first commit's sync covers the header; only the name needs one of its own.
            disk.sync_dir(path.parent)
        except OSError as error:
            disk.close(self._descriptor)
            disk.unlink(path)
            raise _failed(error, path) from error
        self.size = len(head)

    def define_tags(self, change: TagChange) -> None:
        """Append a TAGS frame, durable on return."""
        facts = {
            "rows": [asdict(row) for row in change.rows],
            "new": sorted(change.new),
            "valid_from": change.valid_from,
        }
        self._append(frames.pack(frames.Kind.TAGS, _pack_json(facts)))

    def commit(self, load: Commit) -> int:
        """Append one COMMIT frame, durable on return; returns its size in bytes.

        Raises:
            StoreError: the disk refused; the segment is as it was before.
        """
        facts: dict[str, object] = {}
        if load.gaps or load.alive:
            facts |= {"gaps": [gap_to_json(gap) for gap in load.gaps], "alive": dict(load.alive)}
        if load.kept:
            facts["kept"] = [kept.to_json(window) for window in load.kept]
        rollups = b""
        if load.rollups is not None:
            rollups = columns.encode_rollups(load.rollups)
            facts["rollups"] = [len(rollups), len(load.rollups)]
        head = json.dumps(facts, separators=(",", ":")).encode() if facts else b""
        body = columns.encode(load.samples) if len(load.samples) else b""
        frame = frames.pack(frames.Kind.COMMIT, _COMMIT.pack(len(head), len(load.samples)) + head + body + rollups)
        self._append(frame)
        self.rows += load.rows
        return len(frame)

    def _append(self, data: bytes) -> None:
        if self._broken:
            raise StoreError(
                "spool-broken",
                "the segment cannot be written any more",
                where=str(self.path),
                cause="an earlier write failed and could not be taken back",
                retriable=True,
            )
        try:
            self._disk.write(self._descriptor, data)
            self._disk.sync(self._descriptor)
        except OSError as error:
            # What was not acknowledged must not turn up later: its samples are counted as lost.
            try:
                self._disk.truncate(self._descriptor, self.size)
            except OSError:
                self._broken = True
            raise _failed(error, self.path) from error
        self.size += len(data)

    @property
    def broken(self) -> bool:
        """True when only a new segment helps."""
        return self._broken

    def close(self) -> None:
        """Close the file; everything committed is durable already."""
        self._disk.close(self._descriptor)


def _failed(error: OSError, path: Path) -> StoreError:
    import errno

    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return StoreError(
            "store-full",
            "no space left for samples",
            where=str(path),
            cause=str(error),
            hint="free space, or move old dates of the store elsewhere: `iiotctl store status`",
            retriable=True,
        )
    return StoreError(
        "spool-write-failed",
        "samples could not be written",
        where=str(path),
        cause=str(error),
        hint="check the disk: `dmesg | tail`",
        retriable=True,
    )


@dataclass(slots=True)
class Segment:
    """What a segment file holds, up to its first damaged byte.

    Attributes:
        names: tag name of each code.
        commits: payload of each sample frame, still encoded.
        rows: samples in them.
        rollups: payload of each frame's roll-ups, still encoded.
        rollup_rows: rows in them.
        gaps: gap rows in the order of writing.
        kept: kept windows, likewise.
        alive: last sign of life of each source, µs UTC.
        valid: bytes up to the end of the last good frame.
        size: bytes read.
        tail_is_blank: the bytes after `valid` are zeros or none: nothing was written there.
    """

    name: SegmentName
    path: Path
    header: dict[str, Any] = field(default_factory=dict)
    names: list[str] = field(default_factory=list)
    changes: list[TagChange] = field(default_factory=list)
    commits: list[memoryview] = field(default_factory=list)
    rows: int = 0
    rollups: list[memoryview] = field(default_factory=list)
    rollup_rows: int = 0
    gaps: list[Gap] = field(default_factory=list)
    kept: list[Kept] = field(default_factory=list)
    alive: dict[str, int] = field(default_factory=dict)
    valid: int = 0
    size: int = 0
    tail_is_blank: bool = True

    @property
    def site(self) -> str:
        """The site that the samples belong to."""
        return str(self.header.get("site", ""))

    def coded_frames(self) -> list[pl.DataFrame]:
        """The samples of each commit: codes and plain integers."""
        return [columns.decode(payload) for payload in self.commits]

    def coded_rollups(self) -> pl.DataFrame:
        """The roll-ups (at least one must be there): codes and plain integers."""
        import polars as pl

        return pl.concat([columns.decode(payload) for payload in self.rollups])


def _take_names(names: list[str], rows: Sequence[TagRow]) -> None:
    for row in rows:
        names.extend("" for _ in range(row.code + 1 - len(names)))
        names[row.code] = row.tag


def parse(name: SegmentName, path: Path, data: bytes) -> Segment:
    """The segment in `data`; damage ends it early and is no error.

    Args:
        name: its name.
        path: where it stands.
        data: its bytes, as far as they count.

    Raises:
        StoreError: written by a newer iiotctl.
    """
    segment = Segment(name, path, size=len(data))
    for frame in frames.scan(data):
        if frame.kind == frames.Kind.HEADER:
            segment.header = _unpack_json(frame.payload)
            check_format(segment.header.get("format"), path, newest=SEGMENT_FORMAT)
            segment.names = list(segment.header.get("names", []))
        elif frame.kind == frames.Kind.TAGS:
            facts = _unpack_json(frame.payload)
            rows = tuple(tag_from_json(row) for row in facts["rows"])
            segment.changes.append(TagChange(rows, frozenset(facts["new"]), facts["valid_from"]))
            _take_names(segment.names, rows)
        elif frame.kind == frames.Kind.COMMIT:
            head_length, rows_count = _COMMIT.unpack_from(frame.payload)
            begin = _COMMIT.size + head_length
            facts = json.loads(frame.payload[_COMMIT.size : begin].tobytes()) if head_length else {}
            segment.gaps.extend(gap_from_json(gap) for gap in facts.get("gaps", ()))
            segment.alive.update(facts.get("alive", {}))
            segment.kept.extend(kept.from_json(window) for window in facts.get("kept", ()))
            rollups_size, rollups_count = facts.get("rollups", (0, 0))
            rollups_at = len(frame.payload) - rollups_size
            if rollups_count:
                segment.rollups.append(frame.payload[rollups_at:])
                segment.rollup_rows += rollups_count
            if rows_count:
                segment.commits.append(frame.payload[begin:rollups_at])
                segment.rows += rows_count
        segment.valid = frame.end
    segment.tail_is_blank = not data[segment.valid :].strip(_TORN_OK)
    return segment


def read(name: SegmentName, path: Path, limit: int | None = None) -> Segment:
    """The segment in a file, or in its first `limit` bytes.

    Raises:
        OSError: the file is gone or cannot be read.
        StoreError: written by a newer iiotctl.
    """
    return parse(name, path, path.read_bytes()[:limit])


def read_spool(layout: Layout) -> list[Segment]:
    """All segments, oldest first, each as far as it counts; one that vanishes meanwhile is left out.

    A commit that failed and could not be taken back does not count: its samples were handed over again, and
    the next segment's header says where the one before it ends.

    Raises:
        OSError: a file cannot be read.
        StoreError: written by a newer iiotctl.
    """
    found = []
    for name, path in layout.segments():
        try:
            found.append(read(name, path))
        except FileNotFoundError:
            continue
    cuts = {
        SegmentName(segment.name.run, int(cut[0])): int(cut[1])
        for segment in found
        for cut in segment.header.get("cuts", ())
    }
    for place, segment in enumerate(found):
        limit = cuts.get(segment.name)
        if limit is not None and limit < segment.size:
            with suppress(FileNotFoundError):
                found[place] = read(segment.name, segment.path, limit)
    return found


def check_format(found: object, path: Path, newest: int = FORMAT) -> None:
    """Refuse what a newer version wrote.

    Args:
        found: the format that stands there.
        path: where.
        newest: the newest format that we read; older ones we read too.

    Raises:
        StoreError: `found` is none of them.
    """
    if not isinstance(found, int) or not 1 <= found <= newest:
        raise StoreError(
            "store-format",
            f"`{path.name}` has format {found}, this iiotctl reads format {newest}",
            where=str(path),
            hint="use the version of iiotctl that wrote it, or a newer one",
        )
