"""Intervals over a range: of fixed length, or days, weeks, months, years and shifts of the plant's calendar."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import TYPE_CHECKING, Final

from iiotctl.errors import UsageError
from iiotctl.history.time import timeunits
from iiotctl.history.time.sitetime import UTC_TIME, SiteTime

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

MOST: Final = 5_000_000
"""Intervals of one range; more are no report."""
_MONTHS: Final = 12


@dataclass(frozen=True, slots=True)
class Intervals:
    """Half-open intervals without holes between them.

    Attributes:
        starts: (n,) int64, µs UTC, the earlier end of each.
        ends: (n,) int64, µs UTC, the later end of each.
        partial: (n,) bool; the range cut the interval off.
    """

    starts: npt.NDArray[np.int64]
    ends: npt.NDArray[np.int64]
    partial: npt.NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.starts)


@dataclass(frozen=True, slots=True)
class Every:
    """What `--every` says.

    Attributes:
        text: as typed.
        step: length; None = a shift.
    """

    text: str
    step: timeunits.Part | None

    @property
    def is_calendar(self) -> bool:
        """Whether intervals begin at midnights, Mondays, months, years or shifts, instead of at the range."""
        return self.step is None or self.step.is_calendar


def parse_every(text: str, *, option: str = "--every") -> Every:
    """What an interval of the calendar or of fixed length is.

    Args:
        text: `15min`, `1h30min`, `24h`; `1d`, `1w`, `1mo`, `1y` of the calendar; `shift`.
        option: flag that the text belongs to, for the error.

    Raises:
        UsageError: `bad-interval`.
    """
    if text.strip().lower() in ("shift", "1shift"):
        return Every(text, None)
    cause: str | None = None
    try:
        parts = timeunits.parse(text)
    except ValueError as error:
        raise _bad(text, option, str(error)) from error
    except OverflowError as error:
        raise _bad(text, option, "it is too long") from error
    if any(part.is_calendar for part in parts):
        if len(parts) > 1:
            cause = "days and longer units stand alone, because their length varies"
        step = parts[0]
    else:
        step = timeunits.Part("us", sum(part.count for part in parts))
    if step.count <= 0:
        cause = "it has no length"
    if cause is not None:
        raise _bad(text, option, cause)
    return Every(text, step)


def _bad(text: str, option: str, cause: str) -> UsageError:
    return UsageError(
        "bad-interval",
        f"`{text}` is not an interval",
        where=option,
        cause=cause,
        hint="write e.g. `15min`, `1h`, `1d`, `1mo` or `shift`",
    )


def intervals(
    start: int, end: int, every: str, zone: SiteTime = UTC_TIME, *, descending: bool = False, option: str = "--every"
) -> Intervals:
    """The intervals of a range.

    Those of fixed length begin at `start` (OPC 10000-13 §4.2.1.2: the ProcessingInterval counts from the start time,
    and when start lies behind end, backwards from it); those of the calendar begin at midnight, Monday, the first of
    the month, New Year or the change of shift in `zone`, and the range cuts the first and the last.

    Args:
        start: µs UTC, inclusive, the earlier end of the range.
        end: µs UTC, exclusive.
        every: see `parse_every`.
        zone: of the calendar, and the shifts.
        descending: the range runs backwards; the latest interval comes first.
        option: flag that `every` belongs to, for the error.

    Returns:
        In the order of time, or against it when `descending`.

    Raises:
        UsageError: `bad-interval`; `too-many-intervals`; `no-shifts`.
    """
    import numpy as np

    chosen = parse_every(every, option=option)
    span = end - start
    step = chosen.step
    if step is not None and not step.is_calendar:
        count = -(-span // step.count)
        _check(count, every, option)
        steps = np.arange(count, dtype=np.int64) * step.count
        if descending:
            ends = end - steps
            starts = np.maximum(ends - step.count, start)
        else:
            starts = start + steps
            ends = np.minimum(starts + step.count, end)
        return Intervals(starts, ends, (ends - starts) < step.count)
    borders = np.fromiter(_borders(chosen, start, end, zone, option), dtype=np.int64)
    starts, ends = borders[:-1], borders[1:]
    partial = (starts < start) | (ends > end)
    starts, ends = np.maximum(starts, start), np.minimum(ends, end)
    if descending:
        starts, ends, partial = starts[::-1], ends[::-1], partial[::-1]
    return Intervals(starts, ends, partial)


def _check(count: int, every: str, option: str) -> None:
    if count > MOST:
        raise UsageError(
            "too-many-intervals",
            f"`{every}` divides the range into {count:,} intervals; at most {MOST:,} are answered",
            where=option,
            hint="take a longer interval, or a shorter range",
        )


def _borders(every: Every, start: int, end: int, zone: SiteTime, option: str) -> Iterator[int]:
    """Beginnings of calendar intervals, from the last at or before `start` to the first at or after `end`."""
    if every.step is None and not zone.shifts:
        raise UsageError(
            "no-shifts",
            "no site file says when shifts begin",
            where=f"{option} {every.text}",
            hint='add `shifts = ["06:00", "14:00", "22:00"]` to `[site]` of the site file',
        )
    try:
        number, count, border = 0, 0, _border(every, start, zone, 0)
        while border < end:
            yield border
            count += 1
            _check(count, every.text, option)
            number += 1
            following = _border(every, start, zone, number)
            while following <= border:  # a day or shift that a change of the clock leaves out
                number += 1
                following = _border(every, start, zone, number)
            border = following
        yield border
    except OverflowError as error:
        raise _bad(every.text, option, "it reaches beyond the year 9999") from error


def _border(every: Every, start: int, zone: SiteTime, number: int) -> int:
    """The beginning of the interval `number` behind the one that `start` lies in."""
    if every.step is None:
        return zone.shift(start, number)
    first = floor(zone.local(start), every.step)
    return zone.instant(timeunits.later(first, every.step.unit, every.step.count * number))


def floor(local: datetime, step: timeunits.Part) -> datetime:
    """The beginning of the day, week, month or year that a local time lies in.

    Months that divide the year begin with it: `3mo` are quarters.
    """
    midnight = datetime.combine(local.date(), time())
    if step.unit == "d":
        return midnight
    if step.unit == "w":
        return midnight - timedelta(days=midnight.weekday())
    if step.unit == "y":
        return midnight.replace(month=1, day=1)
    aligned = step.count if _MONTHS % step.count == 0 else 1
    return midnight.replace(month=(midnight.month - 1) // aligned * aligned + 1, day=1)
