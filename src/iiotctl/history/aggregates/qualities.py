"""Functions of the quality alone: DurationGood, DurationBad, PercentGood, PercentBad, WorstQuality, WorstQuality2."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from iiotctl import quality
from iiotctl.history.aggregates import base, bounds
from iiotctl.history.aggregates.base import Bools, Codes, Floats, Info, Ints, Outcome, outcome
from iiotctl.history.aggregates.frame import BAD, GOOD, UNCERTAIN, Frame, at, count, first_of
from iiotctl.history.aggregates.regions import Regions

_MS_PER_US = 1e-3


def duration_good(frame: Frame) -> Outcome:
    """§5.4.3.31."""
    time, _ = _spent(frame, bad=False)
    return _always_good(frame, time * _MS_PER_US)


def duration_bad(frame: Frame) -> Outcome:
    """§5.4.3.32."""
    time, _ = _spent(frame, bad=True)
    return _always_good(frame, time * _MS_PER_US)


def percent_good(frame: Frame) -> Outcome:
    """§5.4.3.33."""
    return _share(frame, bad=False)


def percent_bad(frame: Frame) -> Outcome:
    """§5.4.3.34."""
    return _share(frame, bad=True)


def _share(frame: Frame, *, bad: bool) -> Outcome:
    time, whole = _spent(frame, bad=bad)
    return _always_good(frame, time * 100 / np.maximum(whole, 1))


def _spent(frame: Frame, *, bad: bool) -> tuple[Ints, Ints]:
    """µs of Good or Bad regions, and of all: each has the status of the sample it begins with.

    The first one has that of the bounding value ("Use Bounds: uses status of bounding value"), as all published tables
    have it: of a sloped tag it is Uncertain when the next sample is not Good.
    """
    regions = Regions(frame.by_quality_alone(), sloped=False)
    return regions.bad if bad else regions.good, regions.good + regions.uncertain + regions.bad


def _always_good(frame: Frame, value: Floats) -> Outcome:
    return outcome(frame, value, np.zeros(len(value), np.uint32))


def worst_quality(frame: Frame) -> Outcome:
    """§5.4.3.35."""
    return _worst(frame.by_quality_alone(), with_start=False)


def worst_quality_2(frame: Frame) -> Outcome:
    """§5.4.3.36."""
    return _worst(frame.by_quality_alone(), with_start=True)


def _worst(frame: Frame, *, with_start: bool) -> Outcome:
    """The worst status of samples, and of the start bound; of equals the first in time."""
    # TreatUncertainAsBad is ignored
    frame = frame.with_configuration(replace(frame.configuration, treat_uncertain_as_bad=False))
    bound = bounds.simple(frame, frame.start)
    codes = frame.quality & np.uint32(base.CODE)
    first, stop = frame.first, frame.stop
    # a sample at the start is the bound, and counts once
    stands = at(frame.ts, stop - 1 if frame.backward else first, 0) == frame.start
    with_bound = ~(stands & (stop > first)) if with_start else np.zeros(len(first), bool)
    code = np.zeros(len(first))
    several = np.zeros(len(first), bool)
    worst = np.full(len(first), -1)
    for severity in (GOOD, UNCERTAIN, BAD):
        mask = frame.severity == severity
        head = first_of(mask, first, stop)
        stored = at(codes, head, 0)
        here = with_bound & (bound.severity == severity)
        found = count(mask, first, stop)
        there = here | (found > 0)
        leads = here & (found == 0) if frame.backward else here
        if frame.configuration.edition.counts_equal_codes:
            others = found + here > 1
        else:
            others = count(_changes(codes, mask), np.minimum(head + 1, stop), stop) > 0
            others |= here & (found > 0) & (stored != bound.status)
        code = np.where(there, np.where(leads, bound.status, stored).astype(np.float64), code)
        several = np.where(there, others, several)
        worst = np.where(there, severity, worst)
    status = np.where(worst < 0, base.NO_DATA, quality.GOOD).astype(np.uint32)
    info = Info.CALCULATED | np.where(several, int(Info.MULTIPLE_VALUES), 0)
    return outcome(frame, code, status, info=info.astype(np.uint32))


def _changes(codes: Codes, mask: Bools) -> Bools:
    """(n,) a masked sample has another code than the masked one before it."""
    places = np.flatnonzero(mask)
    found = np.zeros(len(codes), bool)
    found[places[1:]] = np.diff(codes[places]) != 0
    return found
