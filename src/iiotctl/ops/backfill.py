"""`backfill`: fetch from an OPC UA server's history what a capture missed, and say of each gap what filled it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from iiotctl.errors import IncompleteError, UsageError
from iiotctl.events import Event
from iiotctl.history.gaps import GapRow, Wanted, find
from iiotctl.history.names import matcher, near
from iiotctl.history.sql.reader import Selection
from iiotctl.history.time import times
from iiotctl.ops.history import clock
from iiotctl.ops.site import Opened, open_settings, source_context
from iiotctl.outages import merged
from iiotctl.samples import Gap, GapReason, SampleBatch
from iiotctl.site.model import Tag
from iiotctl.site.sources import OpcUaSource
from iiotctl.sources.base import CapturedTag
from iiotctl.store.filling import Evidence, covered, fill
from iiotctl.store.layout import day_number, day_of

if TYPE_CHECKING:
    import polars as pl

    from iiotctl.sources.opcua.history import Recorded
    from iiotctl.store.bulk import BulkWriter, Stored

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_SHORTEST_STEP_US: Final = 5_000_000
_PERIODS: Final = 3


@dataclass(slots=True)
class TagFilled:
    """What became of one tag.

    Attributes:
        values: samples that the server gave.
        gaps: gaps of the interval that concern the tag.
        filled_us: µs of them that are filled now.
        missing_us: µs that are still missing.
        problem: why the server gave nothing, or "".
    """

    tag: str
    values: int = 0
    gaps: int = 0
    filled_us: int = 0
    missing_us: int = 0
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Filled:
    """What a backfill did.

    Attributes:
        by: what gaps say in `filled_by`.
        tags: by name.
        stored, already, expired, conflicts: samples; see `store.bulk.Stored`.
        gaps: gaps looked at; filled: wholly; split: in part.
        still_open: gaps left out because they still last.
        requests: HistoryRead requests sent.
    """

    by: str
    tags: tuple[TagFilled, ...]
    stored: int
    already: int
    expired: int
    conflicts: int
    gaps: int
    filled: int
    split: int
    still_open: int
    requests: int


@dataclass(frozen=True, slots=True)
class Order:
    """What to fetch.

    Attributes:
        source: name of a source of the site file.
        start, end: `--from` and `--to` as typed.
        tags: names or patterns; empty = all of the source.
        whole: the whole interval instead of its gaps.
        max_step: values further apart leave a gap, seconds; None = three periods of the tag, at least 5 s.
        trust_first: accept and remember a server certificate not seen before.
        timezone: `--timezone`: zone of `start` and `end` where they have no offset, other than the site's.
    """

    source: str
    start: str
    end: str
    tags: tuple[str, ...] = ()
    whole: bool = False
    max_step: float | None = None
    trust_first: bool = False
    timezone: str | None = None


@dataclass(frozen=True, slots=True)
class _Piece:
    """A gap (or the whole interval) and the part of it to be read, both ends included."""

    gap: Gap | None
    start: int
    end: int
    tags: tuple[str, ...]


@dataclass(slots=True)
class _Job:
    config: OpcUaSource
    pieces: list[_Piece]
    captured: dict[str, CapturedTag] = field(default_factory=dict)
    told: list[tuple[_Piece, dict[str, Recorded]]] = field(default_factory=list)
    problems: dict[str, str] = field(default_factory=dict)
    requests: int = 0

    @property
    def by(self) -> str:
        """What gaps say in `filled_by`."""
        return f"backfill opcua HistoryRead {self.config.url}"


def backfill(
    order: Order,
    notice: Callable[[Event], None],
    *,
    site: Path | None = None,
    store: Path | None = None,
    now_us: Callable[[], int] = lambda: time.time_ns() // 1000,
) -> Filled:
    """Fetch history and store what is new.

    Args:
        order: what to fetch.
        notice: is told about files of the store that had to be left out, and about progress.
        site: `--site`.
        store: `--store`.
        now_us: wall clock, µs UTC.

    Raises:
        UsageError: `bad-time`; `bad-value`, the source is no OPC UA server.
        SourceError: the server cannot be reached or offers no history.
        IncompleteError: `no-source`, `no-tags`.
        StoreError: another import is running, or the disk refused.
    """
    from iiotctl.store.bulk import BulkWriter

    opened = open_settings(site, store)
    loaded = opened.require_site()
    config, tags = _source(opened, order.source)
    chosen = _chosen(tags, order.tags, order.source)
    now = now_us()
    zone = clock(loaded.site.site.model_dump(), order.timezone)
    within = times.parse_range(order.start, order.end, now, zone=zone, notice=notice)
    assert within.start is not None
    assert within.end is not None
    start, end = within.start, min(within.end, now) - 1
    # a store that is being made by this very call has no gaps yet
    with BulkWriter.open(opened.store, site=loaded.site.site.name, now_us=now_us) as writer:
        names = [tag.name for tag in chosen]
        found = _gaps(Selection(opened.store, start, end + 1), order.source, notice)
        gaps = [gap for gap in found if gap.tag is None or gap.tag in names]
        closed = [gap for gap in gaps if gap.end is not None]
        job = _Job(config, _pieces(closed, start, end, names, whole=order.whole))
        if job.pieces:
            codes = writer.codes(names)
            job.captured = {tag.name: CapturedTag(code, tag) for tag, code in zip(chosen, codes, strict=True)}
            asyncio.run(_fetch(job, order, opened, writer, notice))
        stored = writer.flush()
        everyone = [tag.name for tag in tags]
        return _settled(job, writer, stored, closed, everyone, still_open=len(gaps) - len(closed), now=now_us())


def _source(opened: Opened, name: str) -> tuple[OpcUaSource, list[Tag]]:
    site = opened.require_site().site
    config = site.sources.get(name)
    if config is None:
        raise IncompleteError(
            "no-source",
            f"the site file has no source `{name}`",
            where=str(opened.require_site().path),
            hint=near(name, site.sources) or f"its sources are {', '.join(site.sources)}",
        )
    if not isinstance(config, OpcUaSource):
        raise UsageError(
            "bad-value",
            f"`{name}` is a source of type `{config.type}`, which keeps no history",
            where="SOURCE",
            hint="only OPC UA servers do; for a historian's export: `iiotctl import FILE`",
        )
    return config, [tag for tag in site.tags if tag.source == name]


def _chosen(tags: Sequence[Tag], patterns: Sequence[str], source: str) -> list[Tag]:
    matches = matcher(patterns)
    chosen = [tag for tag in tags if matches(tag.name)]
    if not chosen:
        raise IncompleteError(
            "no-tags",
            f"no tag of `{source}` is called so",
            hint=near(patterns[0] if patterns else "", [tag.name for tag in tags]) or "`iiotctl tags list` shows them",
        )
    return chosen


def _gaps(selection: Selection, source: str, notice: Callable[[Event], None]) -> list[Gap]:
    """Gaps of a source that nothing filled."""
    try:
        rows = find(selection, Wanted(source=source), notice)
    except IncompleteError:  # the store knows no such source: it was never captured
        return []
    return [_gap(row) for row in rows if row.filled_by is None]


def _gap(row: GapRow) -> Gap:
    end = None if row.end is None else _us(row.end)
    return Gap(row.id, row.source, row.tag, _us(row.start), end, GapReason(row.reason), _us(row.detected_at))


def _us(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(microseconds=1)


def _pieces(gaps: Sequence[Gap], start: int, end: int, names: Sequence[str], *, whole: bool) -> list[_Piece]:
    if whole:
        return [_Piece(None, start, end, tuple(names))]
    found: list[_Piece] = []
    for gap in gaps:
        assert gap.end is not None
        tags = tuple(names) if gap.tag is None else tuple(name for name in names if name == gap.tag)
        if tags:
            found.append(_Piece(gap, max(start, gap.start), min(end, gap.end), tags))
    return found


async def _fetch(job: _Job, order: Order, opened: Opened, writer: BulkWriter, notice: Callable[[Event], None]) -> None:
    from iiotctl.sources.opcua.history import HistoryReader, Interval, problem, refuse_all
    from iiotctl.sources.opcua.resolve import Item, TypeBook, resolve
    from iiotctl.sources.opcua.session import Session

    def step(item: Item) -> int:
        return _step(order, job.config, item.captured.tag)

    context = source_context(opened, trust_first=order.trust_first)
    context.tell = notice
    session = await Session.open(job.config, context)
    try:
        items, refused = await resolve(session, list(job.captured.values()), TypeBook(session))
        by_name = {item.captured.tag.name: item for item in items}
        reader = HistoryReader(session, lambda batch: writer.add(_frame(batch)), step)
        await reader.prepare()
        statuses: list[int] = [entry.status for entry in refused]
        job.problems = {entry.captured.tag.name: entry.reason for entry in refused}
        answered = 0
        for piece in job.pieces:
            wanted = [by_name[name] for name in piece.tags if name in by_name]
            slack = max((step(item) for item in wanted), default=0)
            recorded = await reader.read(wanted, Interval(piece.start, piece.end, slack))
            names = {item.captured.code: item.captured.tag.name for item in wanted}
            job.told.append((piece, {names[code]: one for code, one in recorded.items()}))
            job.problems |= {names[code]: problem(one.status) for code, one in recorded.items() if one.status}
            statuses += [one.status for one in recorded.values() if one.status]
            answered += sum(not one.status for one in recorded.values())
        if not answered and statuses:
            has_history = reader.has_history or _gave_before(opened.store, job.by)
            if error := refuse_all(session.where, statuses, has_history=has_history):
                raise error
        job.requests = reader.requests
    finally:
        await session.close()


def _gave_before(store: Path, by: str) -> bool:
    """A gap was filled from this server once; not every server that keeps history says so in its capabilities."""
    rows = find(Selection(store), Wanted(), lambda _: None)
    return any(row.filled_by == by for row in rows)


def _step(order: Order, config: OpcUaSource, tag: Tag) -> int:
    if order.max_step is not None:
        return round(order.max_step * 1e6)
    return max(_SHORTEST_STEP_US, round(_PERIODS * (tag.period or config.period) * 1e6))


def _frame(batch: SampleBatch) -> pl.DataFrame:
    import polars as pl

    data: dict[str, Any] = {"tag": batch.tag, "ts": batch.ts, "value": batch.value, "quality": batch.quality}
    for name in ("ts_source", "ts_server", "ts_received"):
        if (column := getattr(batch, name)) is not None:
            data[name] = column
    frame = pl.DataFrame(data)
    return frame if batch.text is None else frame.with_columns(pl.Series("text", batch.text, dtype=pl.String))


def _settled(
    job: _Job,
    writer: BulkWriter,
    stored: Stored,
    gaps: Sequence[Gap],
    everyone: Sequence[str],
    *,
    still_open: int,
    now: int,
) -> Filled:
    """Write the gaps again, and add up."""
    tags = {name: TagFilled(name, problem=job.problems.get(name, "")) for name in job.captured}
    for _, told in job.told:
        for name, one in told.items():
            tags[name].values += one.values
    rows: list[Gap] = []
    filled = split = 0
    for gap in gaps:
        assert gap.end is not None
        means = [gap.tag] if gap.tag is not None else list(everyone)
        parts = {name: _parts(job, gap, name) for name in means if name in tags}
        if _touches(gap, stored.expired_dates):
            parts = {name: [] for name in parts}  # what was fetched has expired, so the hole stays
        new = fill(gap, parts, means, job.by, now)
        rows += new
        whole = len(new) == 1 and not new[0].withdrawn and new[0].filled_by is not None
        filled += whole
        split += bool(new) and not whole
        for name in means:
            if name in tags:
                done = merged(parts[name]).us
                tags[name].gaps += 1
                tags[name].filled_us += done
                tags[name].missing_us += gap.end - gap.start + 1 - done
    writer.write_gaps(rows)
    return Filled(
        by=job.by,
        tags=tuple(sorted(tags.values(), key=lambda one: one.tag)),
        stored=stored.rows,
        already=stored.already,
        expired=stored.expired,
        conflicts=stored.conflicts,
        gaps=len(gaps),
        filled=filled,
        split=split,
        still_open=still_open,
        requests=job.requests,
    )


def _touches(gap: Gap, dates: Collection[date]) -> bool:
    """Whether any of the UTC dates is one of the gap's."""
    assert gap.end is not None
    first, last = day_of(day_number(gap.start)), day_of(day_number(gap.end))
    return any(first <= day <= last for day in dates)


def _parts(job: _Job, gap: Gap, name: str) -> list[tuple[int, int]]:
    """What the history covers of a gap for one tag."""
    assert gap.end is not None
    for piece, told in job.told:
        if name not in told or told[name].status or (piece.gap is not None and piece.gap.id != gap.id):
            continue
        one = told[name]
        evidence = Evidence(one.first, one.last, tuple(one.holes))
        start, end = max(piece.start, gap.start), min(piece.end, gap.end)
        if start <= end:
            return covered(start, end, evidence, one.step)
    return []
