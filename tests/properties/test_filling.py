"""Gap rows after a backfill: nothing is forgotten, nothing counts twice, and only what was covered is filled."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from iiotctl.history.gaps import GapRow
from iiotctl.ops.gaps import by_cause
from iiotctl.samples import Gap, GapReason
from iiotctl.store.filling import Evidence, covered, fill

ends = st.tuples(st.integers(0, 200), st.integers(0, 200)).map(sorted)
holes = st.lists(ends.map(tuple), max_size=4)


@given(ends, ends, holes, st.integers(0, 20))
def test_covered_parts_lie_within_and_touch_no_hole(
    span: list[int], told: list[int], gaps: list[tuple[int, int]], slack: int
) -> None:
    start, end = span
    parts = covered(start, end, Evidence(told[0], told[1], tuple(gaps)), slack)
    inside = [at for low, high in parts for at in range(low, high + 1)]
    assert len(inside) == len(set(inside))
    for at in inside:
        assert start <= at <= end
        assert told[0] - slack <= at <= told[1] + slack
        assert not any(low <= at <= high for low, high in gaps)
    if told[0] <= start and told[1] >= end and not gaps:
        assert inside == list(range(start, end + 1))


@given(ends, st.lists(st.tuples(st.booleans(), ends, holes), min_size=1, max_size=3), st.booleans())
def test_every_instant_of_a_gap_is_in_one_row_of_each_tag(
    span: list[int], told: list[tuple[bool, list[int], list[tuple[int, int]]]], wide: bool
) -> None:
    start, end = span
    tags = [f"t{number}" for number in range(len(told) if wide else 1)]
    parts = {
        tag: covered(start, end, Evidence(*(seen if has else (None, None)), tuple(lacks)), 0)
        for tag, (has, seen, lacks) in zip(tags, told, strict=False)
    }
    gap = Gap("id", "line", None if wide else "t0", start, end, GapReason.TIMEOUT, 0)
    rows = fill(gap, parts, tags, "backfill", 9)
    assert bool(rows) == any(parts.values())
    assert rows == fill(gap, parts, tags, "backfill", 9)
    live = [row for row in rows if not row.withdrawn]
    assert len({row.id for row in live}) == len(live)
    if not rows:
        return
    assert "id" in {row.id for row in rows}
    for tag in tags:
        mine = [row for row in live if row.tag in (tag, None)]
        filled = {at for row in mine if row.filled_by for at in range(row.start, (row.end or 0) + 1)}
        missing = {at for row in mine if not row.filled_by for at in range(row.start, (row.end or 0) + 1)}
        assert filled == {at for low, high in parts[tag] for at in range(low, high + 1)}
        assert filled | missing == set(range(start, end + 1))
        assert not filled & missing


def test_a_filled_gap_is_no_outage() -> None:
    at = datetime(2026, 1, 1, tzinfo=UTC)
    rows = [GapRow("s", None, at, at, 0.0, "timeout", at, filler, name) for name, filler in (("a", None), ("b", "x"))]
    (cause,) = by_cause(rows, 0)
    assert cause.outages.count == 1
    assert by_cause(rows[1:], 0) == []
