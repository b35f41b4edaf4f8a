"""Deadlines of a scan that were never served: between which samples they lie, and when they are the rule. Pure.

A deadline is skipped when the scan before it ends after the next one (`ticker`). Of each tag exactly one interval
between neighbouring samples holds it, and that interval is a gap: a tag that was read before the deadline
has it up to the next scan, one that was read after it (late in a slow scan) has it since the scan before. Lateness
alone skips nothing, so a healthy scan that jitters has no gaps.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from iiotctl.samples import SampleBatch
    from iiotctl.sources.ticker import Tick

_RULE: Final = 3
"""So many scans in a row that took longer than the period are no hiccup."""


def unserved(tick: Tick, period: float, now: float) -> list[float]:
    """Deadlines that the scan of `tick`, which ends `now`, leaves without a scan; monotonic seconds.

    Those before it, and those that have passed since, apart from the latest: that one is served at once.
    """
    since = range(-tick.skipped, 0)
    passed = range(1, int((now - tick.deadline) / period))
    return [tick.deadline + step * period for step in (*since, *passed)]


def holes(before: SampleBatch, after: SampleBatch, missed: Sequence[int]) -> Mapping[tuple[int, int], list[int]]:
    """Codes of the tags by first and last missing instant.

    Args:
        before: samples of a scan.
        after: samples of the next one.
        missed: deadlines that were not served, sorted. All times in µs UTC.
    """
    codes, old, new = np.intersect1d(before.tag, after.tag, return_indices=True)
    starts, ends = before.ts[old], after.ts[new]
    times = np.asarray(missed, np.int64)
    # a deadline at the very instant of a sample belongs to what follows
    hit = np.searchsorted(times, starts, "left") < np.searchsorted(times, ends, "left")
    found: dict[tuple[int, int], list[int]] = {}
    for code, start, end in zip(codes[hit].tolist(), starts[hit].tolist(), ends[hit].tolist(), strict=True):
        found.setdefault((start + 1, end - 1), []).append(code)
    return found


class Overload:
    """Notices that scans take longer than their period, not once but as a rule."""

    def __init__(self) -> None:
        self._times: list[float] = []

    def scanned(self, took: float, period: float) -> float | None:
        """A scan took so many seconds; returns what the latest took on average when all were too long."""
        self._times = [*self._times[1 - _RULE :], took] if took > period else []
        return sum(self._times) / _RULE if len(self._times) == _RULE else None
