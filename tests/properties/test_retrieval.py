"""Thinning for drawings hides nothing, and gives the same however the samples come in blocks."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import duckdb
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from iiotctl.history.retrieval import interpolated, lttb, plot
from iiotctl.history.retrieval.block import Block, joined, of

BAD, UNCERTAIN = 0x800A0000, 0x40000000
SPAN = 100


@st.composite
def series(draw: st.DrawFn) -> Block:
    """Up to 80 samples within 100 µs, some at the same time, some not Good, some without a number."""
    ts = sorted(draw(st.lists(st.integers(0, SPAN - 1), max_size=80)))
    cells = st.tuples(
        st.one_of(st.integers(-3, 3).map(float), st.floats(allow_nan=True, allow_infinity=True)),
        st.sampled_from([0, 0, 0, 0, UNCERTAIN, BAD, BAD + 0x10000]),
    )
    rows = [draw(cells) for _ in ts]
    return of("t", ts, [value for value, _ in rows], [quality for _, quality in rows])


def cut(block: Block, places: list[int]) -> list[Block]:
    """The block in pieces."""
    at = [0, *sorted(min(place, len(block)) for place in places), len(block)]
    return [block[first:last] for first, last in pairwise(at)]


def rows(block: Block) -> list[tuple[int, str, int]]:
    return [
        (int(ts), repr(float(value) + 0.0), int(quality))
        for ts, value, quality in zip(block.ts, block.value, block.quality, strict=True)
    ]


@pytest.fixture(scope="module")
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(":memory:", config={"threads": 1}) as opened:
        opened.execute("SET TimeZone = 'UTC'")
        yield opened


def drawn(connection: duckdb.DuckDBPyConnection, block: Block, width: int) -> list[tuple[int, str, int]]:
    """The samples of a drawing over the whole span, by the statement that is run on the store."""
    connection.register(
        "series",
        {
            "ts": block.ts.astype("datetime64[us]"),
            "tag": np.full(len(block), "t", dtype=object),
            "value": block.value,
            "quality": block.quality,
        },
    )
    source = "(SELECT tag, ts AT TIME ZONE 'UTC' AS ts, value, quality FROM series)"
    arrays = connection.execute(plot.statement(source, "t", (0, SPAN), [(0, SPAN)], width)).fetchnumpy()
    assert arrays["n"].sum() == len(block)
    return rows(plot.samples("t", arrays))


@given(block=series(), width=st.integers(2, 150))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_drawing_keeps_first_last_extremes_and_the_worst_of_each_interval(
    connection: duckdb.DuckDBPyConnection, block: Block, width: int
) -> None:
    chosen = drawn(connection, block, width)
    assert len(set(chosen)) == len(chosen)
    assert [row[0] for row in chosen] == sorted(row[0] for row in chosen)
    everything = rows(block)
    assert set(chosen) <= set(everything)
    interval = [int(float(ts) * width / SPAN) for ts, _, _ in everything]
    for number in set(interval):
        inside = [row for row, its in enumerate(interval) if its == number]
        kept = {everything[row] for row in inside} & set(chosen)
        blank = [everything[row] for row in inside if block.blank[row]]
        assert set(blank[:1]) <= kept
        assert len(kept) <= 5 + bool(blank)
        assert {ts for ts, _, _ in kept} >= {everything[inside[0]][0], everything[inside[-1]][0]}
        usable = [row for row in inside if block.usable[row]]
        for extreme in (min, max):
            if usable:
                value = extreme(block.value[usable])
                assert any(float(shown) == value and quality < 0x80000000 for _, shown, quality in kept)
        severity = [int(block.quality[row]) >> 30 for row in inside]
        if max(severity):
            at = everything[inside[severity.index(max(severity))]][0]
            assert any(ts == at and quality >> 30 == max(severity) for ts, _, quality in kept)


def test_one_spike_one_doubt_and_one_bad_reading_among_many_are_seen(connection: duckdb.DuckDBPyConnection) -> None:
    value, quality = np.full(SPAN, 5.0), np.zeros(SPAN, np.uint32)
    value[17], value[23] = 5.1, 4.9
    quality[36] = UNCERTAIN
    quality[62], quality[63], quality[88] = UNCERTAIN, BAD, BAD
    chosen = drawn(connection, of("t", np.arange(SPAN), value, quality), 2)
    assert {(17, "5.1", 0), (23, "4.9", 0), (36, "5.0", UNCERTAIN), (63, "5.0", BAD)} <= set(chosen)
    assert 88 not in {ts for ts, _, _ in chosen}


@given(series(), st.integers(2, 90))
def test_lttb_keeps_the_number_the_ends_and_the_breaks(block: Block, count: int) -> None:
    chosen = lttb.select(block, count)
    assert chosen.tolist() == sorted(set(chosen.tolist()))
    if len(block) <= count:
        assert len(chosen) == len(block)
        return
    assert {0, len(block) - 1} <= set(chosen.tolist())
    bad = ~block.usable
    assert len(chosen) - bad[chosen].sum() <= count
    assert len(chosen) <= 2 * count
    if not bad.any():
        assert len(chosen) == count
    # a stretch that is not usable and longer than a bucket cannot vanish
    bucket = -(-len(block) // max(count - 2, 1)) + 1
    for first in range(len(block) - 2 * bucket):
        if bad[first : first + 2 * bucket].all():
            assert bad[chosen[(chosen >= first) & (chosen < first + 2 * bucket)]].any()


@given(
    series(), st.lists(st.integers(-5, SPAN + 5), max_size=30), st.booleans(), st.lists(st.integers(0, 80), max_size=6)
)
def test_interpolation_does_not_depend_on_the_blocks(
    block: Block, times: list[int], stepped: bool, places: list[int]
) -> None:
    at = np.array(sorted(times), dtype=np.int64)
    whole = interpolated.at(block, at, stepped=stepped)
    # pieces are stretches of time: no instant is in two of them
    cuts = [int(np.searchsorted(block.ts, place)) for place in places]
    pieces = joined("t", list(interpolated.interpolated("t", cut(block, cuts), at, stepped=stepped)))
    assert rows(pieces) == rows(whole)


@given(series(), st.lists(st.integers(-5, SPAN + 5), max_size=20), st.booleans())
def test_interpolation_by_the_words_of_the_standard(block: Block, times: list[int], stepped: bool) -> None:
    found = interpolated.at(block, np.array(sorted(times), dtype=np.int64), stepped=stepped)
    good = [row for row in range(len(block)) if block.good[row]]
    for time, value, quality in zip(sorted(times), found.value, found.quality, strict=True):
        before = [row for row in good if block.ts[row] <= time]
        after = [row for row in good if block.ts[row] > time]
        if not before:
            assert np.isnan(value)
            assert quality == 0x809B0000
        elif block.ts[before[-1]] == time:
            assert (value, quality) == (block.value[before[-1]], 0)
        else:
            lasting = stepped or not after
            passed = [
                row
                for row in range(before[-1] + 1, len(block) if not after else after[0])
                if not lasting or block.ts[row] <= time
            ]
            assert quality == (0x40A40000 if passed or not after else 0)
            if lasting:
                assert value == block.value[before[-1]]
