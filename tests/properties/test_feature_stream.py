"""A feature table made of pieces is the one made of all rows at once."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from iiotctl.checks.features.anchors import anchors_of
from iiotctl.checks.features.carry import apart_limit_of, interval_of
from iiotctl.checks.features.columns import COLUMNS, HOUR, SECOND, window_of
from iiotctl.checks.features.compute import table_of
from iiotctl.checks.features.samples import Samples
from iiotctl.checks.features.stream import Wanted, from_arrays

T0 = 1_760_000_000 * SECOND


@st.composite
def samples(draw: st.DrawFn) -> Samples:
    """Rows with repeats, holes, Bad and NaN stretches, at any pace."""
    count = draw(st.integers(1, 900))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    pace = draw(st.sampled_from([SECOND, 7 * SECOND, 40 * SECOND, 300 * SECOND, HOUR]))
    apart = rng.integers(0, 2 * pace, count)
    apart[rng.random(count) < 0.05] = 0
    apart[rng.random(count) < 0.01] *= 40
    value = np.round(np.cumsum(rng.normal(size=count)), draw(st.integers(0, 3)))
    quality = np.zeros(count, np.uint32)
    for _ in range(draw(st.integers(0, 3))):
        first, length = rng.integers(0, count), rng.integers(1, 200)
        kind = rng.integers(0, 3)
        if kind == 0:
            value[first : first + length] = np.nan
        elif kind == 1:
            quality[first : first + length] = 0x80000000
        else:
            value[first : first + length] = np.inf
    ts = T0 + np.cumsum(apart)
    return Samples(ts, value, quality, ts + rng.integers(0, SECOND, count))


@settings(max_examples=60, deadline=None)
@given(samples(), st.integers(1, 400))
def test_made_of_pieces_it_is_the_same(rows: Samples, size: int) -> None:
    start, end = T0 + 30 * SECOND, int(rows.ts[-1]) + 90 * SECOND
    inside = rows[(rows.ts >= start) & (rows.ts < end)]
    with from_arrays({"a": rows}, Wanted(start, end, anchors=True), batch_rows=size) as found:
        assert found.rows == len(inside)
        if not len(inside):
            return
        (table,) = found.read(["a"])
        anchors = found.anchors("a")
    interval = interval_of(inside.ts[:512])
    window = window_of(interval or 10 * SECOND)
    first = start // window * window
    whole = table_of(
        inside.ts,
        inside.value,
        inside.quality,
        window=window,
        start=first,
        count=-((first - end) // window),
        received=inside.received,
        apart_limit=apart_limit_of(interval),
    )
    assert (table.window, table.start, len(table)) == (window, first, len(whole))
    for name in COLUMNS:
        np.testing.assert_allclose(table[name], whole[name], rtol=1e-6, atol=1e-12, err_msg=name)
    expected = anchors_of(inside)
    assert anchors is not None
    assert anchors.ts.tolist() == expected.ts.tolist()
    assert anchors.hash.tolist() == expected.hash.tolist()
