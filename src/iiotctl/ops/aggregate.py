"""`aggregate`: OPC UA aggregates of tags over intervals, as rows."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import numpy as np

from iiotctl import quality
from iiotctl.errors import IncompleteError, UsageError
from iiotctl.events import Event, Level
from iiotctl.history import tagfacts
from iiotctl.history.aggregates import registry, report, units
from iiotctl.history.aggregates.base import Configuration, Function, Outcome, Unit, info_names
from iiotctl.history.aggregates.request import Block, Request, highest, holding_texts, whole_range
from iiotctl.history.events import during
from iiotctl.history.sql.reader import Reader, Selection
from iiotctl.history.sql.views import OF_VERBS
from iiotctl.history.tagfacts import TagFacts
from iiotctl.history.time import times
from iiotctl.history.time.sitetime import UTC_TIME, SiteTime
from iiotctl.reports.rows import Column, Rows

_DIGITS: Final = 7
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_WHOLE: Final = frozenset({Unit.COUNT, Unit.STATUS})
_OWN_TIME: Final = ("ActualTime", "ActualTime2", "Start", "End")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What was asked, as typed.

    Attributes:
        store: folder of the store.
        tags: names or patterns.
        functions: names.
        every: interval; None or 0 = one over the range.
        start: `--from`; None = from the first sample.
        end: `--to`; None = to the last sample.
        during: only while an event of this name lasted; each stretch is cut into intervals by itself.
        stepped: for all tags; None = as each tag is.
        bridge_gaps: take no notice of recorded gaps.
        rate_unit: time unit that rates are meant in, for totals.
        rollover: reading at which counters begin again, for CounterDelta; None = as each tag says.
        configuration: of the aggregates.
        zone: of times without offset and of the calendar.
    """

    store: Path
    tags: Sequence[str]
    functions: Sequence[str]
    every: str | None = None
    start: str | None = None
    end: str | None = None
    during: str | None = None
    stepped: bool | None = None
    bridge_gaps: bool = False
    rate_unit: str | None = None
    rollover: float | None = None
    configuration: Configuration = field(default_factory=Configuration)
    zone: SiteTime = UTC_TIME


@dataclass(frozen=True, slots=True)
class Answer:
    """Rows on their way out.

    Attributes:
        rows: the table; reading it does the work.
        settings: one line that says what the numbers are.
    """

    rows: Rows
    settings: str


def aggregate(
    reader: Reader,
    wanted: Wanted,
    notice: Callable[[Event], None],
    *,
    brief: bool = False,
    now_us: Callable[[], int] = lambda: time.time_ns() // 1000,
) -> Answer:
    """Aggregates of tags; the rows are made while they are read.

    Args:
        reader: from `opened`, open until the rows have been read.
        wanted: what.
        notice: is told about tags that were left out.
        brief: only the columns that a person looks at.
        now_us: wall clock, µs UTC.

    Raises:
        UsageError: `unknown-function`, `bad-percent`, `bad-interval`, `bad-time`, `empty-range`, `too-many-intervals`,
            `text-tag`, `bad-value`.
        IncompleteError: `no-tags`, `no-events`, `no-samples`.
        StoreError: no store.
    """
    functions = list(dict.fromkeys(registry.find(name) for name in wanted.functions))
    wanted.configuration.check()
    rate = units.check_rate(wanted.rate_unit)
    if wanted.rate_unit is not None and not any(each.unit is Unit.TIMES_SECONDS for each in functions):
        raise UsageError(
            "bad-value",
            f"`--rate-unit` is about totals, and `{functions[0].name}` is none",
            where="--rate-unit",
            hint="take `--function Total2`, or leave it out",
        )
    _check_rollover(wanted, functions)
    tags = of_numbers(reader, tagfacts.find(reader, wanted.tags), functions, notice)
    request = request_of(reader, wanted, functions, tags, now_us())
    _tell_rollovers(reader, request, tags, notice)
    blocks = report.blocks(reader, request, tags)
    shape = _Shape(functions, rate, {units.unit_of(f, t.unit, rate) for f in functions for t in tags}, brief=brief)
    return Answer(Rows(shape.columns, shape.rows(blocks)), _settings(request, wanted))


def _check_rollover(wanted: Wanted, functions: Sequence[Function]) -> None:
    if wanted.rollover is None:
        return
    counts = any("rollovers" in function.extra for function in functions)
    if counts and 0 < wanted.rollover < float("inf"):
        return
    raise UsageError(
        "bad-value",
        f"`{wanted.rollover:g}` is no reading that a counter reaches"
        if counts
        else f"`--rollover` is about counters, and `{functions[0].name}` is for others",
        where="--rollover",
        hint="e.g. `--rollover 65536` for a counter of 16 bits" if counts else "take `--function CounterDelta`",
    )


