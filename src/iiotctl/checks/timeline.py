"""Holes and doubled stretches in a tag's times, and the clock shifts that explain both. Pure.

A source clock that runs ahead by g from t0 to t1 leaves a hole of g at t0, and from t1 on a stretch of g that is there
twice; one that runs behind leaves the doubled stretch first and the hole last. So a hole and a doubled stretch of the same
length belong together, and are neither a loss nor a repetition.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from iiotctl.checks.features.columns import SECOND
from iiotctl.checks.series import runs
from iiotctl.samples import GapReason

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    import numpy.typing as npt

    from iiotctl.checks.tagdata import Hole, TagData

LEAST_S: Final = 5.0
"""A clock that is wrong by less cannot be told from late rows."""
_LEAST_INTERVALS: Final = 3.5
"""Nor one that is wrong by less than so many intervals from a lost row."""
_DENSE: Final = 0.5
"""Share of the rows of a stretch that must be there twice to call it doubled."""
_FULLER: Final = 1.2
"""Ratio to the usual number of rows from which a window may be part of a doubled stretch."""
_HABIT: Final = 5
"""More steps back than this without a hole to each are no clock that was set, but how the rows always come."""

_IRREGULAR: Final = 3.0
"""A tag whose longest time between rows exceeds so many intervals in every twentieth window reports on change."""

_CAUSES: Final[Mapping[str, str]] = {
    GapReason.DISCONNECTED: "the link to the source was down",
    GapReason.TIMEOUT: "the source did not answer",
    GapReason.REFUSED: "the source refused to answer",
    GapReason.OVERFLOW: "a queue overflowed",
    GapReason.RESTART: "capture was restarted",
    GapReason.DAMAGED: "stored samples were damaged",
    GapReason.CLOCK_STEP: "the clock of the capturing machine was set",
    GapReason.SHUTDOWN: "capture was stopped on purpose",
    GapReason.DISK_RESERVE: "the disk ran full",
    GapReason.DISK_FULL: "the disk was full",
}


@dataclass(frozen=True, slots=True)
class Break:
    """A stretch without rows: µs UTC of the row before and the row after; s between them."""

    start: int
    end: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Overlap:
    """A stretch that is there twice.

    Attributes:
        start, end: µs UTC, first and last time that came twice.
        seconds: its length as a clock would have been shifted.
        tolerance: s, by which a hole may differ in length.
        stepped: the time was seen to step back.
        again: its rows are mostly the same values again: delivered twice, rather than measured at another time.
    """

    start: int
    end: int
    seconds: float
    tolerance: float
    stepped: bool = False
    again: bool = False


@dataclass(frozen=True, slots=True)
class Shift:
    """A time during which the clock was wrong.

    Attributes:
        start, end: µs UTC by the right clock; `end` None = it was not seen to be put right.
        seconds: ahead (positive) or behind (negative).
        overlap, hole: what shows it; `hole` None = not seen.
    """

    start: int
    end: int | None
    seconds: float
    overlap: Overlap
    hole: Break | None


@dataclass(frozen=True, slots=True)
class Silence:
    """How long a tag may say nothing.

    Attributes:
        limit: s.
        by_exception: it reports on change, so that silence is normal.
        sure: longer silence cannot be normal.
    """

    limit: float
    by_exception: bool = False
    sure: bool = True


def silence(data: TagData, least: float, factor: float) -> Silence | None:
    """How long a tag may say nothing; None where too few rows tell.

    max(least, factor · p99.9 of the longest time between rows in a window of the baseline). A tag that reports on
    change: factor · heartbeat, without one factor · the longest time of the baseline, and then it is not sure.

    Args:
        data: of the tag.
        least: s.
        factor: of the learnt time.
    """
    info, interval = data.info, interval_of(data)
    irregular = learnt(data, "apart", 0.95) > _IRREGULAR * interval
    if not (info.mode == "exception" or info.deadband or irregular):
        usual = max(learnt(data, "apart", 0.999), info.period or 0.0)
        return Silence(max(least, factor * usual)) if math.isfinite(usual) else None
    if info.heartbeat:
        return Silence(max(least, factor * info.heartbeat), by_exception=True)
    longest = learnt(data, "apart", 1.0)
    return Silence(max(least, factor * longest), by_exception=True, sure=False) if math.isfinite(longest) else None


def interval_of(data: TagData) -> float:
    """Usual time between rows in s; NaN where it was never seen."""
    import numpy as np

    if data.baseline is not None and math.isfinite(data.baseline.interval):
        return data.baseline.interval
    apart = data.features["apart_med"]
    known = apart[np.isfinite(apart)]
    return float(np.median(known)) if len(known) else float("nan")


def learnt(data: TagData, feature: str, q: float) -> float:
    """A quantile of the baseline, or where there is none of the table itself; NaN without values."""
    import numpy as np

    if data.baseline is not None:
        return data.baseline.quantile(feature, q)
    column = data.features[feature]
    known = column[np.isfinite(column) & (data.features["rows"] > 0)]
    return float(np.quantile(known, q)) if len(known) else float("nan")


def is_judged(data: TagData, start: int, end: int) -> bool:
    """Whether any window that touches [start, end] is one that is to be judged."""
    first = max(0, data.features.row_of(start))
    return bool(data.judged[first : max(first, data.features.row_of(end) + 1)].any())


def breaks(data: TagData, longest: float) -> list[Break]:
    """Stretches without rows of more than `longest` s that have an end, in order.

    The end is exact to an interval where rows come regularly: it is counted back from the end of its window.
    """
    import numpy as np

    features = data.features
    interval = interval_of(data)
    found = []
    for row in np.flatnonzero(features["apart"] > longest):
        begin = features.time_of(int(row))
        after = int(features["rows"][row] * interval * SECOND) if math.isfinite(interval) else 0
        end = max(begin, begin + features.window - after)
        seconds = float(features["apart"][row])
        found.append(Break(end - round(seconds * SECOND), end, seconds))
    return found


def shifts(data: TagData) -> list[Shift]:
    """Times during which the clock was wrong, as the order and the density of the rows show it."""
    interval = interval_of(data)
    if not math.isfinite(interval) or interval <= 0:
        return []
    holes = breaks(data, _least(interval))
    if data.last_row is not None and data.now - data.last_row > _LEAST_INTERVALS * interval * SECOND:
        holes.append(Break(data.last_row, data.now, (data.now - data.last_row) / SECOND))
    found: list[Shift] = []
    alone: list[Overlap] = []
    for overlap in _overlaps(data, interval):
        fitting = [hole for hole in holes if _fits(hole, overlap, interval)]
        if fitting:
            hole = min(fitting, key=lambda one: max(one.start - overlap.end, overlap.start - one.end))
            holes.remove(hole)
            found.append(_shift(overlap, hole, data))
        elif overlap.stepped and not overlap.again:
            alone.append(overlap)
    if len(alone) <= _HABIT:
        found += [Shift(one.end, None, -one.seconds, one, None) for one in alone]
    return sorted(found, key=lambda one: one.start)


def explained(found: Sequence[Shift], start: int, end: int) -> bool:
    """Whether a stretch is the edge of a shift: its hole, or what is doubled by it."""
    for shift in found:
        edges = [(shift.overlap.start, shift.overlap.end)]
        if shift.hole is not None:
            edges.append((shift.hole.start, shift.hole.end))
        slack = round(shift.overlap.tolerance * SECOND)
        if any(start <= high + slack and end >= low - slack for low, high in edges):
            return True
    return False


def doubled(data: TagData) -> npt.NDArray[np.bool_]:
    """(n,) windows in which rows of two times alternate, because a clock was set; values say nothing there."""
    import numpy as np

    features = data.features
    found = np.zeros(len(features), np.bool_)
    for shift in shifts(data):
        first, last = features.row_of(shift.overlap.start), features.row_of(shift.overlap.end)
        found[max(0, first) : max(0, last + 1)] = True
    return found


def cause(data: TagData, start: int, end: int) -> Hole | None:
    """The recorded gap that covers most of a stretch; None = none touches it."""
    found = [hole for hole in data.holes if hole.start < end and (hole.end is None or hole.end > start)]
    return max(found, key=lambda one: min(one.end or end, end) - max(one.start, start), default=None)


def cause_text(hole: Hole) -> str:
    """A recorded reason in plain words."""
    return _CAUSES.get(hole.reason, hole.reason)


def least(data: TagData) -> float:
    """The smallest shift in s that can be told from late and lost rows."""
    return _least(interval_of(data))


def _least(interval: float) -> float:
    return max(LEAST_S, _LEAST_INTERVALS * interval)


def _fits(hole: Break, overlap: Overlap, interval: float) -> bool:
    beside = hole.end <= overlap.start + SECOND or hole.start >= overlap.end - SECOND
    return beside and abs(hole.seconds - interval - overlap.seconds) <= overlap.tolerance


def _shift(overlap: Overlap, hole: Break, data: TagData) -> Shift:
    seconds = hole.seconds - interval_of(data)
    if hole.end <= overlap.start + SECOND:
        return Shift(hole.start, overlap.start, seconds, overlap, hole)
    lasting = data.last_row is not None and hole.start >= data.last_row
    return Shift(overlap.end, None if lasting else hole.end, -seconds, overlap, hole)


def _overlaps(data: TagData, interval: float) -> list[Overlap]:
    """Doubled stretches, those with the best evidence first; none stands twice."""
    found: list[Overlap] = []
    for maker in (_stepped_back, _said_twice, _denser):
        for one in maker(data, interval):
            if not any(one.start <= other.end and one.end >= other.start for other in found):
                found.append(one)
    return found


def _stepped_back(data: TagData, interval: float) -> list[Overlap]:
    found = []
    for noted in data.disorder:
        seconds = noted.step + interval
        if noted.kind != "backward" or seconds < _least(interval):
            continue
        end = max(noted.end, noted.start + round(noted.step * SECOND))
        again, other = _dropped(data, noted.start, end)
        more = _excess(data, noted.start, end)
        if again + other + more >= _DENSE * seconds / interval:
            tolerance = 3 * interval + 0.02 * seconds
            repeated = again > 4 * (other + max(0.0, more))
            found.append(Overlap(noted.start, end, seconds, tolerance, stepped=True, again=repeated))
    return found


def _said_twice(data: TagData, interval: float) -> list[Overlap]:
    """Rows that were left out one after the other, in a store that does not know the order of the file."""
    found = []
    for noted in data.disorder:
        seconds = (noted.end - noted.start) / SECOND + interval
        dense = noted.rows >= _DENSE * seconds / interval
        if noted.kind != "backward" and dense and seconds >= _least(interval):
            tolerance = 4 * interval + 0.05 * seconds
            found.append(Overlap(noted.start, noted.end, seconds, tolerance, again=noted.kind == "repeated"))
    return found


def _denser(data: TagData, interval: float) -> list[Overlap]:
    """Windows with more rows than a tag that reports regularly ever has."""
    features = data.features
    usual = features.window / (interval * SECOND)
    if not learnt(data, "rows", 0.99) <= _FULLER * usual or learnt(data, "apart", 0.5) > 2 * interval:
        return []
    found = []
    for first, stop in runs(features["rows"] > _FULLER * usual):
        start, end = features.time_of(first), features.time_of(stop)
        seconds = _excess(data, start - features.window, end) * interval
        if seconds >= _least(interval):
            found.append(Overlap(start, end, seconds, 4 * interval + 0.1 * seconds))
    return found


def _excess(data: TagData, start: int, end: int) -> float:
    """Rows in the windows that touch a stretch beyond the usual number."""
    features = data.features
    first, stop = max(0, features.row_of(start)), min(len(features), features.row_of(end) + 1)
    if stop <= first:
        return 0.0
    usual = features.window / (interval_of(data) * SECOND)
    return float(features["rows"][first:stop].sum()) - usual * (stop - first)


def _dropped(data: TagData, start: int, end: int) -> tuple[int, int]:
    """Rows of a stretch that were left out: the same again, and with another value."""
    rows = {"repeated": 0, "conflicting": 0}
    for noted in data.disorder:
        if noted.kind in rows and noted.start <= end and noted.end >= start:
            rows[noted.kind] += noted.rows
    return rows["repeated"], rows["conflicting"]
