"""Oracle, second half: aggregates of OPC 10000-13 §5.4.3 over time and with bounding values."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from itertools import pairwise

from tests.aggregates.by_value import no_data
from tests.aggregates.history import (
    BAD_NO_DATA,
    CALCULATED,
    GOOD,
    INTERPOLATED,
    MULTIPLE,
    SUB_NORMAL,
    UNIT_US,
    Bound,
    History,
    Region,
    Result,
)

SECOND_US = 1_000_000
MILLISECOND_US = 1_000


def interpolative(history: History, start: int, end: int) -> Result:
    """§5.4.3.4: the interpolated bounding value at the start of the interval."""
    bound = history.interpolated(start)
    return Result(bound.value, start, bound.status, bound.origin if bound.usable else 0)


def _bridged(history: History, start: int, end: int) -> tuple[Fraction, int, int]:
    """Area in value·µs below the lines between non-Bad values, its length in µs, and the status (§5.4.3.6).

    Lines are sloped, Bad values left out and crossed. Without a start bound it begins at the first value.
    """
    lines = history.sloped()
    opening, closing = lines.interpolated(start), lines.interpolated(end)
    inside = [s for s in lines.samples if start < s.ts < end]
    corners = [(s.ts, s.value, s.severity) for s in inside if not lines.is_bad(s)]
    if opening.usable:
        corners.insert(0, (start, opening.value, opening.status >> 30))
    if closing.usable:
        corners.append((end, closing.value, closing.status >> 30))
    if len(corners) < 2:
        return Fraction(0), 0, BAD_NO_DATA
    area = Fraction(0)
    for (t0, v0, _), (t1, v1, _) in pairwise(corners):
        assert v0 is not None
        assert v1 is not None
        area += (v0 + v1) * (t1 - t0) / 2
    sure = opening.usable and all(severity == 0 for *_, severity in corners)
    sure = sure and not any(lines.is_bad(sample) for sample in lines.within(start, end))
    return area, corners[-1][0] - corners[0][0], GOOD if sure else SUB_NORMAL


def time_average(history: History, start: int, end: int) -> Result:
    """§5.4.3.6: area below the lines by their length."""
    area, length, status = _bridged(history, start, end)
    return Result(area / length, start, status, CALCULATED) if length else no_data(start)


def total(history: History, start: int, end: int) -> Result:
    """§5.4.3.8: TimeAverage times the seconds that it is the average of."""
    area, length, status = _bridged(history, start, end)
    return Result(area / SECOND_US, start, status, CALCULATED) if length else no_data(start)


def _known(history: History, start: int, end: int) -> tuple[Fraction, Fraction, list[Region]]:
    """Area in value·µs and length in µs of the non-Bad regions, and all regions."""
    regions = history.regions(start, end)
    area = length = Fraction(0)
    for region in regions:
        if region.first is not None and region.last is not None:
            area += (region.first + region.last) * region.length / 2
            length += region.length
    return area, length, regions


def time_average_2(history: History, start: int, end: int) -> Result:
    """§5.4.3.7: area between simple bounds, stepped or sloped, by the non-Bad time; status by time."""
    area, length, regions = _known(history, start, end)
    if length == 0:
        return no_data(start)
    return Result(area / length, start, history.status_of_time(regions), CALCULATED)


def total_2(history: History, start: int, end: int) -> Result:
    """§5.4.3.9: TimeAverage2 times the non-Bad seconds."""
    area, length, regions = _known(history, start, end)
    if length == 0:
        return no_data(start)
    return Result(area / SECOND_US, start, history.status_of_time(regions), CALCULATED)


# Extremes with bounds (§5.4.3.15 to §5.4.3.19) -----------------------------------------------------------------------


def _candidates(history: History, start: int, end: int) -> list[Bound]:
    """Usable values of the interval with its start bound; the end bound only where lines are sloped."""
    inner = [s for s in history.samples if start < s.ts < end and not history.is_bad(s)]
    marks = [history.simple(start), *(Bound(s.ts, s.value, s.status, raw=True) for s in inner)]
    if not history.stepped:
        marks.append(history.simple(end))
    return [mark for mark in marks if mark.usable]


def _extreme(history: History, start: int, end: int, best: Callable[..., Fraction], *, actual_time: bool) -> Result:
    marks = _candidates(history, start, end)
    if not marks:
        return no_data(start)
    value = best([mark.value for mark in marks])
    hits = [mark for mark in marks if mark.value == value]
    chosen = hits[0]
    if actual_time and chosen.ts == end:
        at, origin = max(end - UNIT_US, start), INTERPOLATED  # EffectiveEndTime
    elif actual_time:
        at, origin = chosen.ts, chosen.origin
    else:
        at, origin = start, chosen.origin if chosen.ts == start or not chosen.raw else CALCULATED
    info = origin | (MULTIPLE if len(hits) > 1 else 0)
    return Result(value, at, history.status_of_time(history.regions(start, end)), info)


def minimum_2(history: History, start: int, end: int) -> Result:
    return _extreme(history, start, end, min, actual_time=False)


def maximum_2(history: History, start: int, end: int) -> Result:
    return _extreme(history, start, end, max, actual_time=False)


def minimum_actual_time_2(history: History, start: int, end: int) -> Result:
    return _extreme(history, start, end, min, actual_time=True)


def maximum_actual_time_2(history: History, start: int, end: int) -> Result:
    return _extreme(history, start, end, max, actual_time=True)


def range_2(history: History, start: int, end: int) -> Result:
    """§5.4.3.19: Maximum2 less Minimum2; Bad_NoData when one of them is Bad."""
    low, high = minimum_2(history, start, end), maximum_2(history, start, end)
    if low.value is None or high.value is None or high.status >> 30 == 2:
        return no_data(start)
    return Result(Fraction(high.value) - Fraction(low.value), start, high.status, CALCULATED)


# Bounds (§5.4.3.28 to §5.4.3.30) -------------------------------------------------------------------------------------


def start_bound(history: History, start: int, end: int) -> Result:
    bound = history.simple(start)
    return Result(bound.value, start, bound.status, bound.origin if bound.usable else 0)


def end_bound(history: History, start: int, end: int) -> Result:
    bound = history.simple(end)
    return Result(bound.value, start, bound.status, CALCULATED)


def delta_bounds(history: History, start: int, end: int) -> Result:
    opening, closing = history.simple(start), history.simple(end)
    if opening.value is None or closing.value is None:
        return no_data(start)
    sure = opening.status >> 30 == closing.status >> 30 == 0
    return Result(closing.value - opening.value, start, GOOD if sure else SUB_NORMAL, CALCULATED)


# Durations -----------------------------------------------------------------------------------------------------------


def _in_state(history: History, start: int, end: int, wanted: Callable[[Fraction], bool]) -> Result:
    """§5.4.3.22, §5.4.3.23: Good time in milliseconds in which the held value is wanted; status by time."""
    regions = history.regions(start, end, held=True)
    length = sum(
        (r.length for r in regions if r.severity == 0 and r.first is not None and wanted(r.first)), Fraction(0)
    )
    return Result(length / MILLISECOND_US, start, history.status_of_time(regions), CALCULATED)


def duration_in_state_zero(history: History, start: int, end: int) -> Result:
    return _in_state(history, start, end, lambda value: value == 0)


def duration_in_state_non_zero(history: History, start: int, end: int) -> Result:
    return _in_state(history, start, end, lambda value: value != 0)


def _quality(history: History, start: int, end: int) -> tuple[Fraction, Fraction, Fraction]:
    """Good, Bad and all time in µs (§5.4.3.31): each sample's status holds until the next one's.

    The first region has the status of the last sample at or before the start, and is Bad without one. After the
    last sample as in `History.regions`.
    """
    opening = history.on(start) or history.before(start)
    marks = [(start, 2 if opening is None else opening.severity, opening is None or history.is_bad(opening))]
    marks += [(s.ts, s.severity, history.is_bad(s)) for s in history.samples if start < s.ts < end]
    good = bad = covered = Fraction(0)
    for number, (at, severity, is_bad) in enumerate(marks):
        until = marks[number + 1][0] if number + 1 < len(marks) else end
        length = Fraction(until - at)
        if number == len(marks) - 1 and history.samples[-1].ts < end and not is_bad:
            length = min(length, Fraction(UNIT_US))
        covered += length
        good += length if severity == 0 else 0
        bad += length if is_bad else 0
    return good, bad, covered


def duration_good(history: History, start: int, end: int) -> Result:
    return Result(_quality(history, start, end)[0] / MILLISECOND_US, start, GOOD, CALCULATED)


def duration_bad(history: History, start: int, end: int) -> Result:
    return Result(_quality(history, start, end)[1] / MILLISECOND_US, start, GOOD, CALCULATED)


def percent_good(history: History, start: int, end: int) -> Result:
    """§5.4.3.33: of the time of the interval, as far as data reach."""
    good, _, covered = _quality(history, start, end)
    return Result(good * 100 / covered, start, GOOD, CALCULATED)


def percent_bad(history: History, start: int, end: int) -> Result:
    """§5.4.3.34: likewise."""
    _, bad, covered = _quality(history, start, end)
    return Result(bad * 100 / covered, start, GOOD, CALCULATED)