def _tell_rollovers(
    reader: Reader, request: Request, tags: Sequence[TagFacts], notice: Callable[[Event], None]
) -> None:
    """Warn of counters that read more than is said to be the end of their range: then it is not."""
    if not any("rollovers" in function.extra for function in request.functions):
        return
    ends = {tag.tag: tag.rollover if request.rollover is None else request.rollover for tag in tags}
    counters = [tag for tag in tags if ends[tag.tag] is not None]
    most = highest(reader, counters, request.start, request.end) if counters else {}
    for tag, reading in most.items():
        end = ends[tag]
        if end is not None and reading > end:
            said = "`--rollover`" if request.rollover is not None else "the `rollover` of the tag"
            text = f"readings of `{tag}` up to {reading:.15g} exceed {said} {end:.15g}: roll-overs are not told right"
            notice(Event(Level.WARNING, "rollover-exceeded", text))


def opened(store: Path, notice: Callable[[Event], None]) -> Reader:
    """A reader for `aggregate`: over the whole store, since bounding values lie outside the range."""
    return Reader(Selection(store), notice, only=OF_VERBS)


def of_numbers(
    reader: Reader, tags: Sequence[TagFacts], functions: Sequence[Function], notice: Callable[[Event], None]
) -> list[TagFacts]:
    """The tags without those of texts (by their type, or by their samples), where a function needs numbers.

    Raises:
        UsageError: `text-tag`, none is left.
        StoreError: no store; a file went away meanwhile.
    """
    needing = next((function for function in functions if not function.of_texts), None)
    found = holding_texts(reader, tags) if needing else set()
    texts = [tag for tag in tags if tag.tag in found]
    kept = [tag for tag in tags if tag not in texts]
    if needing is not None and not kept:
        able = ", ".join(each.name for each in registry.FUNCTIONS.values() if each.of_texts)
        raise UsageError(
            "text-tag",
            f"`{texts[0].tag}` holds texts, and `{needing.name}` is made of numbers",
            hint=f"of texts there are {able}; `iiotctl aggregate --by-state` counts them" if able else None,
        )
    for tag in texts:
        notice(Event(Level.WARNING, "text-tag", f"`{tag.tag}` holds texts and is left out"))
    return kept


def request_of(
    reader: Reader, wanted: Wanted, functions: Sequence[Function], tags: Sequence[TagFacts], now: int
) -> Request:
    """Range and intervals as typed; without a bound they reach to the first or last sample of the tags.

    Raises:
        UsageError: `bad-time`, `empty-range`.
        IncompleteError: `no-events`, `no-samples`.
    """
    within = times.parse_range(wanted.start, wanted.end, now, zone=wanted.zone)
    every = None if wanted.every is None or _is_zero(wanted.every) else wanted.every
    request = Request(
        functions,
        within.start or 0,
        within.end or 0,
        every=every,
        descending=within.descending,
        configuration=wanted.configuration,
        stepped=wanted.stepped,
        bridge_gaps=wanted.bridge_gaps,
        rollover=wanted.rollover,
        zone=wanted.zone,
    )
    if wanted.during is not None:
        found = during.windows(reader, wanted.during, within.start, within.end, now=now)
        return replace(request, start=found[0][0], end=found[-1][1], windows=found)
    if within.start is not None and within.end is not None:
        return request
    request = whole_range(reader, tags, request, start=within.start is None, end=within.end is None)
    if request.start >= request.end:
        side = "before `--to`" if within.start is None else "from `--from` on"
        raise IncompleteError(
            "no-samples",
            f"there are no samples {side}",
            where=str(reader.selection.root),
            hint=f"`iiotctl last {tags[0].tag}` shows the newest one",
        )
    return request


def _is_zero(text: str) -> bool:
    return text.strip().rstrip("abcdefghijklmnopqrstuvwxyzµ ").strip() in ("0", "0.0")


