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


def interpolative(history: History, low: int, high: int) -> Result:
    """§5.4.3.4: the interpolated bounding value at the start of the interval."""
    bound = history.interpolated(history.borders(low, high)[0])
    return Result(bound.value, None, bound.status, bound.origin if bound.usable else 0)


def _bridged(history: History, low: int, high: int) -> tuple[Fraction, int, int]:
    """Area in value·µs below the lines between non-Bad values, its length in µs, and the status (§5.4.3.6).

    Lines are sloped, Bad values left out and crossed. Without a start bound it begins at the first value.
    """
    lines = history.sloped()
    opening, closing = lines.interpolated(low), lines.interpolated(high)
    inside = [s for s in lines.samples if low < s.ts < high]
    corners = [(s.ts, s.value, s.severity) for s in inside if not lines.is_bad(s)]
    if opening.usable:
        corners.insert(0, (low, opening.value, opening.status >> 30))
    if closing.usable:
        corners.append((high, closing.value, closing.status >> 30))
    if len(corners) < 2:
        return Fraction(0), 0, BAD_NO_DATA
    area = Fraction(0)
    for (t0, v0, _), (t1, v1, _) in pairwise(corners):
        assert v0 is not None
        assert v1 is not None
        area += (v0 + v1) * (t1 - t0) / 2
    sure = opening.usable and all(severity == 0 for *_, severity in corners)
    sure = sure and not any(lines.is_bad(sample) for sample in inside)
    return area, corners[-1][0] - corners[0][0], GOOD if sure else SUB_NORMAL


def time_average(history: History, low: int, high: int) -> Result:
    """§5.4.3.6: area below the lines by their length."""
    area, length, status = _bridged(history, low, high)
    return Result(area / length, None, status, CALCULATED) if length else no_data()


def total(history: History, low: int, high: int) -> Result:
    """§5.4.3.8: TimeAverage times the seconds that it is the average of."""
    area, length, status = _bridged(history, low, high)
    return Result(area / SECOND_US, None, status, CALCULATED) if length else no_data()


def _known(history: History, low: int, high: int) -> tuple[Fraction, Fraction, list[Region]]:
    """Area in value·µs and length in µs of the non-Bad regions, and all regions."""
    regions = history.regions(low, high)
    area = length = Fraction(0)
    for region in regions:
        if region.first is not None and region.last is not None:
            area += (region.first + region.last) * region.length / 2
            length += region.length
    return area, length, regions


def time_average_2(history: History, low: int, high: int) -> Result:
    """§5.4.3.7: area between simple bounds, stepped or sloped, by the non-Bad time; status by time."""
    area, length, regions = _known(history, low, high)
    if length == 0:
        return no_data()
    return Result(area / length, None, history.status_of_time(regions), CALCULATED)


def total_2(history: History, low: int, high: int) -> Result:
    """§5.4.3.9: TimeAverage2 times the non-Bad seconds."""
    area, length, regions = _known(history, low, high)
    if length == 0:
        return no_data()
    return Result(area / SECOND_US, None, history.status_of_time(regions), CALCULATED)


# Extremes with bounds (§5.4.3.15 to §5.4.3.19) -----------------------------------------------------------------------


def _candidates(history: History, low: int, high: int) -> list[Bound]:
    """Values of the interval in the order of time, with its start bound; the end bound only where lines slope.

    Bad values are left out, and Uncertain ones with TreatUncertainAsBad, bounds included.
    """
    start, _ = history.borders(low, high)
    inner = [s for s in history.samples if low < s.ts < high and not history.is_bad(s)]
    marks = [Bound(s.ts, s.value, s.status, raw=True) for s in inner]
    if start == low or not history.stepped:
        marks.insert(0, history.simple(low))
    if start == high or not history.stepped:
        marks.append(history.simple(high))
    worst = 0 if history.config.treat_uncertain_as_bad else 1
    return [mark for mark in marks if mark.status >> 30 <= worst]


def _extreme(history: History, low: int, high: int, best: Callable[..., Fraction], *, actual_time: bool) -> Result:
    marks = _candidates(history, low, high)
    if not marks:
        return no_data()
    start, end = history.borders(low, high)
    value = best([mark.value for mark in marks])
    hits = [mark for mark in marks if mark.value == value]
    chosen = hits[0]
    at: int | None = None
    if actual_time and chosen.ts == end:
        at, origin = (min(end + UNIT_US, start) if history.backward else max(end - UNIT_US, start)), INTERPOLATED
    elif actual_time:
        at, origin = chosen.ts, chosen.origin
    else:
        origin = chosen.origin if chosen.ts == start or not chosen.raw else CALCULATED
    info = origin | (MULTIPLE if len(hits) > 1 else 0)
    return Result(value, at, history.status_of_time(history.regions(low, high)), info)


