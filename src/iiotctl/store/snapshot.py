"""A consistent picture of the store while capture goes on: every committed row once.

The order is the proof (design §4.3): first the spool is listed and every segment opened and read up to its
size at that moment, then the sealed files are listed. A segment that could be opened is the truth for its
name, and sealed files of that name are ignored; one that has vanished was sealed before the second listing.
The sealer deletes a segment last.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self

from iiotctl.store import manifest, spool
from iiotctl.store.layout import GAPS, SAMPLES, TAGS, Layout, SegmentName, date_of, segment_of
from iiotctl.store.schema import gaps_frame, tags_frame
from iiotctl.store.writer import check_store

if TYPE_CHECKING:
    import polars as pl

_PARQUET_MAGIC: Final = b"PAR1"
_SMALLEST: Final = 12


@dataclass(frozen=True, slots=True)
class BadFile:
    """A file that a query must leave out, and why."""

    path: Path
    cause: str


class Snapshot:
    """What a reader sees. Make one with `open`; use as a context manager."""

    def __init__(self, layout: Layout, segments: list[spool.Segment], files: dict[str, list[Path]]) -> None:
        self.root = layout.root
        self.sample_files = files[SAMPLES]
        self.gap_files = files[GAPS]
        self.tag_files = files[TAGS]
        self.bad_files: list[BadFile] = []
        self.missing: list[BadFile] = []
        """Files of the selection that a manifest lists and that are gone."""
        self._segments = segments
        self._check()

    @classmethod
    def open(cls, root: Path, *, start: int | None = None, end: int | None = None) -> Snapshot:
        """Look at the store now.

        Args:
            root: folder of the store.
            start: µs UTC; sample files of earlier dates are left out.
            end: µs UTC; sample files of later dates are left out.

        Raises:
            StoreError: no store here, or one of a newer version.
        """
        layout = Layout(root.absolute())
        check_store(layout)
        segments = spool.read_spool(layout)
        opened = {segment.name for segment in segments}
        files = {
            SAMPLES: _without(opened, layout.files(SAMPLES, _date(start), _date(end))),
            GAPS: _without(opened, layout.files(GAPS)),
            TAGS: _without(opened, layout.files(TAGS)),
        }
        snapshot = cls(layout, segments, files)
        snapshot.missing = _missing(layout, opened, _date(start), _date(end))
        return snapshot

    def _check(self) -> None:
        for files in (self.sample_files, self.gap_files, self.tag_files):
            for path in list(files):
                cause = _damage(path)
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
        """Let go of the segments' bytes."""
        self._segments = []

    @property
    def has_unsealed(self) -> bool:
        """True when rows of any table stand in the spool only."""
        return any(segment.rows or segment.gaps or segment.changes for segment in self._segments)

    @property
    def unsealed_rows(self) -> int:
        """Samples in the spool."""
        return sum(segment.rows for segment in self._segments)

    def unsealed_samples(self) -> pl.DataFrame | None:
        """Samples in the spool in the columns of `schema.SAMPLE_COLUMNS`, or None."""
        frames = [segment.samples() for segment in self._segments if segment.rows]
        if not frames:
            return None
        import polars as pl

        return pl.concat(frames)

    def unsealed_gaps(self) -> pl.DataFrame | None:
        """Gap rows in the spool in the columns of `schema.GAP_COLUMNS`, or None."""
        frames = [gaps_frame(segment.gaps, segment.site) for segment in self._segments if segment.gaps]
        if not frames:
            return None
        import polars as pl

        return pl.concat(frames)

    def unsealed_tags(self) -> pl.DataFrame | None:
        """Tag rows in the spool in the columns of `schema.TAG_COLUMNS`, or None."""
        frames = []
        for segment in self._segments:
            rows = [
                (row, change.valid_from) for change in segment.changes for row in change.rows if row.tag in change.new
            ]
            if rows:
                frames.append(tags_frame(rows, segment.site))
        if not frames:
            return None
        import polars as pl

        return pl.concat(frames)


def _without(opened: set[SegmentName], files: Iterable[Path]) -> list[Path]:
    return [path for path in files if segment_of(path) not in opened]


def _missing(layout: Layout, opened: set[SegmentName], first: date | None, last: date | None) -> list[BadFile]:
    """What the store wrote and somebody took away. Whatever removes files on purpose is to be honoured here."""
    missing = []
    for name in sorted(manifest.paths(layout)):
        path = layout.root / name
        day, segment = date_of(path.parent), segment_of(path)
        if segment in opened or day is None:
            continue
        if name.startswith(f"{SAMPLES}/") and ((first and day < first) or (last and day > last)):
            continue
        # An entry is written before its file gets its name, and the segment goes last: a seal under way is no loss.
        if path.exists() or (segment and layout.segment(segment).exists()) or path.exists():
            continue
        missing.append(BadFile(path, "it is gone, and a manifest of the store lists it"))
    return missing


def _date(ts_us: int | None) -> date | None:
    return None if ts_us is None else datetime.fromtimestamp(ts_us // 1_000_000, UTC).date()


def _damage(path: Path) -> str:
    """Why a file cannot be Parquet, judged by its first and last bytes; "" when it may be."""
    try:
        with path.open("rb") as file:
            head = file.read(4)
            size = file.seek(0, 2)
            if size < _SMALLEST:
                return "too short for Parquet"
            file.seek(size - 4)
            tail = file.read(4)
    except FileNotFoundError:
        return ""
    except OSError as error:
        return str(error)
    return "" if head == tail == _PARQUET_MAGIC else "not a Parquet file, or cut off"