def _settings(request: Request, wanted: Wanted) -> str:
    chosen = request.configuration
    drawn = {None: "sloped or stepped by tag", True: "stepped", False: "sloped"}[request.stepped]
    parts = [
        ", ".join(function.name for function in request.functions),
        f"every {request.every}" if request.every else "over the whole range",
        drawn,
        f"Uncertain counts as {'Bad' if chosen.treat_uncertain_as_bad else 'Good'}",
        f"Bad from {chosen.percent_data_bad} % Bad on",
        f"Good from {chosen.percent_data_good} % Good on",
    ]
    if chosen.use_sloped_extrapolation:
        parts.append("sloped extrapolation")
    parts.append(f"OPC 10000-13 v{chosen.edition}")
    if request.bridge_gaps:
        parts.append("gaps bridged")
    return "; ".join([*parts, f"times in {wanted.zone.name}"])


class _Shape:
    """Columns, and how a result becomes a row of them."""

    def __init__(self, functions: Sequence[Function], rate: str, found: set[str], *, brief: bool) -> None:
        self._functions, self._rate, self._brief = functions, rate, brief
        self._with_function = len(functions) > 1
        self._with_unit = len(found) > 1
        self._with_time = not brief or any(each.name.endswith(_OWN_TIME) for each in functions)
        self._extra = list(dict.fromkeys(name for function in functions for name in function.extra))
        whole = all(function.unit in _WHOLE for function in functions)
        unit = "" if self._with_unit else next(iter(found), "")
        value = Column("value", "integer" if whole and not brief else "any" if brief else "float", unit)
        self.columns = [
            Column("tag"),
            *([Column("function")] if self._with_function else []),
            Column("start", "timestamp"),
            *([] if brief else [Column("end", "timestamp")]),
            value,
            *([Column("unit")] if self._with_unit else []),
            *([Column("ts", "timestamp")] if self._with_time else []),
            *([] if brief else [Column("quality", "integer")]),
            Column("status"),
            Column("info", "string" if brief else "list"),
            *(Column(name, "integer") for name in self._extra),
        ]

    def rows(self, blocks: Iterator[Block]) -> Iterator[list[object]]:
        """Rows by tag and interval, and within an interval by function."""
        for block in blocks:
            start, end = _moments(block.start), _moments(block.end)
            parts = [
                self._cells(function, outcome, block)
                for function, outcome in zip(self._functions, block.outcomes, strict=True)
            ]
            for place, begin in enumerate(start):
                for head, cells in parts:
                    value, unit, moment, code, status, info, *extra = cells[place]
                    row: list[object] = [block.tag.tag, *head, begin]
                    row += [] if self._brief else [end[place]]
                    row += [value, unit] if self._with_unit else [value]
                    row += [moment] if self._with_time else []
                    row += [] if self._brief else [code]
                    yield [*row, status, info, *extra]

    def _cells(self, function: Function, outcome: Outcome, block: Block) -> tuple[list[str], list[tuple[object, ...]]]:
        unit = units.unit_of(function, block.tag.unit, self._rate)
        values = outcome.value / units.factor(function, self._rate)
        nothing = np.isnan(values).tolist()
        codes = outcome.quality.tolist()
        numbers: list[object] = [
            None if null else self._number(function, value)
            for value, null in zip(values.tolist(), nothing, strict=True)
        ]
        states = list(zip(codes, outcome.raw.tolist(), strict=True))
        words = {state: self._words(*state) for state in set(states)}
        statuses = [words[state][0] for state in states]
        infos = [words[state][1] for state in states]
        units_ = [unit] * len(codes)
        beside = dict(zip(function.extra, outcome.extra, strict=True))
        extra = [beside[name].tolist() if name in beside else [None] * len(codes) for name in self._extra]
        cells = zip(numbers, units_, _moments(outcome.ts), codes, statuses, infos, *extra, strict=True)
        return [function.name] if self._with_function else [], list(cells)

    def _words(self, code: int, raw: bool) -> tuple[str, object]:
        """Status and info of a result."""
        names = info_names(code, raw=raw)
        return quality.name(code & 0xFFFF0000), ", ".join(names) if self._brief else names

    def _number(self, function: Function, value: float) -> object:
        if function.unit is Unit.STATUS and self._brief:
            return quality.name(int(value))
        if function.unit in _WHOLE:
            return int(value)
        return _for_people(value) if self._brief else value


def _for_people(value: float) -> float:
    """Seven significant digits, and never fewer than stand before the decimal mark."""
    if value == 0 or not math.isfinite(value):
        return value
    return round(value, max(0, _DIGITS - 1 - math.floor(math.log10(abs(value)))))


def _moments(ts: np.ndarray[tuple[int], np.dtype[np.int64]]) -> list[datetime]:
    return [_EPOCH + timedelta(microseconds=each) for each in ts.tolist()]
