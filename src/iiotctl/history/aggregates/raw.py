"""Functions that count samples: Average, Count, deviation and variance, Start, End, Delta, NumberOfTransitions."""

from __future__ import annotations

import numpy as np

from iiotctl import quality
from iiotctl.history.aggregates import base
from iiotctl.history.aggregates.base import Bools, Codes, Info, Ints, Outcome, outcome
from iiotctl.history.aggregates.frame import Frame, at, count, first_of, last_of
from iiotctl.history.aggregates.tally import Counted, Tally


def _counted_status(frame: Frame, tally: Tally) -> Codes:
    """(m,) status by the shares of samples (§5.4.3.2.1); without any, Good.

    An Uncertain sample is never counted as Good here: the tables of Annex A are clear about it.
    """
    return frame.configuration.status(tally.good, tally.bad, tally.number)


def average(frame: Frame, tally: Tally | None = None) -> Outcome:
    """§5.4.3.5."""
    tally = tally or Counted(frame)
    value = tally.sum / np.maximum(tally.good, 1)
    status = _unless_empty(tally.good, _counted_status(frame, tally))
    return outcome(frame, value, status, sets_partial=False)


def count_(frame: Frame, tally: Tally | None = None) -> Outcome:
    """§5.4.3.21."""
    tally = tally or Counted(frame)
    return outcome(frame, tally.good.astype(np.float64), _counted_status(frame, tally))


def standard_deviation_sample(frame: Frame, tally: Tally | None = None) -> Outcome:
    """§5.4.3.37."""
    return _spread(frame, tally, less=1, root=True)


def standard_deviation_population(frame: Frame, tally: Tally | None = None) -> Outcome:
    """§5.4.3.39."""
    return _spread(frame, tally, less=0, root=True)


def variance_sample(frame: Frame, tally: Tally | None = None) -> Outcome:
    """§5.4.3.38."""
    return _spread(frame, tally, less=1, root=False)


def variance_population(frame: Frame, tally: Tally | None = None) -> Outcome:
    """§5.4.3.40."""
    return _spread(frame, tally, less=0, root=False)


def _spread(frame: Frame, tally: Tally | None, *, less: int, root: bool) -> Outcome:
    """Uncertain as soon as one sample was not Good."""
    tally = tally or Counted(frame)
    value = tally.squares / np.maximum(tally.good - less, 1)
    status = np.where(tally.good < tally.number, base.UNCERTAIN, quality.GOOD).astype(np.uint32)
    return outcome(frame, np.sqrt(value) if root else value, _unless_empty(tally.good, status))


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
    return outcome(frame, number.astype(np.float64), _counted_status(frame, Counted(frame)), info=Info.CALCULATED)
