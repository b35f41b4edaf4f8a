"""`aggregate --by-state`: how long a tag was in each state and how often, and what other tags did meanwhile."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from iiotctl.errors import UsageError
from iiotctl.events import Event
from iiotctl.history import tagfacts
from iiotctl.history.aggregates import registry, units
from iiotctl.history.events.eventfind import known_until
from iiotctl.history.sql.reader import Reader
from iiotctl.history.states import stretches
from iiotctl.history.states.staterows import States, read
from iiotctl.history.states.states import Pieces, Tally, pieces, tally
from iiotctl.history.tagfacts import TagFacts
from iiotctl.ops.aggregate import Wanted, of_numbers, request_of
from iiotctl.reports.rows import Column, Rows

if TYPE_CHECKING:
    from iiotctl.history.aggregates.base import Function
    from iiotctl.history.time.intervals import Intervals

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
UNKNOWN: Final = "unknown"
"""Name of the time in which nothing is known of the state: Bad quality, gaps, no sample yet."""


def by_state(
    reader: Reader,
    wanted: Wanted,
    state: str,
    notice: Callable[[Event], None],
    *,
    now_us: Callable[[], int] = lambda: time.time_ns() // 1000,
) -> Rows:
    """Durations and counts of states; with tags and functions their values while each state lasted.

    Args:
        reader: over the whole store.
        wanted: as of `aggregate`; without tags the states themselves are told.
        state: name of the tag whose values are the states.
        notice: is told about tags that were left out.
        now_us: wall clock, µs UTC.

    Raises:
        UsageError: as of `aggregate`; `too-many-states`, `not-together`, `bad-value`.
        IncompleteError: `no-tags`, `no-events`, `no-samples`.
        StoreError: no store.
    """
    functions = list(dict.fromkeys(registry.find(name) for name in wanted.functions))
    if bool(functions) != bool(wanted.tags):
        raise UsageError(
            "bad-value",
            "`--by-state` alone tells about the states; with tags it needs `--function`"
            if wanted.tags
            else "`--function` says what to make of other tags, and none is given",
            where="--by-state",
            hint=f"e.g. `iiotctl aggregate main.power --function TimeAverage2 --by-state {state}`",
        )
    for function in functions:
        stretches.check(function.name)
    wanted.configuration.check()
    rate = units.check_rate(wanted.rate_unit)
    tags = of_numbers(reader, tagfacts.find(reader, wanted.tags), functions, notice) if wanted.tags else []
    states_of = tagfacts.find(reader, [state])[0]
    now = now_us()
    request = request_of(reader, wanted, functions, [states_of], now)
    intervals = replace(request, descending=False).intervals()
    start, end = int(intervals.starts[0]), int(intervals.ends[-1])
    # a range that ends with the last sample ends there; else what follows may be known or not
    found = read(reader, states_of, start, end, None if wanted.end is None else known_until(reader, [state], now))
    cut = pieces(found.runs, intervals.starts, intervals.ends)
    table = _Table(found, intervals, tally(cut), backwards=request.descending)
    if not tags:
        return table.of_states()
    values = _Values(table, tags, functions, rate)
    return Rows(values.columns, values.rows(reader, wanted, cut))


class _Table:
    def __init__(self, states: States, intervals: Intervals, counted: Tally, *, backwards: bool) -> None:
        self._states, self._intervals = states, intervals
        self.counted = counted
        order = range(counted.interval.size)
        self.order = sorted(order, key=lambda row: -int(counted.interval[row])) if backwards else list(order)

    def of_states(self) -> Rows:
        """A row for each interval and state."""
        columns = [
            *(Column("start", "timestamp"), Column("end", "timestamp"), *_STATE),
            *(Column("count", "integer"), Column("duration", "float", "s"), Column("percent", "float", "%")),
            *(Column("longest", "float", "s"), Column("mean", "float", "s")),
        ]
        return Rows(columns, self._state_rows())

    def _state_rows(self) -> Iterator[list[object]]:
        counted = self.counted
        for row in self.order:
            start, end = self.span(row)
            lasted = int(counted.duration[row])
            yield [
                *(_moment(start), _moment(end), *self.name(row)),
                *(int(counted.entered[row]), lasted / 1e6, round(lasted * 100 / (end - start), 6)),
                *(int(counted.longest[row]) / 1e6, round(lasted / int(counted.visits[row]) / 1e6, 6)),
            ]

    def span(self, row: int) -> tuple[int, int]:
        """Begin and end of the interval of a row, µs UTC."""
        interval = self.counted.interval[row]
        return int(self._intervals.starts[interval]), int(self._intervals.ends[interval])

    def name(self, row: int) -> tuple[float | int | None, str | None]:
        """State and text; no number where nothing is known or the text is the state."""
        state = float(self.counted.state[row])
        if math.isnan(state):
            return None, UNKNOWN
        number = int(state) if state.is_integer() else state
        return None if self._states.are_texts else number, self._states.names.get(state)


class _Values:
    """What other tags did in each state."""

    def __init__(self, table: _Table, tags: Sequence[TagFacts], functions: Sequence[Function], rate: str) -> None:
        self._table, self._tags, self._functions, self._rate = table, tags, functions, rate
        self._units = sorted({units.unit_of(function, tag.unit, rate) for function in functions for tag in tags})

    @property
    def columns(self) -> list[Column]:
        """The unit stands with the value, or in a column where there are several."""
        several = len(self._units) > 1
        return [
            *(Column("tag"), Column("function"), Column("start", "timestamp"), Column("end", "timestamp"), *_STATE),
            Column("value", "float", "" if several else self._units[0]),
            *([Column("unit")] if several else []),
            Column("duration", "float", "s"),
        ]

    def rows(self, reader: Reader, wanted: Wanted, cut: Pieces) -> Iterator[list[object]]:
        """A row for each tag, function, interval and state."""
        counted = self._table.counted
        chosen = stretches.Stretches(cut.start, cut.end, counted.row_of(cut), counted.interval.size)
        for tag in self._tags:
            made = stretches.together(
                reader,
                tag,
                [function.name for function in self._functions],
                chosen,
                stepped=wanted.stepped,
                configuration=wanted.configuration,
                gaps=not wanted.bridge_gaps,
            )
            for function in self._functions:
                unit, factor = units.unit_of(function, tag.unit, self._rate), units.factor(function, self._rate)
                for row in self._table.order:
                    start, end = self._table.span(row)
                    value = float(made[function.name][row]) / factor
                    yield [
                        *(tag.tag, function.name, _moment(start), _moment(end), *self._table.name(row)),
                        value if math.isfinite(value) else None,
                        *([unit] if len(self._units) > 1 else []),
                        int(counted.duration[row]) / 1e6,
                    ]


_STATE: Final = (Column("state", "float"), Column("text"))


def _moment(us: int) -> datetime:
    return _EPOCH + timedelta(microseconds=us)
