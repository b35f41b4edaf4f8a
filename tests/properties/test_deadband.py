"""The deadband: no change larger than the band is dropped, and a held value is never off by more than the band."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from iiotctl.capture.deadband import Deadband
from iiotctl.samples import SampleBatch, concat

CURVES = st.lists(st.floats(-1e6, 1e6, allow_nan=False), min_size=1, max_size=60)


def _run(values: list[float], band: float, sizes: list[int], heartbeat: int) -> SampleBatch:
    found = Deadband()
    found.define(0, band, heartbeat)
    kept, start = [], 0
    for size in [*sizes, len(values)]:
        part = np.array(values[start : start + size])
        n = part.shape[0]
        ts = np.arange(start, start + n, dtype=np.int64) + 1
        kept.append(found.accept(SampleBatch(np.zeros(n, np.uint32), ts, part, np.zeros(n, np.uint32))))
        start += n
    kept.append(found.flush(None))
    joined = concat([part for part in kept if len(part)])
    return joined.take(np.argsort(joined.ts, kind="stable"))


@given(CURVES, st.floats(0, 1e5), st.lists(st.integers(1, 10), max_size=10), st.integers(2, 100))
def test_a_held_value_is_never_off_by_more_than_the_band(
    values: list[float], band: float, sizes: list[int], heartbeat: int
) -> None:
    kept = _run(values, band, sizes, heartbeat)
    assert (np.diff(kept.ts) > 0).all()
    at = np.arange(1, len(values) + 1)
    held = kept.value[np.searchsorted(kept.ts, at, side="right") - 1]
    assert (np.abs(held - np.array(values)) <= band).all()
    assert kept.ts[-1] == len(values), "the last sample is there after a flush"
    assert (np.diff(kept.ts) <= heartbeat).all(), "the heartbeat holds"


@given(CURVES, st.floats(0, 1e5), st.lists(st.integers(1, 10), max_size=10))
def test_a_change_larger_than_the_band_is_stored_with_the_sample_before_it(
    values: list[float], band: float, sizes: list[int]
) -> None:
    stored = set(_run(values, band, sizes, 10**9).ts.tolist())
    for place in range(1, len(values)):
        if abs(values[place] - values[place - 1]) > 2 * band:
            assert {place, place + 1} <= stored


@given(CURVES, st.lists(st.integers(1, 10), max_size=10))
def test_without_a_deadband_everything_is_stored(values: list[float], sizes: list[int]) -> None:
    found = Deadband()
    found.define(0, None, 1)
    n = len(values)
    batch = SampleBatch(np.zeros(n, np.uint32), np.arange(n, dtype=np.int64), np.array(values), np.zeros(n, np.uint32))
    assert len(found.accept(batch)) == n
    del sizes
