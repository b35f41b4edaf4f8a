"""Durations of states: DurationInStateZero, DurationInStateNonZero."""

from __future__ import annotations

from iiotctl.history.aggregates.base import Info, Outcome, outcome
from iiotctl.history.aggregates.frame import GOOD, Frame
from iiotctl.history.aggregates.regions import Regions

_MS_PER_US = 1e-3


def duration_in_state_zero(frame: Frame) -> Outcome:
    """§5.4.3.22."""
    return _lasting(frame, zero=True)


def duration_in_state_non_zero(frame: Frame) -> Outcome:
    """§5.4.3.23."""
    return _lasting(frame, zero=False)


def _lasting(frame: Frame, *, zero: bool) -> Outcome:
    # a state holds until the next sample, however the variable is drawn
    regions = Regions(frame, sloped=False)
    low = regions.low
    time = regions.lasting(
        frame.good & ((frame.value == 0) == zero), (low.severity == GOOD) & ((low.value == 0) == zero)
    )
    return outcome(frame, time * _MS_PER_US, regions.status(), info_when_bad=Info.CALCULATED)
