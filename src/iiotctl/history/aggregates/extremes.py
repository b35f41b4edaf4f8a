"""Smallest and largest value: Minimum, Maximum, Range, with actual time, and with bounding values ("2")."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from iiotctl import quality
from iiotctl.history.aggregates import base
from iiotctl.history.aggregates.base import Codes, Floats, Info, Outcome, outcome
from iiotctl.history.aggregates.bounds import Bound
from iiotctl.history.aggregates.frame import UNCERTAIN, Frame, at, count, first_of, least
from iiotctl.history.aggregates.regions import Regions
from iiotctl.history.aggregates.tally import Counted, Extreme, Tally, equal


def minimum(frame: Frame, tally: Tally | None = None) -> Outcome:
    """§5.4.3.10."""
    return _at_start(frame, tally, 1.0)


def maximum(frame: Frame, tally: Tally | None = None) -> Outcome:
    """§5.4.3.11."""
    return _at_start(frame, tally, -1.0)


def minimum_actual_time(frame: Frame) -> Outcome:
    """§5.4.3.12."""
    return _at_its_time(frame, 1.0)


def maximum_actual_time(frame: Frame) -> Outcome:
    """§5.4.3.13."""
    return _at_its_time(frame, -1.0)


def value_range(frame: Frame, tally: Tally | None = None) -> Outcome:
    """§5.4.3.14."""
    tally = tally or Counted(frame)
    low, high = tally.least(1.0), tally.least(-1.0)
    return outcome(frame, -high.value - low.value, np.maximum(_status(tally, low), _status(tally, high)))


def _status(tally: Tally, found: Extreme) -> Codes:
    """(m,) Uncertain samples that are not taken for Bad are ignored, yet they count when they lie beyond the result."""
    doubtful = (tally.bad > 0) | (found.other < found.value)
    status = np.where(doubtful, base.UNCERTAIN, quality.GOOD)
    return np.where(tally.good == 0, base.NO_DATA, status).astype(np.uint32)


def _at_start(frame: Frame, tally: Tally | None, sign: float) -> Outcome:
    tally = tally or Counted(frame)
    found = tally.least(sign)
    status = _status(tally, found)
    raw = found.at_start & (status == quality.GOOD)
    info = np.where(raw, 0, Info.CALCULATED) | np.where(found.several, Info.MULTIPLE_VALUES, 0)
    return outcome(frame, sign * found.value, status, info=info.astype(np.uint32), raw=raw)


def _at_its_time(frame: Frame, sign: float) -> Outcome:
    tally = Counted(frame)
    found = tally.least(sign)
    status = _status(tally, found)
    matches = frame.good & equal(frame, sign, found.value, frame.first, frame.stop)
    time = at(frame.ts, first_of(matches, frame.first, frame.stop), 0)
    info = np.where(found.several, Info.MULTIPLE_VALUES, 0).astype(np.uint32)
    return outcome(frame, sign * found.value, status, info=info, ts=time, raw=status != base.NO_DATA)


def minimum_2(frame: Frame) -> Outcome:
    """§5.4.3.15."""
    return _bounded(frame, 1.0)


def maximum_2(frame: Frame) -> Outcome:
    """§5.4.3.16."""
    return _bounded(frame, -1.0)


def minimum_actual_time_2(frame: Frame) -> Outcome:
    """§5.4.3.17."""
    return _bounded(frame, 1.0, actual=True)


def maximum_actual_time_2(frame: Frame) -> Outcome:
    """§5.4.3.18."""
    return _bounded(frame, -1.0, actual=True)


def range_2(frame: Frame) -> Outcome:
    """§5.4.3.19."""
    regions = Regions(frame, sloped=not frame.stepped)
    low, high = _Candidates.of(frame, regions, 1.0), _Candidates.of(frame, regions, -1.0)
    status = low.status(regions)
    # Minimum2 or Maximum2 Bad: Bad_NoData
    status = np.where(status >= quality.BAD, np.uint32(base.NO_DATA), status)
    return outcome(frame, -high.best - low.best, status)


@dataclass(frozen=True, slots=True)
class _Candidates:
    """Values among which the smallest is looked for: the bound at each border, if it takes part, and samples between.

    Attributes:
        low: (m,) value at the earlier border, inf = takes no part.
        inner: (m,) smallest of the samples between.
        high: (m,) value at the later border.
        best: (m,) smallest of the three.
    """

    low: Floats
    inner: Floats
    high: Floats
    best: Floats

    @classmethod
    def of(cls, frame: Frame, regions: Regions, sign: float) -> _Candidates:
        inner = least(np.where(frame.usable, sign * frame.value, np.inf), frame.inner_first, frame.inner_stop)
        low, high = _side(frame, regions.low, sign), _side(frame, regions.high, sign)
        if frame.stepped:  # the end bound is ignored
            if frame.backward:
                low = np.full_like(low, np.inf)
            else:
                high = np.full_like(high, np.inf)
        return cls(low, inner, high, np.minimum(np.minimum(low, high), inner))

    def status(self, regions: Regions) -> Codes:
        """(m,) by the shares of time; Bad_NoData where there is no candidate."""
        return np.where(np.isinf(self.best), np.uint32(base.NO_DATA), regions.status())


def _side(frame: Frame, bound: Bound, sign: float) -> Floats:
    takes_part = bound.usable
    if frame.configuration.treat_uncertain_as_bad:
        takes_part &= bound.severity != UNCERTAIN
    return np.where(takes_part, sign * bound.value, np.inf)


def _bounded(frame: Frame, sign: float, *, actual: bool = False) -> Outcome:
    regions = Regions(frame, sloped=not frame.stepped)
    found = _Candidates.of(frame, regions, sign)
    best = found.best
    inner = frame.inner_first, frame.inner_stop
    matches = frame.usable & equal(frame, sign, best, *inner)
    at_low, at_high = found.low == best, found.high == best
    number = count(matches, *inner) + at_low + at_high
    between = at(frame.ts, first_of(matches, *inner), 0)
    from_inner = ~at_low & (found.inner == best)
    from_high = ~at_low & ~from_inner
    from_end = at_low if frame.backward else from_high
    bound_raw = np.where(at_low, regions.low.raw, regions.high.raw)
    is_interpolated = ~from_inner & ~bound_raw
    if actual:
        # a bound at the end is given at the last instant inside the interval, where no sample stands
        is_interpolated |= from_end
        calculated = np.zeros(len(best), bool)
        step = -base.RESOLUTION_US
        # (of an interval shorter than the resolution that is its start)
        ends = np.minimum(frame.low - step, frame.high) if frame.backward else np.maximum(frame.high + step, frame.low)
        time = np.where(from_inner, between, np.where(from_end, ends, np.where(at_low, frame.low, frame.high)))
    else:
        calculated = ~is_interpolated & (from_inner | from_end)
        time = frame.start
    info = (
        np.where(is_interpolated, Info.INTERPOLATED, 0)
        | np.where(calculated, Info.CALCULATED, 0)
        | np.where(number > 1, Info.MULTIPLE_VALUES, 0)
    ).astype(np.uint32)
    status = found.status(regions)
    raw = ~is_interpolated & ~calculated & (status < quality.BAD)
    return outcome(frame, sign * best, status, info=info, ts=time, raw=raw)
