"""What the oracle judges by: samples of one variable, and the values at borders of OPC 10000-13 §3.1.8 and §3.1.9.

Slow on purpose: plain Python and fractions, one interval at a time, so that it shares nothing with the engine.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from itertools import pairwise

GOOD = 0x00000000
BAD = 0x80000000
BAD_NO_DATA = 0x809B0000
SUB_NORMAL = 0x40A40000
"""Uncertain_DataSubNormal."""
UNIT_US = 1_000
"""Resolution of time (§3.1.3, §5.4.2.4): one millisecond, as in the examples of Annex A."""
RAW, CALCULATED, INTERPOLATED, PARTIAL, MULTIPLE = 0, 1, 2, 4, 16
"""Info bits of the historian (OPC 10000-4 §7.39.1)."""


@dataclass(frozen=True)
class Sample:
    """A stored sample: time in µs, value, status code without info bits."""

    ts: int
    value: Fraction | None
    status: int = GOOD

    @property
    def severity(self) -> int:
        """0 Good, 1 Uncertain, 2 Bad."""
        return self.status >> 30


@dataclass(frozen=True)
class Config:
    """AggregateConfiguration (§4.2.1.2) with its defaults, and the edition of the standard."""

    treat_uncertain_as_bad: bool = True
    percent_data_bad: int = 100
    percent_data_good: int = 100
    sloped_extrapolation: bool = False
    edition: str = "1.04"


@dataclass(frozen=True)
class Result:
    """One result: value, its timestamp (None = the start of the interval), status code, info bits."""

    value: Fraction | float | None
    ts: int | None
    status: int
    info: int = 0


@dataclass(frozen=True)
class Bound:
    """Value at a border; `raw` when a sample lies on it."""

    ts: int
    value: Fraction | None
    status: int
    raw: bool = False

    @property
    def usable(self) -> bool:
        return self.status >> 30 < 2

    @property
    def origin(self) -> int:
        return RAW if self.raw else INTERPOLATED


@dataclass(frozen=True)
class Region:
    """A stretch of the interval between two values (§5.4.3.2.1): length, values at its ends, status."""

    length: Fraction
    first: Fraction | None
    last: Fraction | None
    severity: int


@dataclass(frozen=True)
class History:
    """Samples of one variable with its Stepped property and the configuration.

    An archive begins where data begin: entries Bad_NoData before the first other sample ("point created") are set
    aside, as Annex A does. With `backward` time flows backwards (§5.4.2.2): an interval between `low` and `high` starts
    at `high`, which it contains, and ends at `low`, which it does not.
    """

    samples: tuple[Sample, ...]
    stepped: bool = False
    config: Config = field(default_factory=Config)
    backward: bool = False

    @classmethod
    def of(
        cls, samples: Sequence[Sample], *, stepped: bool = False, config: Config | None = None, backward: bool = False
    ) -> History:
        ordered = sorted(samples, key=lambda sample: sample.ts)
        while ordered and ordered[0].status == BAD_NO_DATA:
            ordered.pop(0)
        return cls(tuple(ordered), stepped, config or Config(), backward)

    def sloped(self) -> History:
        return replace(self, stepped=False)

    def ignoring_uncertain_as_bad(self) -> History:
        return replace(self, config=replace(self.config, treat_uncertain_as_bad=False))

    def is_bad(self, sample: Sample) -> bool:
        """§3.1.7: TreatUncertainAsBad decides whether an Uncertain value is Bad."""
        return sample.severity == 2 or (sample.severity == 1 and self.config.treat_uncertain_as_bad)

    def within(self, low: int, high: int) -> list[Sample]:
        if self.backward:
            return [sample for sample in self.samples if low < sample.ts <= high]
        return [sample for sample in self.samples if low <= sample.ts < high]

    def borders(self, low: int, high: int) -> tuple[int, int]:
        """Start and end of the interval, in the direction of time."""
        return (high, low) if self.backward else (low, high)

    def before(self, at: int) -> Sample | None:
        return next((sample for sample in reversed(self.samples) if sample.ts < at), None)

    def after(self, at: int) -> Sample | None:
        return next((sample for sample in self.samples if sample.ts > at), None)

    def on(self, at: int) -> Sample | None:
        """The sample at that very time; of several the one stored last."""
        return next((sample for sample in reversed(self.samples) if sample.ts == at), None)

    def is_before_data(self, high: int) -> bool:
        if not self.samples:
            return True
        return high < self.samples[0].ts if self.backward else high <= self.samples[0].ts

    def is_after_data(self, low: int) -> bool:
        if not self.samples:
            return True
        return low >= self.samples[-1].ts if self.backward else low > self.samples[-1].ts

    def begins_within(self, low: int, high: int) -> bool:
        """§5.3.3.2: data begin within the interval, not on its earlier border."""
        at = self.samples[0].ts
        return low < at <= high if self.backward else low < at < high

    def ends_within(self, low: int, high: int) -> bool:
        """§5.3.3.2: data end within the interval, not on its later border."""
        at = self.samples[-1].ts
        return low < at < high if self.backward else low <= at < high

    # Values at borders ---------------------------------------------------------------------------------------------

    def simple(self, at: int) -> Bound:
        """Simple bounding value (§3.1.9): from the samples next to the border, whatever their status."""
        here = self.on(at)
        if here is not None:
            return Bound(at, None, BAD_NO_DATA) if self.is_bad(here) else Bound(at, here.value, here.status, raw=True)
        left, right = self.before(at), self.after(at)
        if left is None or right is None or self.is_bad(left):
            return Bound(at, None, BAD_NO_DATA)
        status = GOOD if left.severity == 0 else SUB_NORMAL
        if self.stepped:
            return Bound(at, left.value, status)
        if self.is_bad(right):
            return Bound(at, left.value, SUB_NORMAL)
        return Bound(at, line(left, right, at), status if right.severity == 0 else SUB_NORMAL)

    def interpolated(self, at: int) -> Bound:
        """Interpolated bounding value (§3.1.8): from the nearest non-Bad samples, across Bad ones if need be."""
        here = [sample for sample in self.samples if sample.ts == at and not self.is_bad(sample)]
        if here:
            return Bound(at, here[-1].value, here[-1].status, raw=True)
        usable = [number for number, sample in enumerate(self.samples) if not self.is_bad(sample)]
        left = [number for number in usable if self.samples[number].ts < at]
        right = [number for number in usable if self.samples[number].ts > at]
        if not left:
            return Bound(at, None, BAD_NO_DATA)
        near = self.samples[left[-1]]
        if self.stepped:
            skipped = any(sample.ts <= at for sample in self.samples[left[-1] + 1 :])
            sure = near.severity == 0 and not skipped and self.after(at) is not None
            return Bound(at, near.value, GOOD if sure else SUB_NORMAL)
        if right:
            far = self.samples[right[0]]
            sure = near.severity == far.severity == 0 and right[0] == left[-1] + 1
            return Bound(at, line(near, far, at), GOOD if sure else SUB_NORMAL)
        earlier = self.samples[left[-2]] if len(left) > 1 else near
        if self.config.sloped_extrapolation and earlier.ts < near.ts:
            return Bound(at, line(earlier, near, at), SUB_NORMAL)
        return Bound(at, near.value, SUB_NORMAL)

    # Regions -------------------------------------------------------------------------------------------------------

    def regions(self, low: int, high: int, *, held: bool = False) -> list[Region]:
        """Regions between simple bounds (§5.4.3.2.2).

        After the last sample nothing is known: a usable last value counts one unit of time (§5.4.2.4 and Annex A),
        a Bad one stays Bad to the end of the interval.

        Args:
            low: earlier border of the interval, µs.
            high: later border, µs.
            held: each value holds until the next, whatever the Stepped property says (states).
        """
        stepped = self.stepped or held
        inner = [Bound(s.ts, s.value, BAD_NO_DATA if self.is_bad(s) else s.status, raw=True) for s in self.samples]
        marks = [self.simple(low), *(mark for mark in inner if low < mark.ts < high), self.simple(high)]
        open_end = self.samples[-1].ts < high
        found = []
        for number, (mark, following) in enumerate(pairwise(marks)):
            length = Fraction(following.ts - mark.ts)
            if not mark.usable:
                found.append(Region(length, None, None, 2))
                continue
            if open_end and number == len(marks) - 2:
                length = min(length, Fraction(UNIT_US))
            severity = mark.status >> 30
            last = mark.value
            if not stepped:
                severity = max(severity, min(following.status >> 30, 1))
                last = following.value if following.usable else mark.value
            found.append(Region(length, mark.value, last, severity))
        return found

    def status_of_time(self, regions: Sequence[Region]) -> int:
        """Status by the Good and the Bad share of time (§5.4.3.2.1).

        In v1.05 Uncertain regions are included with the Good ones, with TreatUncertainAsBad with the Bad ones: its
        text, and the file of examples that belongs to it. In v1.04 they stay Uncertain, neither Good nor Bad: a sentence
        more in its text, and its printed tables.
        """
        by_severity = [Fraction(0)] * 3
        for region in regions:
            severity = region.severity
            if severity == 1 and self.config.edition == "1.05":
                severity = 2 if self.config.treat_uncertain_as_bad else 0
            by_severity[severity] += region.length
        return self._status(by_severity[0], by_severity[2], sum(by_severity, Fraction(0)))

    def status_of_values(self, samples: Sequence[Sample]) -> int:
        """Status by the Good and the Bad share of the samples (§5.4.3.2.1)."""
        good = sum(sample.severity == 0 for sample in samples)
        bad = sum(self.is_bad(sample) for sample in samples)
        return self._status(Fraction(good), Fraction(bad), Fraction(len(samples)))

    def _status(self, good: Fraction, bad: Fraction, total: Fraction) -> int:
        """Where the limits add up to 100 the Good one holds (§4.2.1.2): v1.04 when both apply, v1.05 always."""
        good_limit, bad_limit = self.config.percent_data_good, self.config.percent_data_bad
        is_good = good * 100 >= good_limit * total
        is_bad = bad > 0 and bad * 100 >= bad_limit * total
        if good_limit + bad_limit == 100:
            is_bad = is_bad and not is_good and self.config.edition == "1.04"
        if is_bad:
            return BAD
        return GOOD if is_good else SUB_NORMAL


def line(left: Sample, right: Sample, at: int) -> Fraction:
    """Where the straight line through two samples crosses a time."""
    assert left.value is not None
    assert right.value is not None
    return left.value + (right.value - left.value) * Fraction(at - left.ts, right.ts - left.ts)