def minimum_2(history: History, low: int, high: int) -> Result:
    return _extreme(history, low, high, min, actual_time=False)


def maximum_2(history: History, low: int, high: int) -> Result:
    return _extreme(history, low, high, max, actual_time=False)


def minimum_actual_time_2(history: History, low: int, high: int) -> Result:
    return _extreme(history, low, high, min, actual_time=True)


def maximum_actual_time_2(history: History, low: int, high: int) -> Result:
    return _extreme(history, low, high, max, actual_time=True)


def range_2(history: History, low: int, high: int) -> Result:
    """§5.4.3.19: Maximum2 less Minimum2; Bad_NoData when one of them is Bad."""
    least, most = minimum_2(history, low, high), maximum_2(history, low, high)
    if least.value is None or most.value is None or most.status >> 30 == 2:
        return no_data()
    return Result(Fraction(most.value) - Fraction(least.value), None, most.status, CALCULATED)


# Bounds (§5.4.3.28 to §5.4.3.30) -------------------------------------------------------------------------------------


def start_bound(history: History, low: int, high: int) -> Result:
    bound = history.simple(history.borders(low, high)[0])
    return Result(bound.value, None, bound.status, bound.origin if bound.usable else 0)


def end_bound(history: History, low: int, high: int) -> Result:
    bound = history.simple(history.borders(low, high)[1])
    return Result(bound.value, None, bound.status, CALCULATED)


def delta_bounds(history: History, low: int, high: int) -> Result:
    opening, closing = (history.simple(border) for border in history.borders(low, high))
    if opening.value is None or closing.value is None:
        return no_data()
    sure = opening.status >> 30 == closing.status >> 30 == 0
    return Result(closing.value - opening.value, None, GOOD if sure else SUB_NORMAL, CALCULATED)


# Durations -----------------------------------------------------------------------------------------------------------


def _in_state(history: History, low: int, high: int, wanted: Callable[[Fraction], bool]) -> Result:
    """§5.4.3.22, §5.4.3.23: Good time in milliseconds in which the held value is wanted; status by time."""
    regions = history.regions(low, high, held=True)
    length = sum(
        (r.length for r in regions if r.severity == 0 and r.first is not None and wanted(r.first)), Fraction(0)
    )
    return Result(length / MILLISECOND_US, None, history.status_of_time(regions), CALCULATED)


def duration_in_state_zero(history: History, low: int, high: int) -> Result:
    return _in_state(history, low, high, lambda value: value == 0)


def duration_in_state_non_zero(history: History, low: int, high: int) -> Result:
    return _in_state(history, low, high, lambda value: value != 0)


def _quality(history: History, low: int, high: int) -> tuple[Fraction, Fraction, Fraction]:
    """Good, Bad and all time in µs (§5.4.3.31): each sample's status holds until the next one's.

    The first region has the status of the bounding value ("Use Bounds" of the tables, and the examples of v1.04 and
    v1.05 alike), and is Bad without one. After the last sample as in `History.regions`.
    """
    opening = history.simple(low)
    marks = [(low, opening.status >> 30, not opening.usable)]
    marks += [(s.ts, s.severity, history.is_bad(s)) for s in history.samples if low < s.ts < high]
    good = bad = covered = Fraction(0)
    for number, (at, severity, is_bad) in enumerate(marks):
        until = marks[number + 1][0] if number + 1 < len(marks) else high
        length = Fraction(until - at)
        if number == len(marks) - 1 and history.samples[-1].ts < high and not is_bad:
            length = min(length, Fraction(UNIT_US))
        covered += length
        good += length if severity == 0 else 0
        bad += length if is_bad else 0
    return good, bad, covered


def duration_good(history: History, low: int, high: int) -> Result:
    return Result(_quality(history, low, high)[0] / MILLISECOND_US, None, GOOD, CALCULATED)


def duration_bad(history: History, low: int, high: int) -> Result:
    return Result(_quality(history, low, high)[1] / MILLISECOND_US, None, GOOD, CALCULATED)


def percent_good(history: History, low: int, high: int) -> Result:
    """§5.4.3.33: of the time of the interval, as far as data reach."""
    good, _, covered = _quality(history, low, high)
    return Result(good * 100 / covered, None, GOOD, CALCULATED)


def percent_bad(history: History, low: int, high: int) -> Result:
    """§5.4.3.34: likewise."""
    _, bad, covered = _quality(history, low, high)
    return Result(bad * 100 / covered, None, GOOD, CALCULATED)
