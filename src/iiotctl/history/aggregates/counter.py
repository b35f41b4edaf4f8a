"""CounterDelta: what a totaliser counted in each interval, told apart from roll-overs, resets and glitches.

Ours, not of OPC 10000-13, whose Delta loses what was counted between two intervals and takes a roll-over for a negative
number. Definition, thresholds and worked examples: docs/reference/counter-delta.md.

The readings are turned into a running total that never falls; a result is the difference of that total between the
borders of its interval. Differences of neighbouring intervals therefore add up to the difference over both.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from iiotctl import quality
from iiotctl.history.aggregates import base
from iiotctl.history.aggregates.base import Bools, Bounds, Floats, Function, Ints, Outcome, Unit, outcome
from iiotctl.history.aggregates.frame import UNCERTAIN, Frame

NEAR: Final = 0.1
"""Share of the range (of the reading before, for a reset) that counts as near its end or near zero."""
LONGEST_GLITCH: Final = 3
"""Samples that a glitch may last."""
FLAT: Final = 0.1
"""Samples of one glitch lie this close together, as a share of the jump back."""
OUTSTANDING: Final = 2.0
"""A glitch to near zero, or from there, jumps this many times as far as the counter moves beside it; else it counts."""
REACH: Final = 2 * LONGEST_GLITCH
"""Readings on either side of the intervals that are enough to judge what happens at their borders."""


@dataclass(frozen=True, slots=True)
class Running:
    """A counter without its faults.

    Attributes:
        kept: (k,) index of the readings that count.
        total: (k,) running total since the first of them; never falls.
        rollovers: indices of the first reading after each roll-over.
        resets: likewise after each reset.
        glitches: indices of the first reading of each glitch.
        doubtful: (before, after) indices of the kept readings between which something had to be judged.
    """

    kept: Ints
    total: Floats
    rollovers: list[int]
    resets: list[int]
    glitches: list[int]
    doubtful: list[tuple[int, int]]


def counter_delta(frame: Frame) -> Outcome:
    """Consumption per interval; beside it how often the counter rolled over, was reset, and had a glitch.

    Args:
        frame: readings and intervals; `REACH` readings on either side of the intervals, if the store has them.
    """
    places = np.flatnonzero(frame.usable)
    running = follow(frame.value[places], frame.rollover)
    spots = places[running.kept]
    size = len(frame.low)
    if not len(spots):
        none = np.zeros(size, np.int64)
        nothing = outcome(frame, np.full(size, np.nan), np.full(size, base.NO_DATA, np.uint32))
        return replace(nothing, extra=(none, none, none))
    times = frame.ts[spots]
    reading = _held if frame.stepped else _between
    value = reading(times, running.total, frame.high) - reading(times, running.total, frame.low)
    doubtful = [(int(frame.ts[places[low]]), int(frame.ts[places[high]])) for low, high in running.doubtful]
    known = (frame.low >= times[0]) & (frame.high <= times[-1])
    sure = known & ~_touched(frame, doubtful) & ~_unsure(frame, spots)
    there = (frame.high > times[0]) & (frame.low <= times[-1])
    status = np.where(sure, quality.GOOD, np.where(there, base.UNCERTAIN, base.NO_DATA)).astype(np.uint32)
    found = (running.rollovers, running.resets, running.glitches)
    counts = (_counted(frame, frame.ts[places[np.array(each, np.int64)]]) for each in found)
    return replace(outcome(frame, value, status), extra=tuple(counts))


def follow(readings: Floats, rollover: float | None = None) -> Running:
    """The running total of a counter.

    Args:
        readings: (n,) in the order of time, no NaN.
        rollover: reading at which the counter begins again at zero (65536 for 16 bits); None = it does not.
    """
    if not (np.diff(readings) < 0).any():
        total = readings - readings[:1] if len(readings) else readings
        return Running(np.arange(len(readings), dtype=np.int64), total, [], [], [], [])
    judge = _Judge(readings.tolist(), rollover)
    judge.run()
    total = np.concatenate([[0.0], np.cumsum(judge.steps)])
    return Running(np.array(judge.kept, np.int64), total, judge.rollovers, judge.resets, judge.glitches, judge.doubtful)


class _Judge:
    """Goes through the readings of a counter that falls somewhere, and decides what each fall is."""

    def __init__(self, readings: list[float], rollover: float | None) -> None:
        self.readings = readings
        self.rollover = rollover
        self.kept: list[int] = []
        self.steps: list[float] = []  # from each kept reading to the next
        self.rollovers: list[int] = []
        self.resets: list[int] = []
        self.glitches: list[int] = []
        self.doubtful: list[tuple[int, int]] = []

    def run(self) -> None:
        at = 0
        while at < len(self.readings):
            if not self.kept or self.readings[at] >= self.readings[self.kept[-1]]:
                self._keep(at)
                at += 1
                continue
            back = self._dip(at)
            if back:
                self.glitches.append(at)
                self.doubtful.append((self.kept[-1], back))
                self._keep(back)
                at = back + 1
                continue
            high = self._spike(at)
            if high:
                self.glitches.append(self.kept[-high])
                del self.kept[-high:], self.steps[-high:]
                self.doubtful.append((self.kept[-1], at))
                self._keep(at)
            else:
                self._fall(at)
            at += 1

    def _keep(self, at: int, step: float | None = None) -> None:
        if self.kept:
            self.steps.append(self.readings[at] - self.readings[self.kept[-1]] if step is None else step)
        self.kept.append(at)

    def _is_near_zero(self, reading: float, before: float) -> bool:
        return reading <= NEAR * before

    def _dip(self, at: int) -> int:
        """Index of the reading that comes back to where the counter was, when those from `at` on are a glitch; or 0."""
        top = self.readings[self.kept[-1]]
        for length in range(1, LONGEST_GLITCH + 1):
            back = at + length
            if back >= len(self.readings):
                return 0
            if self.readings[back] < top:
                continue
            low = self.readings[at:back]
            jump = self.readings[back] - low[-1]
            if max(low) - min(low) > FLAT * jump:
                return 0
            beside = [*self.steps[-1:], *(self._steps_behind(back))]
            is_glitch = not self._is_near_zero(max(low), top) or self._stands_out(jump, beside)
            return back if is_glitch else 0
        return 0

    def _spike(self, at: int) -> int:
        """How many of the last kept readings are a glitch upwards that `at` comes back from; 0 for none."""
        now = self.readings[at]
        for length in range(1, min(LONGEST_GLITCH, len(self.kept) - 1) + 1):
            below = self.readings[self.kept[-1 - length]]
            if below > now:
                continue
            high = [self.readings[place] for place in self.kept[-length:]]
            jump = high[0] - below
            if max(high) - min(high) > FLAT * jump or self.steps[-length] != jump:
                return 0
            before = len(self.steps) - length - 1
            beside = [*(self.steps[before : before + 1] if before >= 0 else []), *self._steps_behind(at)]
            is_glitch = not self._is_near_zero(now, high[-1]) or self._stands_out(jump, beside)
            return length if is_glitch else 0
        return 0

    def _steps_behind(self, at: int) -> list[float]:
        """The step that follows a reading, if it is a rise."""
        rise = self.readings[at + 1] - self.readings[at] if at + 1 < len(self.readings) else -1.0
        return [rise] if rise >= 0 else []

    def _stands_out(self, jump: float, beside: list[float]) -> bool:
        return jump > OUTSTANDING * max(beside, default=0.0)

    def _fall(self, at: int) -> None:
        """A fall that stays: the counter began again at its end, or was set back."""
        before, now = self.readings[self.kept[-1]], self.readings[at]
        size = self.rollover
        wraps = size is not None and before <= size
        if wraps and size is not None and before >= (1 - NEAR) * size and now <= NEAR * size:
            self.rollovers.append(at)
            self._keep(at, size - before + now)
            return
        self.doubtful.append((self.kept[-1], at))
        if self._is_near_zero(now, before):
            self.resets.append(at)
            self._keep(at, max(now, 0.0))
        elif wraps and size is not None and before - now > size / 2:
            self.rollovers.append(at)
            self._keep(at, size - before + now)
        else:
            self.resets.append(at)
            self._keep(at, 0.0)


def _between(times: Ints, total: Floats, at: Ints) -> Floats:
    """(m,) running total at instants, on straight lines; that of the first or last reading outside."""
    after = np.searchsorted(times, at, "right")
    low, high = np.clip(after - 1, 0, len(times) - 1), np.clip(after, 0, len(times) - 1)
    width = np.maximum(times[high] - times[low], 1)
    share = np.clip((at - times[low]) / width, 0.0, 1.0)
    return np.asarray(total[low] + (total[high] - total[low]) * share, np.float64)


def _held(times: Ints, total: Floats, at: Ints) -> Floats:
    """(m,) running total at instants, each held until the next reading."""
    return np.asarray(total[np.clip(np.searchsorted(times, at, "right") - 1, 0, len(times) - 1)], np.float64)


def _touched(frame: Frame, spans: list[tuple[int, int]]) -> Bools:
    """(m,) an interval has some of a span, µs, in it."""
    if not spans:
        return np.zeros(len(frame.low), bool)
    begun = np.searchsorted(np.array(sorted(begin for begin, _ in spans), np.int64), frame.high, "left")
    ended = np.searchsorted(np.array(sorted(end for _, end in spans), np.int64), frame.low, "right")
    return np.asarray(begun > ended, bool)


def _unsure(frame: Frame, spots: Ints) -> Bools:
    """(m,) a Bad or Uncertain sample lies in an interval, or between one of its borders and the reading next to it."""
    reach_low = np.clip(np.searchsorted(frame.ts[spots], frame.low, "right") - 1, 0, len(spots) - 1)
    reach_high = np.clip(np.searchsorted(frame.ts[spots], frame.high, "left"), 0, len(spots) - 1)
    first, last = spots[reach_low], spots[reach_high]
    odd = np.concatenate([[0], np.cumsum(~frame.usable | (frame.severity == UNCERTAIN))])
    return np.asarray(odd[np.maximum(last, first) + 1] - odd[first] > 0, bool)


def _counted(frame: Frame, times: Ints) -> Ints:
    """(m,) how many of the times lie in each interval; a fall that is seen on a border happened before it."""
    ordered = np.sort(times)
    low, high = (np.searchsorted(ordered, border, "right") for border in (frame.low, frame.high))
    return np.asarray(high - low, np.int64)


COUNTER_DELTA: Final = Function(
    "CounterDelta",
    "",
    "Ours, for totalisers (kWh, m3, parts): what was counted, with the readings at the borders taken from the"
    " samples around them, so that nothing is lost between two intervals. Roll-overs (at `--rollover`, or as the"
    " tag says), resets and glitches are told apart, put right and counted.",
    Bounds.NONE,
    Unit.SAME,
    "Uncertain where a reset or a glitch had to be judged, where data are Bad, and where they do not reach both"
    " borders; else Good",
    counter_delta,
    extra=("rollovers", "resets", "glitches"),
    reach=REACH,
)
