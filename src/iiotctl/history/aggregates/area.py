"""Time-weighted functions: Interpolative, TimeAverage, TimeAverage2, Total, Total2."""

from __future__ import annotations

import numpy as np

from iiotctl import quality
from iiotctl.history.aggregates import base, bounds
from iiotctl.history.aggregates.base import Bools, Codes, Floats, Info, Outcome, outcome
from iiotctl.history.aggregates.frame import UNCERTAIN, Frame, count, sums
from iiotctl.history.aggregates.regions import Regions


def interpolative(frame: Frame) -> Outcome:
    """§5.4.3.4."""
    found = bounds.interpolated(frame, frame.start, stepped=frame.stepped)
    info = np.where(found.raw, 0, Info.INTERPOLATED).astype(np.uint32)
    return outcome(frame, found.value, found.status, info=info, raw=found.raw, sets_partial=False, extends=True)


def time_average(frame: Frame) -> Outcome:
    """§5.4.3.6."""
    area, seconds, status = _bridged(frame)
    with np.errstate(invalid="ignore", divide="ignore"):
        return outcome(frame, area / seconds, status, extends=True)


def total(frame: Frame) -> Outcome:
    """§5.4.3.8: TimeAverage x the seconds it is the average of."""
    area, _, status = _bridged(frame)
    return outcome(frame, area, status, extends=True)


def _bridged(frame: Frame) -> tuple[Floats, Floats, Codes]:
    """Area below straight lines between all usable samples, bounds included; its seconds; the status."""
    low = bounds.interpolated(frame, frame.low, stepped=False)
    high = bounds.interpolated(frame, frame.high, stepped=False)
    kept = np.flatnonzero(frame.usable)
    size = len(frame.low)
    if not len(kept):
        return np.zeros(size), np.zeros(size), np.full(size, base.NO_DATA, np.uint32)
    times, values = frame.ts[kept], frame.value[kept]
    # without a bound at its beginning the interval is that from the first sample on
    begin = np.where(low.usable, frame.low, np.maximum(frame.low, times[0]))
    first = np.searchsorted(times, begin, "right")
    first_value = np.where(low.usable, low.value, values[np.maximum(first - 1, 0)])
    stop = np.maximum(np.searchsorted(times, frame.high, "left"), first)
    alone = first == stop
    next_, last = np.minimum(first, len(kept) - 1), np.maximum(stop - 1, 0)
    lines = (values + np.append(values[1:], values[-1:])) * 0.5 * (np.diff(times, append=times[-1:]) * 1e-6)
    whole = (first_value + high.value) * 0.5 * ((frame.high - begin) * 1e-6)
    head = (first_value + values[next_]) * 0.5 * ((times[next_] - begin) * 1e-6)
    tail = (values[last] + high.value) * 0.5 * ((frame.high - times[last]) * 1e-6)
    area = np.where(alone, whole, head + sums(lines, first, np.maximum(stop - 1, first)) + tail)
    missing = begin >= frame.high
    doubtful = ~low.usable | (low.severity == UNCERTAIN) | (high.severity == UNCERTAIN) | _others_inside(frame)
    status = np.where(missing, base.NO_DATA, np.where(doubtful, base.UNCERTAIN, quality.GOOD))
    return area, (frame.high - begin) * 1e-6, status.astype(np.uint32)


def _others_inside(frame: Frame) -> Bools:
    """(m,) some sample between the borders is not Good."""
    return count(~frame.good, frame.inner_first, frame.inner_stop) > 0


def time_average_2(frame: Frame) -> Outcome:
    """§5.4.3.7."""
    regions, status = _measured(frame)
    seconds = (regions.good + regions.uncertain) * 1e-6
    with np.errstate(invalid="ignore", divide="ignore"):
        return outcome(frame, regions.area / seconds, status, info_when_bad=Info.CALCULATED)


def total_2(frame: Frame) -> Outcome:
    """§5.4.3.9: TimeAverage2 x the seconds without Bad data."""
    regions, status = _measured(frame)
    return outcome(frame, regions.area, status, info_when_bad=Info.CALCULATED)


def _measured(frame: Frame) -> tuple[Regions, Codes]:
    regions = Regions(frame, sloped=not frame.stepped)
    nothing = regions.good + regions.uncertain == 0
    return regions, np.where(nothing, np.uint32(base.NO_DATA), regions.status())
