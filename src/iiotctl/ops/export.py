"""`export`: samples of tags, as recorded or by another mode of retrieval, as rows in any format."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from iiotctl.errors import IncompleteError, UsageError
from iiotctl.events import Event
from iiotctl.history.retrieval import chosen, chunks, texts
from iiotctl.history.retrieval.block import Block, joined
from iiotctl.history.retrieval.request import Boundary, Mode, Request, check_width, word
from iiotctl.history.retrieval.retrieve import retrieve, retrieve_all
from iiotctl.history.sql.omission import Omissions
from iiotctl.history.sql.reader import Reader, Selection
from iiotctl.history.sql.views import OF_VERBS
from iiotctl.history.tagfacts import TagFacts
from iiotctl.history.time import times
from iiotctl.history.time.sitetime import UTC_TIME, SiteTime
from iiotctl.quality import BAD
from iiotctl.reports import output as reports
from iiotctl.reports import streamed, target
from iiotctl.reports.base import Sheet
from iiotctl.reports.plots import drawable
from iiotctl.reports.rows import Column, Rows

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import polars as pl

_ROWS: Final = 100_000
"""Rows of several tags that go out together."""
_CELLS: Final = 1_000_000
"""Values of a wide table that are in memory at a time."""


@dataclass(frozen=True, slots=True)
class Order:
    """What to export, and where it goes.

    Attributes:
        store: folder of the store.
        tags: names or patterns.
        format: as of `query`.
        output: file; None or `-` = stdout.
        mode: raw, interpolated, plot or lttb; None = interpolated with `every`, else raw.
        every: distance of interpolated values: `1min`, `1d`, `shift`.
        boundary: inside, outside or interpolated.
        start: `--from` as typed; None = from the first sample.
        end: `--to` as typed; None = to the last sample. Before `start`: newest first.
        until_now: an `end` of None means now; then there is a `start`.
        width: intervals of plot mode, samples of lttb mode.
        wide: a column for each tag, a row for each time of a grid.
        stepped: hold the value between samples, or not; None = by tag.
        during: only while an event of this name lasted.
        zone: of times without offset, of days and shifts.
        force: replace an existing output file.
        color: styles are allowed in tables.
        strict: fail after the result when files had to be left out.
        sheet: what a workbook and CSV for Excel need to know.
    """

    store: Path
    tags: Sequence[str]
    format: str = "table"
    output: Path | None = None
    mode: str | None = None
    every: str | None = None
    boundary: str = "inside"
    start: str | None = None
    end: str | None = None
    until_now: bool = False
    width: int = 1000
    wide: bool = False
    stepped: bool | None = None
    during: str | None = None
    zone: SiteTime = UTC_TIME
    force: bool = False
    color: bool = False
    strict: bool = False
    sheet: Sheet = field(default_factory=Sheet)


@dataclass(slots=True)
class Exported:
    """What was written.

    Attributes:
        rows: how many.
        tags: how many tags they are of.
        not_good: rows (of a wide table: rows with a cell) whose quality is not Good.
    """

    rows: int = 0
    tags: int = 0
    not_good: int = 0


def run(
    order: Order,
    notice: Callable[[Event], None],
    *,
    now_us: Callable[[], int] = lambda: time.time_ns() // 1000,
) -> Exported:
    """Retrieve and write.

    Args:
        order: what and where.
        notice: is told about files and tags that had to be left out.
        now_us: wall clock, µs UTC.

    Raises:
        UsageError: a flag is wrong; the output exists or lies in the store.
        IncompleteError: `no-tags`; no such event; `no-samples` when there were no rows to write.
        StoreError: no store; `store-incomplete` with `strict`.
        BrokenPipeError: the reader of stdout has gone.
    """
    mode, boundary = _mode(order), word(Boundary, order.boundary, "--boundary")
    _check(order, mode, boundary)
    target.check_place(order.output, force=order.force)
    reports.check(order.format, order.output, order.sheet.excel)
    within = _within(order, now_us(), notice)
    # neighbours may lie anywhere; without them only the files of the range matter
    alone = mode is not Mode.INTERPOLATED and boundary is Boundary.INSIDE
    selection = Selection(order.store, within.start, within.end) if alone else Selection(order.store)
    omissions = Omissions(notice)
    with Reader(selection, omissions, only=OF_VERBS) as reader:
        tags = chosen.tags(reader, order.tags, mode, notice)
        start, end = chosen.bounds(reader, tags, within, order.during)
        request = Request(
            start,
            end,
            mode,
            descending=within.descending,
            boundary=boundary,
            times=chosen.grid(start, end, chosen.every(order.every), order.zone, descending=within.descending)
            if mode is Mode.INTERPOLATED
            else None,
            width=order.width,
            stepped=order.stepped,
            windows=chosen.windows(reader, order.during, start, end),
            text=mode is not Mode.INTERPOLATED,
        )
        table: _Long | _Wide = (_Wide if order.wide else _Long)(reader, tags, request)
        _write(table, order)
        texts.tell(texts.counts(reader, [facts.tag for facts in tags], request), request, notice)
    omissions.end(order.store, strict=order.strict)
    if not table.done.rows:
        raise _nothing(order, [facts.tag for facts in tags], within)
    return table.done


def _within(order: Order, now_us: int, notice: Callable[[Event], None]) -> times.Range:
    if order.until_now and order.start is not None:
        return times.parse_until_now(order.start, order.end, now_us, zone=order.zone, notice=notice)
    return times.parse_range(order.start, order.end, now_us, zone=order.zone, notice=notice)


def _nothing(order: Order, tags: Sequence[str], within: times.Range) -> IncompleteError:
    """What to say of rows of which there are none."""
    named = tags[: drawable.MOST_NAMED]
    start, end = within.start, within.end
    with Reader(Selection(order.store), lambda event: None, only=OF_VERBS) as reader:  # noqa: ARG005
        before = [chunks.neighbour(reader, tag, start, forward=False) for tag in named if start is not None]
        after = [chunks.neighbour(reader, tag, end, forward=True) for tag in named if end is not None]
        both = [] if start is None or end is None else [chunks.gaps(reader, tag, start, end) for tag in named]
    return drawable.nothing(
        tags,
        within,
        order.zone.tz,
        last=max((int(block.ts[0]) for block in before if block is not None), default=None),
        next_=min((int(block.ts[0]) for block in after if block is not None), default=None),
        reasons=sorted({reason for gaps in both for _, _, reason in gaps}),
        during=order.during,
    )


def _mode(order: Order) -> Mode:
    if order.mode is not None:
        return word(Mode, order.mode, "--mode")
    return Mode.INTERPOLATED if order.every is not None or order.wide else Mode.RAW


def _check(order: Order, mode: Mode, boundary: Boundary) -> None:
    check_width(order.width)
    if order.wide and mode is not Mode.INTERPOLATED:
        raise UsageError(
            "bad-value",
            f"`--wide` needs values of all tags at the same times, which mode `{mode}` does not give",
            where="--wide",
            hint="`--mode interpolated --every 1min`, or leave `--wide` out",
        )
    chosen.check_every(order.every, mode)
    if boundary is not Boundary.INSIDE and mode is Mode.INTERPOLATED:
        raise UsageError(
            "bad-value",
            "interpolated values stand at given times: they need no boundary",
            where="--boundary",
            hint="leave `--boundary` out",
        )
    if mode is Mode.INTERPOLATED:
        chosen.every(order.every)


def _write(table: _Long | _Wide, order: Order) -> None:
    if order.sheet.excel is None and streamed.can(order.format, order.output):
        streamed.write(table.columns, table.frames(), order.format, order.output, force=order.force)
        return
    rows = Rows(table.columns, table.rows())
    reports.write(rows, order.format, order.output, color=order.color, force=order.force, sheet=order.sheet)


def _times(ts: npt.NDArray[np.int64]) -> list[datetime]:
    return [moment.replace(tzinfo=UTC) for moment in ts.astype("datetime64[us]").tolist()]


class _Long:
    """A row for each value."""

    columns = (
        Column("ts", "timestamp"),
        Column("tag"),
        Column("value", "float"),
        Column("text"),
        Column("quality", "integer"),
        Column("unit"),
    )

    def __init__(self, reader: Reader, tags: Sequence[TagFacts], request: Request) -> None:
        self._reader, self._tags, self._request = reader, tags, request
        self.done = Exported(tags=len(tags))

    def _blocks(self) -> Iterator[tuple[TagFacts, Block]]:
        for facts, block in retrieve_all(self._reader, self._tags, self._request):
            self.done.rows += len(block)
            self.done.not_good += int((block.quality >> 30).astype(bool).sum())
            yield facts, block

    def rows(self) -> Iterator[tuple[object, ...]]:
        for facts, block in self._blocks():
            texts = [None] * len(block) if block.text is None else block.text.tolist()
            values = [None if value != value else value for value in block.value.tolist()]  # noqa: PLR0124 - NaN
            for ts, value, text, quality in zip(_times(block.ts), values, texts, block.quality.tolist(), strict=True):
                yield ts, facts.tag, value, text, quality, facts.unit or None

    def frames(self) -> Iterator[pl.DataFrame]:
        yield self._frame([])
        parts: list[tuple[TagFacts, Block]] = []
        rows = 0
        for part in self._blocks():
            parts.append(part)
            rows += len(part[1])
            if rows >= _ROWS:
                yield self._frame(parts)
                parts, rows = [], 0
        yield self._frame(parts)

    def _frame(self, parts: Sequence[tuple[TagFacts, Block]]) -> pl.DataFrame:
        import numpy as np
        import polars as pl

        block = joined("", [block for _, block in parts])
        place = np.repeat(np.arange(len(parts)), [len(block) for _, block in parts])
        tags = pl.Series([facts.tag for facts, _ in parts], dtype=pl.String)
        units = pl.Series([facts.unit or None for facts, _ in parts], dtype=pl.String)
        texts = pl.Series([None] if block.text is None else block.text.tolist(), dtype=pl.String)
        return pl.DataFrame(
            {
                "ts": pl.Series(block.ts).cast(pl.Datetime("us", "UTC")),
                "tag": tags.gather(place),
                "value": pl.Series(block.value).fill_nan(None),
                "text": texts.new_from_index(0, len(block)) if block.text is None else texts,
                "quality": pl.Series(block.quality),
                "unit": units.gather(place),
            }
        )


class _Wide:
    """A row for each time of the grid: a value for each tag, none where it is Bad, and the worst of their qualities."""

    def __init__(self, reader: Reader, tags: Sequence[TagFacts], request: Request) -> None:
        self._reader, self._tags, self._request = reader, tags, request
        self.columns = (
            Column("ts", "timestamp"),
            *(Column(facts.tag, "float", facts.unit) for facts in tags),
            Column("quality", "integer"),
        )
        self.done = Exported(tags=len(tags))

    def _slices(self) -> Iterator[tuple[npt.NDArray[np.int64], list[npt.NDArray[np.float64]], npt.NDArray[np.uint32]]]:
        import numpy as np

        times_ = self._request.times
        assert times_ is not None
        length = max(1, _CELLS // len(self._tags))
        starts = range(0, len(times_), length)
        for first in reversed(starts) if self._request.descending else starts:
            request = replace(self._request, times=times_[first : first + length])
            values, worst, at = [], None, None
            for facts in self._tags:
                rows = joined(facts.tag, list(retrieve(self._reader, facts, request)))
                values.append(np.where(rows.quality < BAD, rows.value, np.nan))
                worst = rows.quality if worst is None else np.maximum(worst, rows.quality)
                at = rows.ts
            if at is None or worst is None or not len(at):
                continue
            self.done.rows += len(at)
            self.done.not_good += int((worst >> 30).astype(bool).sum())
            yield at, values, worst

    def rows(self) -> Iterator[tuple[object, ...]]:
        for at, values, worst in self._slices():
            cells = [[None if value != value else value for value in column.tolist()] for column in values]  # noqa: PLR0124
            yield from zip(_times(at), *cells, worst.tolist(), strict=True)

    def frames(self) -> Iterator[pl.DataFrame]:
        import numpy as np

        nothing = np.empty(0)
        yield self._frame(np.empty(0, np.int64), [nothing] * len(self._tags), np.empty(0, np.uint32))
        for at, values, worst in self._slices():
            yield self._frame(at, values, worst)

    def _frame(
        self, at: npt.NDArray[np.int64], values: Sequence[npt.NDArray[np.float64]], worst: npt.NDArray[np.uint32]
    ) -> pl.DataFrame:
        import polars as pl

        from iiotctl.reports.as_json import keys

        names = keys(self.columns)
        cells = [pl.Series(name, column).fill_nan(None) for name, column in zip(names[1:-1], values, strict=True)]
        times_ = pl.Series(names[0], at).cast(pl.Datetime("us", "UTC"))
        return pl.DataFrame([times_, *cells, pl.Series(names[-1], worst)])
