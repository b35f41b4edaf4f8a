"""Outages summed from gaps."""

from __future__ import annotations

import pytest

from iiotctl.outages import Outages, outages


@pytest.mark.parametrize(
    ("gaps", "expected"),
    [
        ([], Outages(0, 0)),
        ([("a", 10, 19)], Outages(1, 10)),
        ([("a", 10, 19), ("a", 15, 24)], Outages(1, 15)),
        ([("a", 10, 39), ("a", 15, 24), ("a", 39, 39)], Outages(1, 30)),
        ([("a", 10, 19), ("a", 20, 29)], Outages(1, 20)),
        ([("a", 10, 19), ("a", 21, 29)], Outages(2, 19)),
        ([("a", 10, 19), ("b", 10, 19)], Outages(2, 20)),
        ([("a", 90, None)], Outages(1, 11, 1)),
        ([("a", 90, None), ("a", 95, None), ("b", 1, None), ("a", 1, 5)], Outages(3, 11 + 100 + 5, 2)),
        ([("a", 200, None)], Outages(1, 1, 1)),
    ],
)
def test_gaps_that_overlap_count_once_a_source(gaps: list[tuple[str, int, int | None]], expected: Outages) -> None:
    assert outages(gaps, now=100) == expected
    assert outages(reversed(gaps), now=100) == expected
