"""A consistent picture of the store while capture goes on: every committed row once.

The order is the proof (design §4.3): first the spool is listed and every segment opened and read up to its
size at that moment, then the sealed files are listed. A segment that could be opened is the truth for its
name, and sealed files of that name are ignored; one that has vanished was sealed before the second listing.
The sealer deletes a segment last. Between the two the manifests are read: what they say was replaced is left out, and
what took its place was there before they said so.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self

from iiotctl.store import ledger, spool
from iiotctl.store.layout import (
    CAPTURED,
    DISORDER,
    EVENTS,
    EXPIRY_SUFFIX,
    GAPS,
    KEPT,
    KINDS,
    ROLLUPS,
    SAMPLES,
    SOLE_COPIES,
    TAGS,
    Layout,
    SegmentName,
    Table,
    date_of,
    segment_of,
)
from iiotctl.store.ledger import FileRange, path_of
from iiotctl.store.readers import Shared
from iiotctl.store.standing import counting
from iiotctl.store.tables import has_rows, rows_of
from iiotctl.store.writer import check_store

if TYPE_CHECKING:
    import polars as pl

_BY_DATE: Final = (SAMPLES, ROLLUPS)
"""Tables of which a time range needs only the files of its dates."""
_PARQUET_MAGIC: Final = b"PAR1"
_SMALLEST: Final = 12


@dataclass(frozen=True, slots=True)
class BadFile:
    """A file that a query must leave out, and why."""

    path: Path
    cause: str


class Snapshot:
    """What a reader sees. Make one with `open`; use as a context manager."""

    def __init__(
        self,
        layout: Layout,
        segments: list[spool.Segment],
        files: dict[Table, list[Path]],
        ranges: dict[Path, FileRange],
    ) -> None:
        self.root = layout.root
        self.files = files
        """Sealed files by table."""
        self.ranges = ranges
        """What sealed files hold, without opening them. One that is not in it is unknown and has to be read."""
        self.bad_files: list[BadFile] = []
        self.missing: list[BadFile] = []
        """Files of the selection that a manifest lists and that are gone."""
        self._segments = segments
        self._share: Shared | None = None
        self._check()

    @classmethod
    def open(cls, root: Path, *, start: int | None = None, end: int | None = None) -> Snapshot:
        """Look at the store now.

        Args:
            root: folder of the store.
            start: µs UTC; files of samples and roll-ups of earlier dates are left out.
            end: µs UTC; likewise of later dates.

        Raises:
            StoreError: no store here, or one of a newer version.
        """
        layout = Layout(root.absolute())
        check_store(layout)
        share = Shared(layout)
        try:
            return cls._look(layout, share, start, end)
        except BaseException:
            share.release()
            raise

    @classmethod
    def _look(cls, layout: Layout, share: Shared, start: int | None, end: int | None) -> Snapshot:
        segments = spool.read_spool(layout)
        known = ledger.read(layout)
        # One that was sealed and then compacted since we opened it: its rows are in the file that took over.
        compacted = {segment_of(layout.root / name) for name in known.removed}
        segments = [segment for segment in segments if segment.name not in compacted]
        opened = {segment.name for segment in segments}
        files: dict[Table, list[Path]] = {}
        ranges: dict[Path, FileRange] = {}
        there: set[str] = set()
        for table in KINDS:
            dates = (_date(start), _date(end)) if table in _BY_DATE else (None, None)
            files[table] = []
            for path in counting(layout, known, list(layout.files(table, *dates))):
                name = path_of(layout, path)
                there.add(name)
                held = known.ranges.get(name)
                if segment_of(path) in opened or (table in _BY_DATE and _is_outside(held, start, end)):
                    continue
                files[table].append(path)
                if held is not None:
                    ranges[path] = held
        for name, path in _unnamed(layout, sorted(known.ranges.keys() - there), _date(start), _date(end)):
            there.add(name)
            if not _is_outside(known.ranges[name], start, end):
                files[ROLLUPS].append(path)
                ranges[path] = known.ranges[name]
        snapshot = cls(layout, segments, files, ranges)
        snapshot._share = share
        absent = sorted(known.ranges.keys() - there)
        snapshot.missing = _missing(layout, absent, opened, _date(start), _date(end))
        return snapshot

    def _check(self) -> None:
        for files in self.files.values():
            for path in list(files):
                cause = damage(path)
                if cause:
                    files.remove(path)
                    self.bad_files.append(BadFile(path, cause))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the segments' bytes, and of the files that compaction may want to delete."""
        self._segments = []
        if self._share is not None:
            self._share.release()

    @property
    def sample_files(self) -> list[Path]:
        """Sealed samples."""
        return self.files[SAMPLES]

    @property
    def gap_files(self) -> list[Path]:
        """Sealed gap rows."""
        return self.files[GAPS]

    @property
    def tag_files(self) -> list[Path]:
        """Sealed rows of the tag history."""
        return self.files[TAGS]

    @property
    def rollup_files(self) -> list[Path]:
        """Sealed roll-ups."""
        return self.files[ROLLUPS]

    @property
    def kept_files(self) -> list[Path]:
        """Sealed kept windows."""
        return self.files[KEPT]

    @property
    def has_unsealed(self) -> bool:
        """True when rows of any table stand in the spool only."""
        return any(has_rows(segment, table) for segment in self._segments for table in CAPTURED)

    @property
    def unsealed_rows(self) -> int:
        """Samples in the spool."""
        return sum(segment.rows for segment in self._segments)

    def unsealed(self, table: Table) -> pl.DataFrame | None:
        """Rows of a table in the spool, in the columns of `schema.COLUMNS`, or None."""
        if table == EVENTS or table == DISORDER:  # noqa: PLR1714, SIM109 - this form narrows the type
            return None
        segments = [segment for segment in self._segments if has_rows(segment, table)]
        if not segments:
            return None
        import polars as pl

        return pl.concat([rows_of(segment, table) for segment in segments])

    def unsealed_samples(self) -> pl.DataFrame | None:
        """Samples in the spool, or None."""
        return self.unsealed(SAMPLES)

    def unsealed_gaps(self) -> pl.DataFrame | None:
        """Gap rows in the spool, or None."""
        return self.unsealed(GAPS)

    def unsealed_tags(self) -> pl.DataFrame | None:
        """Rows of the tag history in the spool, or None."""
        return self.unsealed(TAGS)

    def unsealed_rollups(self) -> pl.DataFrame | None:
        """Roll-ups in the spool, or None."""
        return self.unsealed(ROLLUPS)

    def unsealed_kept(self) -> pl.DataFrame | None:
        """Kept windows in the spool, or None."""
        return self.unsealed(KEPT)


