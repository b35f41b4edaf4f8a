"""Deadlines that fell out lie in exactly one interval of each tag, and lateness alone makes none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from iiotctl.samples import SampleBatch
from iiotctl.sources.modbus.deadlines import Overload, holes, unserved
from iiotctl.sources.ticker import next_tick

S = 1_000_000


def batch(times: Mapping[int, int]) -> SampleBatch:
    n = len(times)
    codes, ts = np.array(list(times), np.uint32), np.array(list(times.values()), np.int64)
    return SampleBatch(codes, ts, np.zeros(n), np.zeros(n, np.uint32))


def scan(spent: Sequence[Sequence[float]]) -> tuple[list[dict[int, int]], set[int], list[tuple[int, int, int]]]:
    """Scans of one tag a request, 1 s apart at best, with the seconds of each request.

    Returns:
        Sample times by tag of each scan, deadlines that no scan served, (tag, first, last) of the gaps; µs.
    """
    now, last = 0.0, -1
    samples: list[dict[int, int]] = []
    skipped: set[int] = set()
    gaps: list[tuple[int, int, int]] = []
    for seconds in spent:
        now = max(now, last + 1.0)
        tick = next_tick(0.0, 1.0, last, now)
        skipped.update(index * S for index in range(last + 1, tick.index))
        last = tick.index
        times = {}
        for tag, took in enumerate(seconds):
            now += took
            times[tag] = round(now * S)
        if samples:
            missed = [round(deadline * S) for deadline in unserved(tick, 1.0, now)]
            found = holes(batch(samples[-1]), batch(times), missed)
            gaps += [(code, *span) for span, codes in found.items() for code in codes]
        samples.append(times)
    # those that the last scan leaves behind
    skipped.update(range((last + 1) * S, int(now) * S, S))
    return samples, {deadline for deadline in skipped if deadline > 0}, gaps


@pytest.mark.parametrize("cycle", [1.02, 1.1, 1.2, 1.32, 1.4, 1.9, 2.3])
def test_a_cycle_longer_than_its_period_loses_nothing_in_silence(cycle: float) -> None:
    samples, skipped, gaps = scan([[cycle / 6] * 6] * 200)
    assert len(skipped) > 0
    for tag in range(6):
        mine = [(first, last) for code, first, last in gaps if code == tag]
        times = [of[tag] for of in samples]
        between = {(old + 1, new - 1): [d for d in skipped if old <= d < new] for old, new in pairwise(times)}
        assert mine == [span for span, hit in between.items() if hit]
        assert len(mine) >= 0.9 * min(len(skipped), 199)


def test_late_scans_that_skip_nothing_have_no_gaps() -> None:
    _, skipped, gaps = scan([[0.1, 1.5], [0.1, 0.1], [0.05, 0.05]] * 50)
    assert skipped == set()
    assert gaps == []


def test_a_tag_read_after_the_deadline_has_its_gap_before_and_the_other_one_after() -> None:
    _, skipped, gaps = scan([[0.1, 0.1], [0.1, 2.3], [0.1, 0.1], [0.1, 0.1]])
    assert skipped == {2 * S}
    assert sorted(gaps) == [(0, 1_100_001, 3_499_999), (1, 200_001, 3_399_999)]


@given(st.lists(st.tuples(st.floats(0.001, 3), st.floats(0.001, 3)), min_size=2, max_size=30))
def test_no_gap_holds_a_sample_or_overlaps_another_and_each_deadline_is_told(spent: list[tuple[float, float]]) -> None:
    samples, skipped, gaps = scan(spent)
    for tag in (0, 1):
        times = [of[tag] for of in samples]
        mine = sorted((first, last) for code, first, last in gaps if code == tag)
        assert all(not first <= ts <= last for first, last in mine for ts in times)
        assert all(one[1] < two[0] for one, two in pairwise(mine))
        told = [d for d in skipped if any(first <= d <= last for first, last in mine)]
        assert {d for d in skipped if times[0] <= d < times[-1] and d not in times} <= set(told)


def test_overload_is_a_rule_and_no_hiccup() -> None:
    slow = Overload()
    assert [slow.scanned(took, 1.0) for took in (1.5, 1.5, 0.5, 1.25, 1.25)] == [None] * 5
    assert slow.scanned(1.25, 1.0) == pytest.approx(1.25)
