"""The oracle against the worked examples, and the examples against their own rules."""

from __future__ import annotations

import pytest

from tests.aggregates.cases import Case, info_names, load
from tests.aggregates.oracle import FUNCTIONS, aggregate

CASES = load()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_oracle_gives_what_was_derived_by_hand(case: Case) -> None:
    history = case.history()
    intervals = case.intervals()
    assert len(intervals) == len(case.expected)
    for (low, high, cut), expected in zip(intervals, case.results(), strict=True):
        found = aggregate(case.function, history, low, high, cut=cut)
        assert (found.ts, hex(found.status)) == (expected.ts, hex(expected.status))
        assert info_names(found.info, found.status) == info_names(expected.info, expected.status)
        assert (found.value is None) == (expected.value is None)
        if found.value is not None:
            assert float(found.value) == pytest.approx(expected.value, rel=1e-12)


def test_every_function_has_two_examples() -> None:
    counts = {name: sum(case.function == name for case in CASES) for name in FUNCTIONS}
    assert {name: count for name, count in counts.items() if count < 2} == {}


def test_every_example_says_why() -> None:
    assert [case.name for case in CASES if len((case.folder / "why.md").read_text(encoding="utf-8")) < 8] == []
