"""Functions that count samples: Average, Count, deviation and variance, Start, End, Delta, NumberOfTransitions."""

from __future__ import annotations

import numpy as np

from iiotctl import quality
from iiotctl.history.aggregates import base
from iiotctl.history.aggregates.base import Bools, Codes, Floats, Info, Ints, Outcome, outcome
from iiotctl.history.aggregates.frame import BAD, UNCERTAIN, Frame, at, count, first_of, last_of, sums


def counted_status(frame: Frame) -> Codes:
    """(m,) status by the shares of samples (§5.4.3.2.1); without any, Good.

    An Uncertain sample is never counted as Good here: the tables of Annex A are clear about it.
    """
    good = count(frame.good, frame.first, frame.stop)
    is_bad = frame.severity >= (UNCERTAIN if frame.configuration.treat_uncertain_as_bad else BAD)
    bad = count(is_bad, frame.first, frame.stop)
    return frame.configuration.status(good, bad, frame.stop - frame.first)


def average(frame: Frame) -> Outcome:
    """§5.4.3.5."""
    number = count(frame.good, frame.first, frame.stop)
    value = _sum_of_good(frame) / np.maximum(number, 1)
    return outcome(frame, value, _unless_empty(number, counted_status(frame)), sets_partial=False)


def count_(frame: Frame) -> Outcome:
    """§5.4.3.21."""
    number = count(frame.good, frame.first, frame.stop)
    return outcome(frame, number.astype(np.float64), counted_status(frame))


def standard_deviation_sample(frame: Frame) -> Outcome:
    """§5.4.3.37."""
    return _spread(frame, less=1, root=True)


def standard_deviation_population(frame: Frame) -> Outcome:
    """§5.4.3.39."""
    return _spread(frame, less=0, root=True)


def variance_sample(frame: Frame) -> Outcome:
    """§5.4.3.38."""
    return _spread(frame, less=1, root=False)


def variance_population(frame: Frame) -> Outcome:
    """§5.4.3.40."""
    return _spread(frame, less=0, root=False)


def _spread(frame: Frame, *, less: int, root: bool) -> Outcome:
    number = count(frame.good, frame.first, frame.stop)
    mean = _sum_of_good(frame) / np.maximum(number, 1)
    # deviations from the mean of each interval: the naive formula loses its digits for large means
    sizes = frame.stop - frame.first
    places = np.repeat(frame.first - np.append(0, np.cumsum(sizes)[:-1]), sizes) + np.arange(int(sizes.sum()))
    off = np.where(frame.good[places], frame.value[places] - np.repeat(mean, sizes), 0.0)
    stops = np.cumsum(sizes)
    squares = sums(off * off, stops - sizes, stops)
    value = squares / np.maximum(number - less, 1)
    status = spread_status(number, sizes)
    return outcome(frame, np.sqrt(value) if root else value, status)


def spread_status(good: Ints, number: Ints) -> Codes:
    """(m,) of deviations and variances: Uncertain as soon as one sample was not Good."""
    return _unless_empty(good, np.where(good < number, base.UNCERTAIN, quality.GOOD).astype(np.uint32))


def _sum_of_good(frame: Frame) -> Floats:
    return sums(np.where(frame.good, frame.value, 0.0), frame.first, frame.stop)


def _unless_empty(number: Ints, status: Codes) -> Codes:
    return np.where(number == 0, base.NO_DATA, status).astype(np.uint32)


def start(frame: Frame) -> Outcome:
    """§5.4.3.25."""
    return _stored(frame, frame.first)


def end(frame: Frame) -> Outcome:
    """§5.4.3.26."""
    return _stored(frame, frame.stop - 1)


def _stored(frame: Frame, sample: Ints) -> Outcome:
    found = frame.stop > frame.first
    status = np.where(found, at(frame.quality, sample, 0) & np.uint32(base.CODE), base.NO_DATA)
    time = at(frame.ts, sample, 0)
    return outcome(frame, at(frame.value, sample, np.nan), status.astype(np.uint32), info=0, ts=time, raw=found)


def delta(frame: Frame) -> Outcome:
    """§5.4.3.27."""
    first = first_of(frame.good, frame.first, frame.stop)
    last = last_of(frame.good, frame.first, frame.stop)
    skipped = (first > frame.first) | (last < frame.stop - 1)
    status = np.where(skipped, base.UNCERTAIN, quality.GOOD).astype(np.uint32)
    status = np.where(first >= frame.stop, np.uint32(base.NO_DATA), status)
    return outcome(frame, at(frame.value, last, np.nan) - at(frame.value, first, np.nan), status)


def number_of_transitions(frame: Frame) -> Outcome:
    """§5.4.3.24."""
    kept = np.flatnonzero(frame.usable)
    values = frame.value[kept]
    changes: Bools = np.ones(len(kept), bool)  # the first of all has no previous one, which counts as a change
    changes[1:] = values[1:] != values[:-1]
    number = count(changes, np.searchsorted(kept, frame.first), np.searchsorted(kept, frame.stop))
    return outcome(frame, number.astype(np.float64), counted_status(frame), info=Info.CALCULATED)
