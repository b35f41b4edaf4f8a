"""Bounding values: the value and status a tag has at an instant (§3.1.7 to 3.1.9)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from iiotctl import quality
from iiotctl.history.aggregates import base
from iiotctl.history.aggregates.base import Bools, Codes, Floats, Ints
from iiotctl.history.aggregates.frame import BAD, GOOD, UNCERTAIN, Frame


@dataclass(frozen=True, slots=True)
class Bound:
    """Values at instants.

    Attributes:
        value: (m,) NaN where Bad.
        severity: (m,) GOOD, UNCERTAIN or BAD.
        status: (m,) codes without info bits: that of the sample, UncertainDataSubNormal or Bad_NoData.
        raw: (m,) a sample stands at the instant and is the bound.
    """

    value: Floats
    severity: npt.NDArray[np.uint8]
    status: Codes
    raw: Bools

    @property
    def usable(self) -> Bools:
        """(m,) has a value."""
        return self.severity < BAD


def simple(frame: Frame, at: Ints) -> Bound:
    """Simple bounding values (§3.1.9): from the samples right before and after, even if they are Bad.

    A sample at the instant is the bound. Else the line from the one before to the one after; the one before alone
    when the variable is stepped or the one after is Bad. Bad_NoData when the one before is Bad or missing, or
    nothing follows at all.
    """
    if not len(frame.ts):
        return _none(len(at))
    last = len(frame.ts) - 1
    before = np.searchsorted(frame.ts, at, "right") - 1
    b, a = np.maximum(before, 0), np.minimum(before + 1, last)
    exact = (before >= 0) & (frame.ts[b] == at)
    follows = before < last
    usable = (before >= 0) & frame.usable[b] & (exact | follows)
    uncertain = frame.severity[b] == UNCERTAIN
    value = frame.value[b]
    if not frame.stepped:
        sloped = follows & frame.usable[a] & ~exact
        value = np.where(sloped, _line(frame.ts[b], value, frame.ts[a], frame.value[a], at), value)
        uncertain |= ~exact & (~frame.usable[a] | (frame.severity[a] == UNCERTAIN))
    return _bound(frame, b, exact, usable=usable, uncertain=uncertain, value=value)


def interpolated(frame: Frame, at: Ints, *, stepped: bool) -> Bound:
    """Interpolated bounding values (§3.1.8): from the nearest samples that are not Bad, extrapolated behind the last.

    Uncertain when Bad samples were skipped, Uncertain ones used, or nothing follows. Bad_NoData when there is none
    before.
    """
    kept = np.flatnonzero(frame.usable)
    if not len(kept):
        return _none(len(at))
    times, values, last = frame.ts[kept], frame.value[kept], len(kept) - 1
    before = np.searchsorted(times, at, "right") - 1
    b, a = np.maximum(before, 0), np.minimum(before + 1, last)
    exact = (before >= 0) & (times[b] == at)
    behind = np.searchsorted(frame.ts, at, "right")  # how many samples lie at or before the instant
    uncertain = frame.severity[kept[b]] == UNCERTAIN
    value = values[b]
    if stepped:
        uncertain |= (behind - 1 > kept[b]) | (behind == len(frame.ts))
    else:
        follows = before < last
        line = _line(times[b], value, times[a], values[a], at)
        if frame.configuration.use_sloped_extrapolation:
            p = np.maximum(b - 1, 0)
            line = np.where(follows, line, _line(times[p], values[p], times[b], value, at))
            sloped = ~exact & (follows | (times[p] < times[b]))  # two samples of one time have no slope
        else:
            sloped = ~exact & follows
        value = np.where(sloped, line, value)
        uncertain |= ~follows | (kept[a] - kept[b] > 1) | (frame.severity[kept[a]] == UNCERTAIN)
    return _bound(frame, kept[b], exact, usable=before >= 0, uncertain=uncertain, value=value)


def _line(t0: Ints, v0: Floats, t1: Ints, v1: Floats, at: Ints) -> Floats:
    width = np.maximum(t1 - t0, 1)
    line: Floats = (at - t0) * (v1 - v0) / width + v0
    return line


def _bound(frame: Frame, sample: Ints, exact: Bools, *, usable: Bools, uncertain: Bools, value: Floats) -> Bound:
    stored = frame.quality[sample] & np.uint32(base.CODE)
    status = np.where(exact, stored, np.where(uncertain, base.UNCERTAIN, quality.GOOD))
    severity = np.where(exact, frame.severity[sample], np.where(uncertain, UNCERTAIN, GOOD))
    return Bound(
        np.where(usable, value, np.nan),
        np.where(usable, severity, BAD).astype(np.uint8),
        np.where(usable, status, base.NO_DATA).astype(np.uint32),
        exact & usable,
    )


def _none(size: int) -> Bound:
    return Bound(
        np.full(size, np.nan),
        np.full(size, BAD, np.uint8),
        np.full(size, base.NO_DATA, np.uint32),
        np.zeros(size, bool),
    )
