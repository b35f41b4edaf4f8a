"""Names and places inside a store: the only module that knows what the folder looks like.

    store/
      store.toml                              format version
      samples/date=2026-11-21/raw-<segment>.parquet
      gaps/date=2026-11-21/raw-<segment>.parquet
      tags/date=2026-11-21/raw-<segment>.parquet
      rollups/date=2026-11-21/raw-<segment>.parquet
      kept/date=2026-11-21/raw-<segment>.parquet
      events/date=2026-11-21/raw-<segment>.parquet
      disorder/date=2026-11-21/raw-<segment>.parquet
      samples/date=2026-11-21/hour-14-<run>-<n>.parquet      of compaction: an hour; `day-<run>-<n>` holds more of a day
      manifest/<run>.log
      spool/<run>-<n>.seg                     not yet sealed
      spool/checkpoint.bin                    last row of each tag, open gaps
      run/                                    status and requests of a running capture, room for a full disk
      lock
      import/                                 lock and waiting rows of a running import
      audit/seen.json                         since when findings of audits are known
      baselines/<name>-v<number>.parquet      what audits hold for normal
      readers                                 lock that readers share
      upkeep                                  lock of compaction and whatever else replaces or removes files

A segment's name is `<run>-<n>`; a run's id begins with its start time, so that names sort by time.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Final, Literal

FORMAT: Final = 1
SEGMENT_FORMAT: Final = 2
"""2 = commits may hold roll-ups and kept windows. Sealed files are as ever, so the store's format stays; but an
older iiotctl that seals such a segment would drop those rows, so it must refuse the segment."""
Captured = Literal["samples", "gaps", "tags", "rollups", "kept"]
Table = Literal[Captured, "events", "disorder"]
SAMPLES: Final = "samples"
GAPS: Final = "gaps"
TAGS: Final = "tags"
ROLLUPS: Final = "rollups"
KEPT: Final = "kept"
EVENTS: Final = "events"
DISORDER: Final = "disorder"
CAPTURED: Final[tuple[Captured, ...]] = (SAMPLES, GAPS, TAGS, ROLLUPS, KEPT)
"""Tables whose rows a capture brings: they may stand in a segment. The rows of others are written sealed."""
KINDS: Final[tuple[Table, ...]] = (*CAPTURED, EVENTS, DISORDER)
TMP_SUFFIX: Final = ".tmp"
PART_SUFFIX: Final = ".part"
"""A file of an import that has not got its name yet; the next import finishes or removes it."""
SCRATCH_SUFFIX: Final = ".compact"
"""A file of a compaction that has not got its name yet; the next one removes it."""
EXPIRY_SUFFIX: Final = ".expiring"
"""Roll-ups that take the place of samples and have not got their name yet; the next retention finishes or removes them."""
SOLE_COPIES: Final = (PART_SUFFIX, EXPIRY_SUFFIX)
"""Of rows that a manifest knows there may be no other copy."""
LOCK_NAME: Final = "lock"
IMPORT_LOG: Final = "import-"
"""Begin of the name of an import's manifest."""
UPKEEP_LOG: Final = "upkeep-"
"""Begin of the name of a manifest of compaction or retention."""
GATHERED_LOG: Final = "gathered-"
"""Begin of the name of a manifest that stands for others."""

_SEGMENT: Final = re.compile(r"(?P<run>\d{8}T\d{6}Z-[0-9a-f]{8})-(?P<number>\d{6})")
_COMPACTED: Final = re.compile(r"(?:day|hour-\d\d)-(?P<segment>\d{8}T\d{6}Z-[0-9a-f]{8}-\d{6})")
_DAY_US: Final = 86_400_000_000


@dataclass(frozen=True, slots=True, order=True)
class SegmentName:
    """Name of a segment; everything sealed from it carries the name."""

    run: str
    number: int

    def __str__(self) -> str:
        return f"{self.run}-{self.number:06d}"

    @classmethod
    def parse(cls, text: str) -> SegmentName | None:
        """The name, or None when the text is not one."""
        match = _SEGMENT.fullmatch(text)
        return cls(match["run"], int(match["number"])) if match else None


