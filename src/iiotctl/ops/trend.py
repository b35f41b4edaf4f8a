"""The data of `trend`: of each tag what a drawing needs, with its gaps."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from iiotctl.events import Event
from iiotctl.history.fed import fed_until
from iiotctl.history.retrieval import chosen, chunks, texts
from iiotctl.history.retrieval.block import joined
from iiotctl.history.retrieval.request import Boundary, Mode, Request, check_width, word
from iiotctl.history.retrieval.retrieve import is_stepped, retrieve
from iiotctl.history.sql.omission import Omissions
from iiotctl.history.sql.reader import Reader, Selection
from iiotctl.history.sql.views import OF_VERBS
from iiotctl.history.tagfacts import TagFacts
from iiotctl.history.time import times
from iiotctl.history.time.sitetime import UTC_TIME, SiteTime
from iiotctl.history.trenddata import Trace, TrendData
from iiotctl.reports.plots.drawable import check_count, waits

_WIDTH: Final = 1000


@dataclass(frozen=True, slots=True)
class Order:
    """What to draw.

    Attributes:
        store: folder of the store.
        tags: names or patterns.
        start: `--from` as typed; None = all of the event of `during`.
        end: `--to` as typed; None = now.
        mode: raw, interpolated, plot or lttb.
        width: columns of the drawing; samples of lttb.
        every: `--every` of interpolated mode.
        stepped: hold the value between samples, or not; None = by tag.
        during: only while an event of this name lasted.
        zone: of times without offset and of the drawing; the shifts.
        strict: fail afterwards when files had to be left out.
    """

    store: Path
    tags: Sequence[str]
    start: str | None = "*-8h"
    end: str | None = None
    mode: str = "plot"
    width: int = _WIDTH
    every: str | None = None
    stepped: bool | None = None
    during: str | None = None
    zone: SiteTime = UTC_TIME
    strict: bool = False


def trend(
    order: Order,
    notice: Callable[[Event], None],
    *,
    now_us: Callable[[], int] = lambda: time.time_ns() // 1000,
) -> TrendData:
    """Tags over a range, thinned for a drawing.

    Raises:
        UsageError: a time, mode, width or interval is wrong; `text-tag`; `too-many-tags`.
        IncompleteError: `no-tags`; no such event.
        StoreError: no store; `store-incomplete` with `strict`.
    """
    mode = word(Mode, order.mode, "--mode")
    width = check_width(order.width)
    chosen.check_every(order.every, mode)
    if mode is Mode.RAW:  # a drawing of every sample looks like one of those that may be seen
        mode = Mode.PLOT
    if order.start is None:
        within = times.parse_range(None, order.end, now_us(), zone=order.zone, notice=notice)
    else:
        within = times.parse_until_now(order.start, order.end, now_us(), zone=order.zone, notice=notice)
    omissions = Omissions(notice)
    with Reader(Selection(order.store), omissions, only=OF_VERBS) as reader:
        facts = chosen.tags(reader, order.tags, mode, notice)
        check_count(facts)
        start, end = chosen.bounds(reader, facts, within, order.during)
        grid = chosen.grid(start, end, chosen.every(order.every), order.zone) if mode is Mode.INTERPOLATED else None
        request = Request(
            start,
            end,
            mode,
            boundary=Boundary.OUTSIDE,
            times=grid,
            width=width,
            stepped=order.stepped,
            windows=chosen.windows(reader, order.during, start, end),
            text=True,
        )
        traces = [_trace(reader, each, request, order.during) for each in facts]
        texts.tell({trace.facts.tag: trace.texts for trace in traces if trace.texts}, request, notice)
        data = TrendData(start, end, order.zone.tz, within.descending, traces, _alive(reader, traces, end))
    omissions.end(order.store, strict=order.strict)
    return data


def _trace(reader: Reader, facts: TagFacts, request: Request, during: str | None) -> Trace:
    rows = joined(facts.tag, list(retrieve(reader, facts, request)))
    first = min(request.start, int(rows.ts[0])) if len(rows) else request.start
    last = max(request.end, int(rows.ts[-1])) if len(rows) else request.end
    gaps = [
        (begin, max(begin, request.end) if over is None else over, reason)
        for begin, over, reason in chunks.gaps(reader, facts.tag, first, last + 1)
    ]
    gaps = sorted(gaps + _between(request, during, first, last))
    stepped = is_stepped(facts, request)
    return Trace(
        facts,
        rows.ts,
        rows.value,
        rows.quality,
        gaps,
        stepped,
        request.tally[facts.tag],
        texts.counts(reader, [facts.tag], request).get(facts.tag, 0),
        rows.text,
    )


def _alive(reader: Reader, traces: Sequence[Trace], end: int) -> int | None:
    """Until when silent tags were watched; None when no trace needs to know."""
    waiting = [int(trace.ts[-1]) for trace in traces if waits(trace, end)]
    return fed_until(reader, min(waiting), end) if waiting else None


def _between(request: Request, during: str | None, first: int, last: int) -> list[tuple[int, int, str]]:
    """The times between the events that were asked for, as gaps: nothing is drawn across them."""
    if request.windows is None:
        return []
    inside = request.stretches
    begins = [first, *(end for _, end in inside)]
    ends = [*(start for start, _ in inside), last]
    return [(begin, end, f"not during {during}") for begin, end in zip(begins, ends, strict=True) if begin < end]
