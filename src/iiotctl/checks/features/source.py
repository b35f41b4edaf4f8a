"""The samples of a store as batches of several tags, tag by tag in the order of time, with constant memory.

Files of a store are sorted by (tag, ts) and lie in folders of UTC dates. Those that overlap in time make an epoch;
epochs follow each other. Of an epoch the tags are counted first, so that each batch reads just its rows of each file,
and never the column of names again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import accumulate, pairwise, takewhile
from pathlib import Path
from typing import TYPE_CHECKING, Final

from iiotctl.checks.features.columns import DAY
from iiotctl.checks.features.samples import NOT_RECEIVED, Samples, by_time, joined
from iiotctl.events import Event
from iiotctl.history.sql.omission import left_out
from iiotctl.store.layout import date_of
from iiotctl.store.snapshot import Snapshot

if TYPE_CHECKING:
    import polars as pl

BATCH_ROWS: Final = 1 << 20
"""Rows that are in memory at once for each thread, about."""
_COUNT_ROWS: Final = 4 << 20
"""Rows whose names are looked at at once."""
_EPOCH_ROWS: Final = 4 << 20
_EPOCH_FILES: Final = 4
"""Short epochs are put together up to about so many rows or files: each tag of each epoch costs some."""

Notice = Callable[[Event], None]


@dataclass(slots=True)
class Epoch:
    """Files, and rows of the spool, that overlap in time.

    Attributes:
        start, end: µs UTC, of what they hold; both ends included.
        rows: about how many; files that nobody knows anything about count as none.
        files: sealed.
        unsealed: rows of the spool, sorted.
    """

    start: int
    end: int
    rows: int = 0
    files: list[Path] = field(default_factory=list)
    unsealed: list[pl.DataFrame] = field(default_factory=list)

    def has_room(self, other: Epoch) -> bool:
        """Whether both together are still worth to be one: few rows, or few files of which each batch reads much."""
        return self.rows + other.rows <= _EPOCH_ROWS or len(self.files) + len(other.files) <= _EPOCH_FILES

    def take(self, other: Epoch) -> None:
        """Become both."""
        self.start, self.end = min(self.start, other.start), max(self.end, other.end)
        self.rows += other.rows
        self.files += other.files
        self.unsealed += other.unsealed


def epochs(snapshot: Snapshot) -> list[Epoch]:
    """What a snapshot holds of samples, in the order of time."""
    parts = []
    for path in snapshot.sample_files:
        held = snapshot.ranges.get(path)
        day = date_of(path.parent)
        if held is not None and held.ts_min is not None and held.ts_max is not None:
            parts.append(Epoch(held.ts_min, held.ts_max, held.rows, [path]))
        elif day is not None:
            first = (day.toordinal() - _ORDINAL_1970) * DAY
            parts.append(Epoch(first, first + DAY - 1, 0, [path]))
        else:
            parts.append(Epoch(-(2**62), 2**62, 0, [path]))
    parts += _of_spool(snapshot)
    found: list[Epoch] = []
    for part in sorted(parts, key=lambda one: (one.start, one.files)):
        if found and (part.start <= found[-1].end or found[-1].has_room(part)):
            found[-1].take(part)
        else:
            found.append(part)
    return found


_ORDINAL_1970: Final = 719_163
"""1970-01-01 as `date.toordinal` counts."""


def _of_spool(snapshot: Snapshot) -> list[Epoch]:
    import polars as pl

    frame = snapshot.unsealed_samples()
    if frame is None or frame.is_empty():
        return []
    frame = frame.sort("tag", "ts", maintain_order=True)
    days = frame.select(pl.col("ts").to_physical() // DAY).to_series()
    found = []
    for day in days.unique().sort().to_list():
        part = frame.filter(days == day)
        times = part["ts"].to_physical()
        found.append(Epoch(int(times.min()), int(times.max()), len(part), [], [part]))  # type: ignore[arg-type]
    return found


class Vanished(Exception):  # noqa: N818 - an event, not an error
    """A file went away between planning and reading: compaction replaced it, where readers cannot lock."""


@dataclass(frozen=True, slots=True)
class _Origin:
    """A file, or rows of the spool, with where each tag's rows stand in it: those between a tag's two bounds."""

    rows: pl.LazyFrame
    path: Path | None
    places: Mapping[str, tuple[int, int]]


@dataclass(frozen=True, slots=True)
class Job:
    """Tags that are read together.

    Attributes:
        tags: names, ascending.
        origins: that hold rows of them.
    """

    tags: Sequence[str]
    origins: Sequence[_Origin]


@dataclass(slots=True)
class Source:
    """Reads the samples of a store.

    Args:
        notice: is told of files that had to be left out.
        start, end: µs UTC, rows in [start, end) are read.
        wanted: names; None = all.
        arrival: read `ts_received` too.

    Attributes:
        after: µs UTC by tag; rows up to then have been read before.
        patient: a file that goes away is no reason to look at the store again.
        without: files that are left out.
    """

    notice: Notice
    start: int
    end: int
    wanted: frozenset[str] | None = None
    arrival: bool = False
    after: Mapping[str, int] = field(default_factory=dict)
    patient: bool = False
    without: set[Path] = field(default_factory=set)

    def jobs(self, epoch: Epoch) -> list[Job]:
        """How to read an epoch; the jobs share no tag, so they may be done at the same time."""
        import polars as pl

        origins = [self._counted(frame.lazy(), None) for frame in epoch.unsealed]
        for path in epoch.files:
            if path not in self.without:
                with self._watched(path):
                    rows = pl.scan_parquet(path, glob=False, hive_partitioning=False)
                    origins.append(self._counted(rows, path))
        # rows of the spool came after those of the files
        origins = origins[len(epoch.unsealed) :] + origins[: len(epoch.unsealed)]
        counts: dict[str, int] = {}
        for origin in origins:
            for tag, (first, stop) in origin.places.items():
                counts[tag] = counts.get(tag, 0) + stop - first
        names = sorted(counts)
        most = max(1, min(BATCH_ROWS, -(-sum(counts.values()) // 2)))
        jobs: list[Job] = []
        while names:
            sums = accumulate(counts[name] for name in names)
            take = max(1, sum(1 for _ in takewhile(lambda rows: rows <= most, sums)))
            chosen, names = names[:take], names[take:]
            of = [origin for origin in origins if not origin.places.keys().isdisjoint(chosen)]
            jobs.append(Job(chosen, of))
        return jobs

    def _counted(self, rows: pl.LazyFrame, path: Path | None) -> _Origin:
        """Where the tags stand; rows that are not by (tag, ts), as only foreign files are, are put in order first."""
        import polars as pl

        places: dict[str, tuple[int, int]] = {}
        at = 0
        total = rows.select(pl.len()).collect().item()
        while at < total:
            runs = rows.slice(at, _COUNT_ROWS).select(pl.col("tag").rle()).collect().to_series().struct.unnest()
            for length, tag in runs.iter_rows():
                first, stop = places.get(tag, (at, at))
                if stop != at:
                    return self._counted(rows.sort("tag", "ts", maintain_order=True).collect().lazy(), path)
                places[tag] = (first, at + length)
                at += length
        if self.wanted is not None:
            places = {tag: place for tag, place in places.items() if tag in self.wanted}
        return _Origin(rows, path, places)

    def read(self, job: Job) -> Iterator[dict[str, Samples]]:
        """The rows of a job: one batch, or several one after the other where a single tag has very many."""
        (tag,) = job.tags if len(job.tags) == 1 else (None,)
        if tag is not None and len(job.origins) == 1:
            (origin,) = job.origins
            first, stop = origin.places[tag]
            for low in range(first, stop, BATCH_ROWS):
                part = _Origin(origin.rows, origin.path, {tag: (low, min(stop, low + BATCH_ROWS))})
                yield self._batch(Job(job.tags, [part]))
        else:
            yield self._batch(job)

    def _batch(self, job: Job) -> dict[str, Samples]:
        found: dict[str, list[Samples]] = {tag: [] for tag in job.tags}
        for origin in job.origins:
            with self._watched(origin.path):
                for tags, rows in self._stretches(origin, job.tags):
                    base = origin.places[tags[0]][0]
                    for tag in tags:
                        first, stop = origin.places[tag]
                        found[tag].append(rows[first - base : stop - base])
        return {tag: self._in_range(tag, by_time(joined(parts))) for tag, parts in found.items()}

    def _stretches(self, origin: _Origin, tags: Sequence[str]) -> Iterator[tuple[list[str], Samples]]:
        """Tags that stand next to each other in a file are read at once."""
        here = [tag for tag in tags if tag in origin.places]
        while here:
            take = 1 + sum(
                1
                for _ in takewhile(lambda pair: origin.places[pair[0]][1] == origin.places[pair[1]][0], pairwise(here))
            )
            together, here = here[:take], here[take:]
            yield together, self._rows(origin, origin.places[together[0]][0], origin.places[together[-1]][1])

    def _rows(self, origin: _Origin, first: int, stop: int) -> Samples:
        import polars as pl

        columns = [
            pl.col("ts").to_physical(),
            pl.col("value").fill_null(float("nan")),
            pl.col("quality").fill_null(0),
        ]
        if self.arrival:
            columns.append(pl.col("ts_received").to_physical())
        frame = origin.rows.slice(first, stop - first).select(columns).collect()
        received = None
        if self.arrival and frame["ts_received"].null_count() < len(frame):
            received = frame["ts_received"].fill_null(NOT_RECEIVED).to_numpy()
        return Samples(frame["ts"].to_numpy(), frame["value"].to_numpy(), frame["quality"].to_numpy(), received)

    def _in_range(self, tag: str, samples: Samples) -> Samples:
        start = max(self.start, self.after.get(tag, self.start - 1) + 1)
        first, stop = samples.ts.searchsorted([start, self.end])
        return samples if first == 0 and stop == len(samples) else samples[first:stop]

    @contextmanager
    def _watched(self, path: Path | None) -> Iterator[None]:
        """A file that cannot be read is left out from then on, and named.

        Raises:
            Vanished: it went away; what took its place may be there.
        """
        import polars as pl

        try:
            yield
        except (pl.exceptions.PolarsError, OSError) as error:
            if path is None:
                raise
            if isinstance(error, FileNotFoundError) and not self.patient:
                raise Vanished from error
            self.leave_out(path, cause_of(error))

    def leave_out(self, path: Path, cause: str) -> None:
        """A file that is not read, or no further."""
        if path not in self.without:
            self.without.add(path)
            self.notice(left_out(path, cause))


def cause_of(error: Exception) -> str:
    """Why a file could not be read, in words."""
    if isinstance(error, FileNotFoundError):
        return "it went away while it was read"
    return f"damaged ({str(error).partition(chr(10))[0]})"
