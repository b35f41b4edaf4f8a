"""An interval divided at its samples: how long it was Good, Uncertain and Bad, and the area below (§5.4.3.2)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from iiotctl.history.aggregates import base, bounds
from iiotctl.history.aggregates.base import Bools, Codes, Floats, Ints
from iiotctl.history.aggregates.bounds import Bound
from iiotctl.history.aggregates.frame import BAD, GOOD, UNCERTAIN, Frame, at, sums, total


@dataclass(frozen=True)
class Regions:
    """Regions between simple bounding values: one from the earlier border to the first sample behind it, one from
    each sample to the next, one from the last sample to the later border.

    A region is Bad when its beginning is. With sloped lines it is Uncertain when it begins or ends Uncertain, or ends
    Bad and its value had to be held; with stepped ones its end has no effect. Behind the last sample of all nothing is
    known: what follows a usable one counts for one unit of the resolution (§5.4.2.4), what follows a Bad one is Bad.

    Attributes:
        frame: samples and intervals.
        sloped: lines between samples; False = each value holds.
    """

    frame: Frame
    sloped: bool

    @cached_property
    def low(self) -> Bound:
        """Bounds at the earlier borders."""
        return bounds.simple(self.frame, self.frame.low)

    @cached_property
    def high(self) -> Bound:
        """Bounds at the later borders."""
        return bounds.simple(self.frame, self.frame.high)

    @cached_property
    def _alone(self) -> Bools:
        """(m,) no sample lies between the borders."""
        alone: Bools = self.frame.inner_stop == self.frame.inner_first
        return alone

    @cached_property
    def _end(self) -> Ints:
        """(m,) where the last region ends."""
        frame = self.frame
        if not len(frame.ts) or not frame.usable[-1]:
            return frame.high
        tail = np.minimum(frame.high, frame.ts[-1] + base.RESOLUTION_US)
        return np.where(frame.ends_data, tail, frame.high)

    @cached_property
    def _head(self) -> Ints:
        """(m,) length of the first region."""
        frame = self.frame
        inner = at(frame.ts, frame.inner_first, 0)
        return np.where(self._alone, self._end, inner) - frame.low

    @cached_property
    def _tail(self) -> Ints:
        """(m,) length of the region behind the last sample; 0 where the first region is the only one."""
        frame = self.frame
        return np.where(self._alone, 0, self._end - at(frame.ts, frame.inner_stop - 1, 0))

    def lasting(self, samples: Bools, low: Bools) -> Ints:
        """(m,) µs of the regions whose beginning is marked.

        Args:
            samples: (n,) which samples.
            low: (m,) which bounds at the earlier border.
        """
        frame = self.frame
        inner = total(np.where(samples, frame.length, 0), frame.inner_first, self._inner_stop)
        last = np.where(at(samples, frame.inner_stop - 1, False), self._tail, 0)
        lasted: Ints = inner + np.where(low, self._head, 0) + last
        return lasted

    @cached_property
    def _inner_stop(self) -> Ints:
        """(m,) index behind the last sample whose region ends at another one."""
        return np.maximum(self.frame.inner_stop - 1, self.frame.inner_first)

    @cached_property
    def _kinds(self) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8], npt.NDArray[np.uint8]]:
        """Severity of the regions: of first ones (m,), of those from sample to sample (n,), of last ones (m,)."""
        frame = self.frame
        own = np.where(frame.usable, frame.severity, BAD).astype(np.uint8)
        first, inner = self.low.severity, own
        last = at(own, frame.inner_stop - 1, BAD)
        if self.sloped:
            following = np.append(own[1:], np.uint8(BAD))
            inner = _ending(own, following)
            next_ = np.where(self._alone, self.high.severity, at(own, frame.inner_first, BAD))
            first, last = _ending(first, next_), _ending(last, self.high.severity)
        return first, inner, last

    def _lasting(self, kind: int) -> Ints:
        frame = self.frame
        first, inner, last = self._kinds
        lengths = np.where(inner == kind, frame.length, 0)
        lasted: Ints = (
            total(lengths, frame.inner_first, self._inner_stop)
            + np.where(first == kind, self._head, 0)
            + np.where(last == kind, self._tail, 0)
        )
        return lasted

    @cached_property
    def good(self) -> Ints:
        """(m,) µs of Good regions."""
        return self._lasting(GOOD)

    @cached_property
    def uncertain(self) -> Ints:
        """(m,) µs of Uncertain regions."""
        return self._lasting(UNCERTAIN)

    @cached_property
    def bad(self) -> Ints:
        """(m,) µs of Bad regions."""
        return self._lasting(BAD)

    def status(self) -> Codes:
        """(m,) status by the shares of time (§5.4.3.2.1)."""
        chosen = self.frame.configuration
        good, bad = self.good, self.bad
        whole = good + self.uncertain + bad
        if chosen.edition.counts_uncertain_time:
            good, bad = (good, whole - good) if chosen.treat_uncertain_as_bad else (whole - bad, bad)
        return chosen.status(good, bad, whole)

    @cached_property
    def area(self) -> Floats:
        """(m,) unit of the value x s below the regions that are not Bad."""
        frame = self.frame
        held = np.where(frame.usable, frame.value, 0.0)
        to = held
        if self.sloped and len(held):
            to = np.append(np.where(frame.usable[1:], held[1:], held[:-1]), held[-1])
        inner = np.where(frame.usable, (held + to) * 0.5, 0.0) * (frame.length * 1e-6)
        first_to = np.where(self._alone, self.high.value, self._usable_value(frame.inner_first))
        last = self._usable_value(frame.inner_stop - 1)
        return (
            sums(inner, frame.inner_first, self._inner_stop)
            + self._piece(self.low.value, first_to, self._head)
            + self._piece(last, self.high.value, self._tail)
        )

    def _usable_value(self, index: Ints) -> Floats:
        values = np.where(self.frame.usable, self.frame.value, np.nan)
        return at(values, index, np.nan)

    def _piece(self, start: Floats, end: Floats, length: Ints) -> Floats:
        to = np.where(np.isnan(end), start, end) if self.sloped else start
        piece: Floats = np.where(np.isnan(start), 0.0, (start + to) * 0.5) * (length * 1e-6)
        return piece


def _ending(start: npt.NDArray[np.uint8], end: npt.NDArray[np.generic]) -> npt.NDArray[np.uint8]:
    """Severity of a sloped region by those of its ends."""
    return np.where(start == BAD, BAD, np.where((start == UNCERTAIN) | (end != GOOD), UNCERTAIN, GOOD)).astype(np.uint8)
