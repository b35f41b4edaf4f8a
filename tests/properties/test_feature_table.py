"""The feature table against a plain-Python reference, alone, among other tags, and in blocks of a few rows."""

from __future__ import annotations

import math
from unittest.mock import patch

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from iiotctl.checks.features import compute
from iiotctl.checks.features.columns import COLUMNS, MINUTE, SECOND, Features
from iiotctl.checks.features.compute import table_of, tables_of
from iiotctl.checks.features.grid import Grid
from iiotctl.checks.features.samples import NOT_RECEIVED, Samples
from tests.unit.checks.features.reference import Row, reference

T0 = 1_760_000_040 * SECOND
CODES = [0, 0, 0, 0x00960000, 0x40940000, 0x40900000, 0x80000000, 0x808C0000, 0xC0000000]

values = st.one_of(
    st.integers(-3, 3).map(float),
    st.sampled_from([math.nan, math.inf, -math.inf, 1e300, -1e300, 1e-300, 0.1, 0.3]),
    st.floats(-1000, 1000, width=32),
)
apart = st.sampled_from([0, 0, 1, SECOND, 9 * SECOND, 20 * SECOND, 59_999_999, MINUTE, 3 * MINUTE])
cells = st.tuples(apart, values, st.sampled_from(CODES), st.one_of(st.none(), st.integers(-SECOND, 10**9)))


@st.composite
def tag_rows(draw: st.DrawFn) -> list[Row]:
    ts, rows = T0 - MINUTE, []
    for step, value, quality, late in draw(st.lists(cells, max_size=60)):
        ts += step
        rows.append(Row(ts, value, quality, None if late is None else ts + late))
    return rows


def arrays(rows: list[Row]) -> Samples:
    return Samples(
        np.array([row.ts for row in rows], np.int64),
        np.array([row.value for row in rows], np.float64),
        np.array([row.quality for row in rows], np.uint32),
        np.array([NOT_RECEIVED if row.received is None else row.received for row in rows], np.int64),
    )


def same(table: Features | dict[str, np.ndarray], rows: list[Row], grid: Grid) -> None:
    with np.errstate(all="ignore"):
        expected = reference(rows, grid.window, grid.start, grid.count, grid.apart_limit)
        for name in COLUMNS:
            wanted = np.array(expected[name]).astype(table[name].dtype)
            np.testing.assert_allclose(table[name], wanted, rtol=2e-5, atol=1e-9, err_msg=name)


# huge values: their sums and squares leave the range of numbers, so they stand alone in a window or not at all
tame = tag_rows().filter(lambda rows: not any(1e200 < abs(row.value) < math.inf for row in rows))


@settings(max_examples=150, deadline=None)
@given(tame, st.integers(0, 40), st.sampled_from([10 * SECOND, 2 * MINUTE, 10 * MINUTE]))
def test_one_tag(rows: list[Row], count: int, limit: int) -> None:
    its = arrays(rows)
    table = table_of(
        its.ts,
        its.value,
        its.quality,
        received=its.received,
        window=MINUTE,
        start=T0,
        count=count,
        apart_limit=limit,
    )
    assert len(table) == count
    same(table, rows, Grid(MINUTE, T0, count, limit))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(tame, st.sampled_from([MINUTE, 10 * MINUTE])), min_size=1, max_size=5), st.integers(1, 30))
def test_many_tags_in_small_blocks(tags: list[tuple[list[Row], int]], block: int) -> None:
    grids = [Grid(window, T0 // window * window, 20, (number + 1) * MINUTE) for number, (_, window) in enumerate(tags)]
    with patch.object(compute, "_BLOCK_ROWS", block):
        counts, records = tables_of([arrays(rows) for rows, _ in tags], grids, COLUMNS)
    assert sum(counts) == len(records)
    for (rows, _), grid, its in zip(tags, grids, np.split(records, np.cumsum(counts)[:-1]), strict=True):
        assert its["at"].tolist() == sorted(set(its["at"].tolist()))
        table = compute.empty(grid.window, grid.start, grid.count)
        for name in COLUMNS:
            table[name][its["at"]] = its[name]
        same(table, rows, grid)


@settings(max_examples=60, deadline=None)
@given(tag_rows(), st.sets(st.sampled_from(sorted(COLUMNS)), min_size=1))
def test_a_column_is_the_same_whatever_else_is_asked_for(rows: list[Row], names: set[str]) -> None:
    its = arrays(rows)
    whole = table_of(its.ts, its.value, its.quality, received=its.received, window=MINUTE, start=T0, count=30)
    part = table_of(
        its.ts, its.value, its.quality, received=its.received, window=MINUTE, start=T0, count=30, columns=names
    )
    assert part.columns.keys() == names
    for name in names:
        np.testing.assert_array_equal(part[name], whole[name], err_msg=name)