def _is_outside(known: FileRange | None, start: int | None, end: int | None) -> bool:
    """Whether a file of a table by date certainly has no row in [start, end]."""
    if known is None or known.ts_min is None or known.ts_max is None:
        return False
    return (start is not None and known.ts_max < start) or (end is not None and known.ts_min > end)


def _unnamed(layout: Layout, absent: list[str], first: date | None, last: date | None) -> Iterator[tuple[str, Path]]:
    """Roll-ups that took over from samples and that had no name yet when we looked: nothing else holds what they do."""
    for name in absent:
        path = layout.root / name
        day = date_of(path.parent)
        if not name.startswith(f"{ROLLUPS}/") or day is None or (first and day < first) or (last and day > last):
            continue
        for place in (path.with_name(path.name + EXPIRY_SUFFIX), path):  # it is renamed from the one to the other
            if place.exists():
                yield name, place
                break


def _missing(
    layout: Layout, absent: list[str], opened: set[SegmentName], first: date | None, last: date | None
) -> list[BadFile]:
    """What the store wrote and somebody took away; what was removed on purpose is not in the ledger."""
    missing = []
    for name in absent:
        path = layout.root / name
        day, segment = date_of(path.parent), segment_of(path)
        if segment in opened or day is None:
            continue
        if name.partition("/")[0] in _BY_DATE and ((first and day < first) or (last and day > last)):
            continue
        # An entry is written before its file gets its name: a seal or an import under way is no loss. The other copy
        # (the segment, the import's scratch file) goes last.
        if path.exists() or has_other_copy(layout, name) or path.exists():
            continue
        missing.append(BadFile(path, "it is gone, and a manifest of the store lists it"))
    return missing


def has_other_copy(layout: Layout, name: str) -> bool:
    """Whether the rows of a file that the manifest lists (`name`, relative) stand in a segment or in a scratch file."""
    segment = segment_of(layout.root / name)
    in_spool = segment is not None and layout.segment(segment).exists()
    return in_spool or any((layout.root / (name + suffix)).exists() for suffix in SOLE_COPIES)


def _date(ts_us: int | None) -> date | None:
    return None if ts_us is None else datetime.fromtimestamp(ts_us // 1_000_000, UTC).date()


def damage(path: Path) -> str:
    """Why a file cannot be Parquet, judged by its first and last bytes; "" when it may be."""
    try:
        with path.open("rb") as file:
            head = file.read(4)
            size = file.seek(0, 2)
            if size < _SMALLEST:
                return "too short for Parquet"
            file.seek(size - 4)
            tail = file.read(4)
    except OSError as error:
        return unreadable(path, error)
    return "" if head == tail == _PARQUET_MAGIC else "not a Parquet file, or cut off"


def unreadable(path: Path, error: OSError) -> str:
    """Why a file could not be read, in words; "" when it has gone."""
    if isinstance(error, FileNotFoundError):
        return "a link that leads nowhere" if path.is_symlink() else ""
    return "a folder, not a file" if path.is_dir() else str(error)
