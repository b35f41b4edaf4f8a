"""The samples of one tag cut into intervals: positions, severities and what lies outside the data."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Final, TypeVar

import numpy as np
import numpy.typing as npt

from iiotctl import quality
from iiotctl.history.aggregates.base import Bools, Codes, Configuration, Floats, Ints

if TYPE_CHECKING:
    from iiotctl.history.series import Series

N = TypeVar("N", bound=np.generic)

GOOD: Final = 0
UNCERTAIN: Final = 1
BAD: Final = 2


@dataclass(frozen=True)
class Frame:
    """Samples and intervals, with what several functions need worked out once.

    Samples in front of the intervals and behind them belong to it, as far as bounding values reach. "Before the data"
    and "after the data" refer to its first and last sample, so there must be at least one on either side if the store
    has any. Bad_NoData samples at the very beginning say that a tag was created; they are no data.

    Attributes:
        ts: (n,) µs UTC, ascending.
        value: (n,) NaN = no number.
        quality: (n,) status codes.
        low: (m,) earlier border of each interval, µs UTC.
        high: (m,) later border.
        cut: (m,) the range cut the interval off.
        backward: time runs backwards: intervals exclude their earlier border and include the later (§5.4.2.2).
        stepped: the value holds until the next sample.
        configuration: of the aggregates.
        rollover: reading at which a counter begins again at zero; None = it does not.
        numeric: a sample without a number is Bad; False = only its quality counts.
    """

    ts: Ints
    value: Floats
    quality: Codes
    low: Ints
    high: Ints
    cut: Bools
    backward: bool
    stepped: bool
    configuration: Configuration
    rollover: float | None = None
    numeric: bool = True

    @classmethod
    def of(
        cls,
        series: Series,
        low: Ints,
        high: Ints,
        cut: Bools | None = None,
        *,
        backward: bool = False,
        stepped: bool = False,
        configuration: Configuration | None = None,
        rollover: float | None = None,
    ) -> Frame:
        """A frame over a series; see the attributes."""
        real = np.flatnonzero(series.quality & 0xFFFF0000 != quality.BAD_NO_DATA)
        first = int(real[0]) if len(real) else len(series.ts)
        return cls(
            series.ts[first:],
            series.value[first:],
            series.quality[first:],
            low,
            high,
            np.zeros(len(low), bool) if cut is None else cut,
            backward,
            stepped,
            configuration or Configuration(),
            rollover,
        )

    def by_quality_alone(self) -> Frame:
        """The same samples, looked at without their values."""
        return replace(self, numeric=False)

    def with_configuration(self, configuration: Configuration) -> Frame:
        """The same samples under other settings."""
        return replace(self, configuration=configuration)

    # samples

    @cached_property
    def severity(self) -> npt.NDArray[np.uint8]:
        """(n,) GOOD, UNCERTAIN or BAD."""
        found = np.minimum(self.quality >> np.uint32(30), BAD).astype(np.uint8)
        if self.numeric:
            found[np.isnan(self.value)] = BAD
        return found

    @cached_property
    def good(self) -> Bools:
        """(n,) severity Good, whatever the configuration."""
        found: Bools = self.severity == GOOD
        return found

    @cached_property
    def usable(self) -> Bools:
        """(n,) non-Bad in the sense of TreatUncertainAsBad (§3.1.7)."""
        found: Bools = self.severity < (UNCERTAIN if self.configuration.treat_uncertain_as_bad else BAD)
        return found

    @cached_property
    def length(self) -> Ints:
        """(n,) µs from each sample to the next; 0 for the last."""
        return np.diff(self.ts, append=self.ts[-1:])

    # intervals

    @property
    def start(self) -> Ints:
        """(m,) where each interval starts in the direction of time asked for."""
        return self.high if self.backward else self.low

    @cached_property
    def first(self) -> Ints:
        """(m,) index of the first sample of each interval."""
        return np.searchsorted(self.ts, self.low, "right" if self.backward else "left").astype(np.int64)

    @cached_property
    def stop(self) -> Ints:
        """(m,) index behind the last sample of each interval."""
        return np.searchsorted(self.ts, self.high, "right" if self.backward else "left").astype(np.int64)

    @cached_property
    def inner_first(self) -> Ints:
        """(m,) index of the first sample behind the earlier border."""
        return np.searchsorted(self.ts, self.low, "right").astype(np.int64)

    @cached_property
    def inner_stop(self) -> Ints:
        """(m,) index of the first sample at or behind the later border."""
        return np.maximum(np.searchsorted(self.ts, self.high, "left"), self.inner_first).astype(np.int64)

    @cached_property
    def before(self) -> Bools:
        """(m,) the whole interval lies before the first sample."""
        if not len(self.ts):
            return np.ones(len(self.low), bool)
        found: Bools = self.high < self.ts[0] if self.backward else self.high <= self.ts[0]
        return found

    @cached_property
    def after(self) -> Bools:
        """(m,) the whole interval lies behind the last sample."""
        if not len(self.ts):
            return np.zeros(len(self.low), bool)
        found: Bools = self.low >= self.ts[-1] if self.backward else self.low > self.ts[-1]
        return found

    @cached_property
    def outside(self) -> Bools:
        """(m,) before or after the data."""
        return self.before | self.after

    @cached_property
    def ends_data(self) -> Bools:
        """(m,) the last sample of all lies in the interval and its end behind that."""
        if not len(self.ts):
            return np.zeros(len(self.low), bool)
        last = self.ts[-1]
        found: Bools = (self.low < last if self.backward else self.low <= last) & (last < self.high)
        return found

    def partial(self, *, extrapolated: bool) -> Bools:
        """(m,) not complete (§5.3.3.2): overlaps the beginning or the end of the data, or was cut off by the range.

        Args:
            extrapolated: the results go on behind the last sample.
        """
        if not len(self.ts):
            return np.zeros(len(self.low), bool)
        head = self.ts[0]
        found = self.cut | (self.low < head) & (head <= self.high if self.backward else head < self.high)
        if not extrapolated or self.configuration.edition.extrapolated_is_partial:
            found = found | self.ends_data
        partial: Bools = found & ~self.outside
        return partial


def count(mask: Bools, first: Ints, stop: Ints) -> Ints:
    """(m,) how many of the mask are set in each [first, stop)."""
    return total(mask.astype(np.int64), first, stop)


def total(numbers: Ints, first: Ints, stop: Ints) -> Ints:
    """(m,) exact sums of whole numbers over each [first, stop)."""
    running = np.zeros(len(numbers) + 1, np.int64)
    np.cumsum(numbers, out=running[1:])
    return running[stop] - running[first]


def sums(numbers: Floats, first: Ints, stop: Ints) -> Floats:
    """(m,) sums over each [first, stop), each added up by itself: none suffers from the size of another."""
    return _reduced(np.add, numbers, first, stop, 0.0)


def least(numbers: Floats, first: Ints, stop: Ints) -> Floats:
    """(m,) minima over each [first, stop); inf for none."""
    return _reduced(np.minimum, numbers, first, stop, np.inf)


def _reduced(how: np.ufunc, numbers: Floats, first: Ints, stop: Ints, empty: float) -> Floats:
    if not len(first):
        return np.zeros(0)
    padded = np.append(numbers, empty)
    borders = np.stack([first, np.maximum(first, stop)], axis=1).ravel()
    found: Floats = how.reduceat(padded, borders)[::2]
    return np.where(stop > first, found, empty)


def first_of(mask: Bools, first: Ints, stop: Ints) -> Ints:
    """(m,) index of the first set one in each [first, stop); `stop` when there is none."""
    places = np.flatnonzero(mask)
    found = np.append(places, np.iinfo(np.int64).max)[np.searchsorted(places, first)]
    return np.minimum(found, stop)


def last_of(mask: Bools, first: Ints, stop: Ints) -> Ints:
    """(m,) index of the last set one in each [first, stop); `first - 1` when there is none."""
    places = np.flatnonzero(mask)
    found = np.append(places, -1)[np.searchsorted(places, stop) - 1]
    return np.maximum(found, first - 1)


def at(numbers: npt.NDArray[N], index: Ints, fill: N | float) -> npt.NDArray[N]:
    """(m,) numbers at indices, `fill` where an index lies outside."""
    if not len(numbers):
        return np.full(len(index), fill, numbers.dtype)
    inside = (index >= 0) & (index < len(numbers))
    return np.where(inside, numbers[np.clip(index, 0, len(numbers) - 1)], fill).astype(numbers.dtype)
