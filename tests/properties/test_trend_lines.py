"""Lines and quality of drawn trends against the plainest way to say the same."""

from __future__ import annotations

import math
from fractions import Fraction
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from iiotctl import quality
from iiotctl.reports.plots import scene
from iiotctl.reports.plots.scene import Mark
from tests.unit.reports.plots.traces import trace

SPAN = 60
S = 1_000_000
times = st.integers(0, SPAN - 1)
statuses = st.sampled_from([0, quality.UNCERTAIN, quality.BAD_TIMEOUT])
samples = st.dictionaries(times, st.tuples(st.sampled_from([1.0, 2.0, math.nan]), statuses), max_size=25)
gaps = st.lists(st.tuples(times, st.integers(1, 9)), max_size=4)


def _made(found: dict, holes: list, *, stepped: bool):
    ts = sorted(found)
    cut = sorted((start, start + length, "x") for start, length in holes)
    return trace(ts, [found[t][0] for t in ts], [found[t][1] for t in ts], gaps=tuple(cut), stepped=stepped)


@given(samples, gaps)
def test_lines_join_exactly_what_nothing_separates(found: dict, holes: list) -> None:
    one = _made(found, holes, stepped=False)
    joined = {(int(a), int(b)) for ts, _ in scene.stretches(one) for a, b in pairwise(ts)}
    ts = sorted(found)
    good = {t for t in ts if found[t][1] < quality.BAD and not math.isnan(found[t][0])}
    wanted = {
        (a, b) for a, b in pairwise(ts) if a in good and b in good and not any(a <= start < b for start, _ in holes)
    }
    assert joined == wanted
    assert sorted(int(t) for ts_, _ in scene.stretches(one) for t in ts_) == sorted(good)


@given(samples, gaps)
def test_a_step_says_nothing_within_a_hole(found: dict, holes: list) -> None:
    for ts, value in scene.stretches(_made(found, holes, stepped=True)):
        assert not any(ts[0] <= start < ts[-1] for start, _ in holes)
        assert not math.isnan(value.min())
        bad = [t for t, (v, q) in found.items() if q >= quality.BAD or math.isnan(v)]
        assert not any(ts[0] < t < ts[-1] for t in bad)


@given(samples, gaps, st.integers(1, 25))
def test_each_cell_shows_the_worst_in_it(found: dict, holes: list, count: int) -> None:
    one = _made({t * S: said for t, said in found.items()}, [(t * S, length * S) for t, length in holes], stepped=False)
    row = scene.cells(one, 0, SPAN * S, count)
    ts = sorted(found)
    marks = {t: Mark(int(quality.severity(found[t][1]))) for t in ts}
    for column, shown in enumerate(row):
        low, high = Fraction(column * SPAN, count), Fraction((column + 1) * SPAN, count)
        inside = [marks[t] for t in ts if low <= t < high]
        before = [t for t in ts if t <= low]
        if before and ts[-1] > low:
            inside.append(marks[before[-1]])
        inside += [Mark.GAP for start, length in holes if start < high and start + length > low]
        assert shown is max(inside, default=Mark.NOTHING)
