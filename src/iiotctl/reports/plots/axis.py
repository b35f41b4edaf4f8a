"""Where an axis is marked: round values, and times that are round where the plant stands."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Final

from iiotctl.reports.plots import digits

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND: Final = 1_000_000
_HOUR: Final = 3600 * _SECOND
_DAY: Final = 24 * _HOUR
_STEPS: Final = (
    *(1000 * n for n in (1, 2, 5, 10, 20, 50, 100, 200, 500)),
    *(_SECOND * n for n in (1, 2, 5, 10, 15, 30)),
    *(60 * _SECOND * n for n in (1, 2, 5, 10, 15, 30)),
    *(_HOUR * n for n in (1, 2, 3, 6, 12)),
)
"""Below a day, µs."""
_DAYS: Final = (1, 2, 5, 10)
_MONTHS: Final = (1, 2, 3, 6, 12, 24, 60, 120)
_SMALLEST: Final = 1e-300
"""Below it doubles lose digits, and no axis is divided."""


@dataclass(frozen=True, slots=True)
class Tick:
    """A mark on the time axis.

    Attributes:
        at: µs UTC.
        text: time of day, or the date where marks are a day or more apart.
        day: what a reader must know from here on: date or year; "" where it has not changed.
    """

    at: int
    text: str
    day: str


def local(us: int, zone: tzinfo) -> datetime:
    """An instant as the clocks of the plant show it."""
    return (_EPOCH + timedelta(microseconds=us)).astimezone(zone)


def _us(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(microseconds=1)


def _midnight(day: date, zone: tzinfo) -> int:
    return _us(datetime(day.year, day.month, day.day, tzinfo=zone))


def time_ticks(start: int, end: int, zone: tzinfo, most: int) -> list[Tick]:
    """At most `most` (about) marks in [start, end], at round local times, on days of 23 and 25 hours too."""
    span = max(end - start, 1)
    step = next((step for step in _STEPS if span // step < most), None)
    if step is not None:
        return _named(_times(start, end, zone, step), zone, _clock(step), "%Y-%m-%d")
    days = next((days for days in _DAYS if span // (days * _DAY) < most), None)
    if days is not None:
        return _named(_dates(start, end, zone, days), zone, "%m-%d", "%Y")
    months = next((n for n in _MONTHS if span // (n * 30 * _DAY) < most), _MONTHS[-1])
    return _named(_firsts(start, end, zone, months), zone, "%Y-%m" if months < 12 else "%Y", "")  # noqa: PLR2004


def _clock(step: int) -> str:
    return "%H:%M" if step >= 60 * _SECOND else "%H:%M:%S" if step >= _SECOND else "%S.%f"


def _named(times: list[int], zone: tzinfo, form: str, day_form: str) -> list[Tick]:
    ticks, before = [], ""
    for at in times:
        moment = local(at, zone)
        text = moment.strftime(form)[: -3 if form.endswith("%f") else None]
        day = moment.strftime(day_form)
        ticks.append(Tick(at, text, day if day != before else ""))
        before = day
    return ticks


def _times(start: int, end: int, zone: tzinfo, step: int) -> list[int]:
    """Multiples of `step` of each local day: of its wall clock above an hour, of its length below."""
    found: list[int] = []
    day = local(start, zone).date()
    while (begin := _midnight(day, zone)) <= end:
        after = _midnight(day + timedelta(days=1), zone)
        if step <= _HOUR:
            first = begin + max(0, -(-(start - begin) // step)) * step
            found += range(first, min(after, end + 1), step)
        else:
            clocks = (datetime(day.year, day.month, day.day, hour, tzinfo=zone) for hour in range(0, 24, step // _HOUR))
            # an hour that the clocks skip in spring has no mark
            found += [_us(clock) for clock in clocks if local(_us(clock), zone).hour == clock.hour]
        day += timedelta(days=1)
    return [at for at in found if start <= at <= end]


def _dates(start: int, end: int, zone: tzinfo, days: int) -> list[int]:
    first = local(start, zone).date()
    count = (end - start) // _DAY + 2
    every = [first + timedelta(days=n) for n in range(count)]
    # the 31st would stand beside the 1st
    marks = [
        _midnight(day, zone)
        for day in every
        if (day.toordinal() % days == 0 if days <= 2 else (day.day - 1) % days == 0 and day.day < 31)  # noqa: PLR2004
    ]
    return [at for at in marks if start <= at <= end]


def _firsts(start: int, end: int, zone: tzinfo, months: int) -> list[int]:
    first, last = local(start, zone), local(end, zone)
    count = range(first.year * 12 + first.month - 1, last.year * 12 + last.month)
    marks = [_midnight(date(n // 12, n % 12 + 1, 1), zone) for n in count if n % months == 0]
    return [at for at in marks if start <= at <= end]


def offsets(start: int, end: int, zone: tzinfo) -> list[tuple[int, int]]:
    """From when on (µs UTC) the local clock is how many seconds ahead of UTC, for [start, end]."""

    def ahead(us: int) -> int:
        return round((local(us, zone).utcoffset() or timedelta()).total_seconds())

    found = [(start, ahead(start))]
    for at in [*range(start + _DAY, end, _DAY), end]:
        if ahead(at) != found[-1][1]:
            low, high = max(at - _DAY, start), at
            while high - low > _SECOND:
                middle = (low + high) // 2 // _SECOND * _SECOND
                low, high = (low, middle) if ahead(middle) == ahead(at) else (middle, high)
            found.append((high // _SECOND * _SECOND, ahead(at)))
    return found


def zone_name(start: int, end: int, zone: tzinfo) -> str:
    """The zone with its distance from UTC, both where it changes in between: `Europe/Berlin (UTC+01:00)`."""
    name = str(getattr(zone, "key", "") or zone)
    offsets = list(dict.fromkeys(_offset(local(at, zone)) for at in (start, end)))
    if name == "UTC":
        return name
    return f"{name} ({' to '.join(offsets)})" if name not in offsets else name


def _offset(moment: datetime) -> str:
    text = moment.strftime("%z")
    return f"UTC{text[:3]}:{text[3:5]}"


def moment_text(us: int, zone: tzinfo) -> str:
    """`2026-11-21 05:00:07`, local."""
    return local(us, zone).strftime("%Y-%m-%d %H:%M:%S")


def span_text(start: int, end: int, zone: tzinfo, *, named: bool = True) -> str:
    """`2026-11-21 05:00 to 13:00 Europe/Berlin (UTC+01:00)`; the zone only when `named`."""
    low, high = local(start, zone), local(end, zone)
    form = "%H:%M" if all(us % (60 * _SECOND) == 0 for us in (start, end)) else "%H:%M:%S"
    last = high.strftime(form) if low.date() == high.date() else high.strftime(f"%Y-%m-%d {form}")
    text = f"{low.strftime(f'%Y-%m-%d {form}')} to {last}"
    return f"{text} {zone_name(start, end, zone)}" if named else text


def value_ticks(low: float, high: float, most: int) -> list[tuple[float, str]]:
    """At most `most` round values (1, 2, 2.5 or 5 by a power of ten) in [low, high], all with equal decimals.

    Their texts differ, and the values too: a step that a double at this height cannot make is none.
    """
    largest = max(abs(low), abs(high))
    rough = max((high - low) / max(most, 1), math.ulp(largest))
    if not math.isfinite(rough) or not low < high or rough < _SMALLEST:
        return []
    power = math.floor(math.log10(rough))
    for factor, more in ((1, 0), (2, 0), (2.5, 1), (5, 0), (10, -1), (20, -1), (25, 0), (50, -1)):
        step = factor * 10.0**power
        first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
        if last - first < most:
            marks = {n * step: digits.mark(n * step, power - more, largest) for n in range(first, last + 1)}
            return list(marks.items())
    return []
