"""A request for aggregates, and its answer: tag by tag, in blocks that fit into memory whatever the range."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

import numpy as np

from iiotctl import quality
from iiotctl.history import series
from iiotctl.history.aggregates.base import RESOLUTION_US, Configuration, Function, Ints, Outcome
from iiotctl.history.aggregates.frame import Frame
from iiotctl.history.sql.connect import quoted
from iiotctl.history.sql.views import literal
from iiotctl.history.time.intervals import Intervals, intervals, parse_every
from iiotctl.history.time.sitetime import UTC_TIME, SiteTime

if TYPE_CHECKING:
    import duckdb

    from iiotctl.history.series import Series
    from iiotctl.history.sql.reader import Reader
    from iiotctl.history.tagfacts import TagFacts

BLOCK_ROWS: Final = 2_000_000
"""Samples that are held at once."""
_FIRST_TAGS: Final = 8
"""How many tags are read at once, before it is known how dense their samples are."""
_MOST_TAGS: Final = 64
_BLOCK_INTERVALS: Final = 100_000
_FIRST_SPAN_US: Final = 8 * 24 * 3_600_000_000
"""How much time the first block takes, before it is known how dense the samples are."""


@dataclass(frozen=True, slots=True)
class Request:
    """What to calculate.

    Attributes:
        functions: which aggregates.
        start: µs UTC, earlier end of the range.
        end: µs UTC, later end.
        every: interval as typed; None = one interval over each range.
        windows: stretches [start, end) to look at instead of the whole range, each cut into intervals by itself.
        descending: time runs backwards.
        configuration: of the aggregates.
        stepped: for all tags; None = as each tag is.
        bridge_gaps: take no notice of recorded gaps.
        rollover: reading at which counters begin again; None = as each tag says.
        zone: of calendar intervals.
        from_first: there is no sample before `start`.
        to_last: there is none from `end` on.
    """

    functions: Sequence[Function]
    start: int
    end: int
    every: str | None = None
    windows: Sequence[tuple[int, int]] | None = None
    descending: bool = False
    configuration: Configuration = field(default_factory=Configuration)
    stepped: bool | None = None
    bridge_gaps: bool = False
    rollover: float | None = None
    zone: SiteTime = UTC_TIME
    from_first: bool = False
    to_last: bool = False

    def intervals(self) -> Intervals:
        """The intervals, in the direction asked for.

        Raises:
            UsageError: `bad-interval`, `too-many-intervals`, `no-shifts`.
        """
        stretches = [(self.start, self.end)] if self.windows is None else list(self.windows)
        if self.descending:
            stretches = stretches[::-1]
        parts = [self._of(start, end) for start, end in stretches]
        if len(parts) == 1:
            return parts[0]
        return Intervals(
            np.concatenate([part.starts for part in parts]),
            np.concatenate([part.ends for part in parts]),
            np.concatenate([part.partial for part in parts]),
        )

    def _of(self, start: int, end: int) -> Intervals:
        if self.every is None:
            return Intervals(np.array([start]), np.array([end]), np.zeros(1, bool))
        return intervals(start, end, self.every, self.zone, descending=self.descending)


@dataclass(frozen=True, slots=True)
class Block:
    """Results of one tag over some of the intervals.

    Attributes:
        tag: which.
        start: (m,) µs UTC, where each interval starts in the direction of time.
        end: (m,) where it ends.
        outcomes: one for each function of the request.
    """

    tag: TagFacts
    start: Ints
    end: Ints
    outcomes: Sequence[Outcome]


def answers(reader: Reader, request: Request, tags: Sequence[TagFacts], wanted: Intervals) -> Iterator[Block]:
    """Results of tags in the order given; as many tags are read at once as memory does not notice.

    Raises:
        StoreError: no store; a file went away meanwhile.
    """
    place, number = 0, _FIRST_TAGS
    while place < len(tags):
        group = tags[place : place + number]
        if len(group) == 1 or request.windows is not None or not 0 < len(wanted) <= _BLOCK_INTERVALS:
            for tag in group:
                yield from answer(reader, request, tag, wanted)
        else:
            read = _samples(reader, request, [tag.tag for tag in group], wanted, BLOCK_ROWS)
            if read is None:
                number = len(group) // 2
                continue
            for tag, samples in zip(group, read, strict=True):
                yield _block(request, tag, wanted, samples)
            if sum(len(samples.ts) for samples in read) < BLOCK_ROWS // 2:
                number = min(number * 2, _MOST_TAGS)
        place += len(group)


def answer(reader: Reader, request: Request, tag: TagFacts, wanted: Intervals) -> Iterator[Block]:
    """Results of one tag, block by block, in the order of the intervals.

    Raises:
        StoreError: no store; a file went away meanwhile.
    """
    place, span = 0, _FIRST_SPAN_US
    while place < len(wanted):
        stop = _stop(wanted, place, span, descending=request.descending)
        some = Intervals(wanted.starts[place:stop], wanted.ends[place:stop], wanted.partial[place:stop])
        read = _samples(reader, request, [tag.tag], some, BLOCK_ROWS if stop - place > 1 else None)
        if read is None:
            span = max(int(some.ends.max() - some.starts.min()) // 4, 1)
            continue
        (samples,) = read
        yield _block(request, tag, some, samples)
        if len(samples.ts) < BLOCK_ROWS // 4:
            span *= 2
        place = stop


def _samples(
    reader: Reader, request: Request, tags: Sequence[str], wanted: Intervals, most: int | None
) -> list[Series] | None:
    """What the results of some intervals are made of; None when that is too much at once."""
    low, high = int(wanted.starts.min()), int(wanted.ends.max())
    reach = max(function.reach for function in request.functions)
    return series.read_up_to(
        reader,
        tags,
        low,
        high,
        most,
        good_before=0 if request.from_first and low == request.start else max(reach, 2),
        good_after=0 if request.to_last and high == request.end else max(reach, 1),
        gaps=not request.bridge_gaps,
    )


def _block(request: Request, tag: TagFacts, wanted: Intervals, samples: Series) -> Block:
    frame = Frame.of(
        samples,
        wanted.starts,
        wanted.ends,
        wanted.partial,
        backward=request.descending,
        stepped=tag.stepped if request.stepped is None else request.stepped,
        configuration=request.configuration,
        rollover=tag.rollover if request.rollover is None else request.rollover,
    )
    starts, ends = (wanted.ends, wanted.starts) if request.descending else (wanted.starts, wanted.ends)
    with np.errstate(over="ignore", invalid="ignore"):
        return Block(tag, starts, ends, [function.compute(frame) for function in request.functions])


def _stop(wanted: Intervals, place: int, span: int, *, descending: bool) -> int:
    """Index behind the last interval that lies within `span` of the one at `place`; at least one is taken."""
    most = min(len(wanted), place + _BLOCK_INTERVALS)
    if descending:
        inside = wanted.starts[place:most] >= wanted.ends[place] - span
    else:
        inside = wanted.ends[place:most] <= wanted.starts[place] + span
    return place + max(int(np.count_nonzero(inside)), 1)


def whole_range(reader: Reader, tags: Sequence[TagFacts], request: Request, *, start: bool, end: bool) -> Request:
    """A request with its open ends set by the data.

    Intervals of fixed length then begin at whole multiples of their length in UTC, before the first sample; the range
    ends with the interval that holds the last one. Else it ends one millisecond behind that.

    Args:
        reader: over the whole store.
        tags: whose data.
        request: with any number where an end is open.
        start: the earlier end is open.
        end: the later end is open.
    """
    first, last = _extent(reader, tags)
    if first is None or last is None:
        first = last = request.end if start else request.start
    fixed = _fixed(request.every)
    low, high = request.start, request.end
    if start:
        low = first - first % fixed if fixed else first
    if end:
        high = last + RESOLUTION_US
        if fixed:
            high = low + -(-(last + 1 - low) // fixed) * fixed
    return replace(request, start=low, end=high, from_first=start, to_last=end)


def _fixed(every: str | None) -> int | None:
    """Length of intervals of fixed length, µs."""
    if every is None:
        return None
    chosen = parse_every(every)
    return None if chosen.is_calendar or chosen.step is None else chosen.step.count


def _extent(reader: Reader, tags: Sequence[TagFacts]) -> tuple[int | None, int | None]:
    names = {tag.tag for tag in tags}

    def work(connection: object) -> tuple[int | None, int | None]:
        source = reader.source("samples", tags=names)
        listed = ", ".join(quoted(name) for name in sorted(names))
        row = connection.execute(  # type: ignore[attr-defined]
            f"SELECT epoch_us(min(ts)), epoch_us(max(ts)) FROM {source} WHERE tag IN ({listed})"
        ).fetchone()
        return row[0], row[1]

    return reader.ask(work)


def highest(reader: Reader, tags: Sequence[TagFacts], start: int, end: int) -> dict[str, float]:
    """The highest value that is not Bad of each tag that has one in [start, end), µs UTC.

    Raises:
        StoreError: no store; a file went away meanwhile.
    """
    names = {tag.tag for tag in tags}

    def work(connection: duckdb.DuckDBPyConnection) -> dict[str, float]:
        source, listed = reader.source("samples", start=start, end=end, tags=names), ", ".join(map(quoted, names))
        limits = f"ts >= {literal(start)} AND ts < {literal(end)} AND quality < {quality.BAD} AND isfinite(value)"
        sql = f"SELECT tag, max(value) FROM {source} WHERE tag IN ({listed}) AND {limits} GROUP BY tag"
        return dict(connection.execute(sql).fetchall())

    return reader.ask(work)


def holding_texts(reader: Reader, tags: Sequence[TagFacts]) -> set[str]:
    """Which of the tags are of texts: by their type, and where that is unknown by the newest sample that is not empty.

    Raises:
        StoreError: no store; a file went away meanwhile.
    """
    typed = {tag.tag for tag in tags if tag.type.lower().startswith("string")}
    unknown = {tag.tag for tag in tags if not tag.type}

    def work(connection: duckdb.DuckDBPyConnection) -> set[str]:
        def those(among: set[str], filter_: str, having: str = "") -> set[str]:
            if not among:
                return set()
            source, listed = reader.source("samples", tags=among), ", ".join(map(quoted, sorted(among)))
            sql = f"SELECT tag FROM {source} WHERE tag IN ({listed}) AND {filter_} GROUP BY tag {having}"
            return {row[0] for row in connection.execute(sql).fetchall()}

        some = those(unknown, "text IS NOT NULL")  # mostly none, which the statistics of the files tell
        return those(some, "(value IS NOT NULL OR text IS NOT NULL)", "HAVING arg_max(value IS NULL, ts)")

    return typed | reader.ask(work) if unknown else typed
