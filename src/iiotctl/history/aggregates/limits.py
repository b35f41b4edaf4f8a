"""Values at the borders: StartBound, EndBound, DeltaBounds."""

from __future__ import annotations

import numpy as np

from iiotctl import quality
from iiotctl.history.aggregates import base, bounds
from iiotctl.history.aggregates.base import Info, Outcome, outcome
from iiotctl.history.aggregates.bounds import Bound
from iiotctl.history.aggregates.frame import UNCERTAIN, Frame


def _both(frame: Frame) -> tuple[Bound, Bound]:
    """Bounds at the start and at the end, in the direction of time asked for."""
    low, high = bounds.simple(frame, frame.low), bounds.simple(frame, frame.high)
    return (high, low) if frame.backward else (low, high)


def start_bound(frame: Frame) -> Outcome:
    """§5.4.3.28."""
    first, _ = _both(frame)
    info = np.where(first.raw, 0, Info.INTERPOLATED).astype(np.uint32)
    return outcome(frame, first.value, first.status, info=info, raw=first.raw)


def end_bound(frame: Frame) -> Outcome:
    """§5.4.3.29."""
    _, last = _both(frame)
    return outcome(frame, last.value, last.status)


def delta_bounds(frame: Frame) -> Outcome:
    """§5.4.3.30."""
    first, last = _both(frame)
    doubtful = (first.severity == UNCERTAIN) | (last.severity == UNCERTAIN)
    status = np.where(doubtful, base.UNCERTAIN, quality.GOOD)
    status = np.where(first.usable & last.usable, status, base.NO_DATA).astype(np.uint32)
    return outcome(frame, last.value - first.value, status)