@dataclass(frozen=True, slots=True)
class Layout:
    """Paths of one store."""

    root: Path

    @property
    def store_toml(self) -> Path:
        """Format version; its presence says that the folder is a store."""
        return self.root / "store.toml"

    @property
    def spool(self) -> Path:
        """Folder of segments."""
        return self.root / "spool"

    @property
    def checkpoint(self) -> Path:
        """Last row of each tag and the open gaps, as of the last seal."""
        return self.spool / "checkpoint.bin"

    @property
    def manifest(self) -> Path:
        """Folder of manifests."""
        return self.root / "manifest"

    @property
    def run(self) -> Path:
        """Folder of the running capture's status and requests."""
        return self.root / "run"

    @property
    def imports(self) -> Path:
        """Folder of an import: its lock, and rows that wait to be sorted."""
        return self.root / "import"

    @property
    def lock(self) -> Path:
        """Lock file of the capture that writes."""
        return self.root / LOCK_NAME

    @property
    def pushed(self) -> Path:
        """What stores have pushed to this one; only a target of `store push` has it."""
        return self.root / "pushed"

    @property
    def seen(self) -> Path:
        """Since when the findings of audits are known."""
        return self.root / "audit" / "seen.json"

    @property
    def baselines(self) -> Path:
        """Folder of frozen baselines, where no site file has one beside it."""
        return self.root / "baselines"

    @property
    def readers(self) -> Path:
        """Lock file that every reader shares while it reads."""
        return self.root / "readers"

    @property
    def upkeep(self) -> Path:
        """Lock file of whatever replaces or removes sealed files."""
        return self.root / "upkeep"

    def upkeep_log(self, run: str) -> Path:
        """Manifest of a run of compaction or retention."""
        return self.manifest / f"{UPKEEP_LOG}{run}.log"

    def gathered_log(self, run: str) -> Path:
        """Manifest that stands for others, made by a run."""
        return self.manifest / f"{GATHERED_LOG}{run}.log"

    def compacted(self, kind: str, day: date, hour: int | None, name: SegmentName) -> Path:
        """Path of a file that stands for others: of one hour (UTC), or with None of more of the date."""
        prefix = "day" if hour is None else f"hour-{hour:02d}"
        return self.root / kind / f"date={day.isoformat()}" / f"{prefix}-{name}.parquet"

    def segment(self, name: SegmentName) -> Path:
        """Path of a segment."""
        return self.spool / f"{name}.seg"

    def sealed(self, kind: str, day: date, name: SegmentName) -> Path:
        """Path of the Parquet file that holds a segment's rows of one UTC date."""
        return self.root / kind / f"date={day.isoformat()}" / f"raw-{name}.parquet"

    def segments(self) -> list[tuple[SegmentName, Path]]:
        """Segments in the spool, oldest first."""
        if not self.spool.is_dir():
            return []
        return sorted(
            (name, path)
            for path in self.spool.iterdir()
            if path.suffix == ".seg" and (name := SegmentName.parse(path.stem))
        )

    def files(self, kind: str, first: date | None = None, last: date | None = None) -> Iterator[Path]:
        """Parquet files of a kind whose UTC date lies between two dates, oldest first."""
        folder = self.root / kind
        if not folder.is_dir():
            return
        for day in sorted(folder.glob("date=*")):
            when = date_of(day)
            if when is None or (first and when < first) or (last and when > last):
                continue
            yield from sorted(day.glob("*.parquet"))


def date_of(folder: Path) -> date | None:
    """The date in a folder's name `date=2026-11-21`, or None."""
    try:
        return date.fromisoformat(folder.name.removeprefix("date="))
    except ValueError:
        return None


def segment_of(path: Path) -> SegmentName | None:
    """The segment that a sealed file was made from, or None for other files."""
    return SegmentName.parse(path.stem.removeprefix("raw-")) if path.stem.startswith("raw-") else None


def compacted_by(path: Path) -> SegmentName | None:
    """Run and number of the file of a compaction, or None for other files."""
    match = _COMPACTED.fullmatch(path.stem)
    return SegmentName.parse(match["segment"]) if match else None


def is_day_file(path: Path) -> bool:
    """Whether compaction made the file of more than an hour."""
    return path.stem.startswith("day-") and compacted_by(path) is not None


def is_capture_log(log: Path) -> bool:
    """Whether a manifest is that of a capture; others leave no spool and no checkpoint behind."""
    return not log.name.startswith((IMPORT_LOG, UPKEEP_LOG, GATHERED_LOG))


def is_gathered(log: Path) -> bool:
    """Whether a manifest stands for others."""
    return log.name.startswith(GATHERED_LOG)


def day_number(ts_us: int) -> int:
    """Days since 1970-01-01 of a time in µs UTC."""
    return ts_us // _DAY_US


def day_of(number: int) -> date:
    """The date of a day number."""
    return date.fromordinal(number + date(1970, 1, 1).toordinal())


def new_run(now_us: int, token: str) -> str:
    """Id of a run that begins now; `token` is eight random hexadecimal digits."""
    return f"{datetime.fromtimestamp(now_us // 1_000_000, UTC):%Y%m%dT%H%M%SZ}-{token}"
