"""What functions that count samples need to know of each interval, however it was counted."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np

from iiotctl.history.aggregates.base import Bools, Floats, Ints
from iiotctl.history.aggregates.frame import Frame, at, count, first_of, least, sums


@dataclass(frozen=True, slots=True)
class Extreme:
    """The smallest of the Good samples of each interval, or of their negatives.

    Attributes:
        value: (m,) inf = no Good sample.
        other: (m,) smallest of the Uncertain samples that are not taken for Bad; inf = none.
        several: (m,) more than one sample has the value.
        at_start: (m,) the first of them stands at the start of the interval.
    """

    value: Floats
    other: Floats
    several: Bools
    at_start: Bools


class Tally(Protocol):
    """Counts and sums by interval."""

    @property
    def number(self) -> Ints:
        """(m,) samples."""

    @property
    def good(self) -> Ints:
        """(m,) Good ones, whatever the configuration."""

    @property
    def bad(self) -> Ints:
        """(m,) Bad ones, and Uncertain ones taken for Bad."""

    @property
    def sum(self) -> Floats:
        """(m,) of the Good values."""

    @property
    def squares(self) -> Floats:
        """(m,) sum of the squared deviations of the Good values from their mean."""

    def least(self, sign: float) -> Extreme:
        """The smallest (sign 1) or largest (sign -1, as its negative) Good value."""


@dataclass(frozen=True)
class Counted:
    """The tally of the samples of a frame."""

    frame: Frame

    @cached_property
    def number(self) -> Ints:
        return self.frame.stop - self.frame.first

    @cached_property
    def good(self) -> Ints:
        return self._count(self.frame.good)

    @cached_property
    def bad(self) -> Ints:
        return self._count(~self.frame.usable)

    @cached_property
    def sum(self) -> Floats:
        frame = self.frame
        return sums(np.where(frame.good, frame.value, 0.0), frame.first, frame.stop)

    @cached_property
    def squares(self) -> Floats:
        # deviations from the mean of each interval: the naive formula loses its digits for large means
        places, stops = _each(self.frame.first, self.frame.stop), np.cumsum(self.number)
        mean = np.repeat(self.sum / np.maximum(self.good, 1), self.number)
        off = np.where(self.frame.good[places], self.frame.value[places] - mean, 0.0)
        return sums(off * off, stops - self.number, stops)

    def least(self, sign: float) -> Extreme:
        frame = self.frame
        where = frame.first, frame.stop
        value = least(np.where(frame.good, sign * frame.value, np.inf), *where)
        other = least(np.where(frame.usable & ~frame.good, sign * frame.value, np.inf), *where)
        matches = frame.good & equal(frame, sign, value, *where)
        time = at(frame.ts, first_of(matches, *where), 0)
        return Extreme(value, other, self._count(matches) > 1, time == frame.start)

    def _count(self, mask: Bools) -> Ints:
        return count(mask, self.frame.first, self.frame.stop)


def equal(frame: Frame, sign: float, value: Floats, first: Ints, stop: Ints) -> Bools:
    """(n,) samples that are equal to what was found for the [first, stop) they lie in."""
    found = np.zeros(len(frame.ts), bool)
    places = _each(first, stop)
    found[places[sign * frame.value[places] == np.repeat(value, stop - first)]] = True
    return found


def _each(first: Ints, stop: Ints) -> Ints:
    """Indices in each [first, stop), one after the other."""
    sizes = stop - first
    places: Ints = np.repeat(first - np.append(0, np.cumsum(sizes)[:-1]), sizes) + np.arange(int(sizes.sum()))
    return places
