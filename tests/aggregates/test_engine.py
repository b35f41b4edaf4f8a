"""The engine against the worked examples, and against the oracle on histories made at random."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iiotctl import quality
from tests.aggregates.cases import Case, info_names, load
from tests.aggregates.engine import compute
from tests.aggregates.history import Config, History, Sample
from tests.aggregates.oracle import FUNCTIONS, aggregate

SECOND = 1_000_000
CODES = [
    *[quality.GOOD] * 5,
    quality.UNCERTAIN,
    quality.CODES["UncertainLastUsableValue"],
    quality.BAD,
    quality.BAD_NO_DATA,
]


def is_close(value: float | None, expected: Fraction | float | None) -> bool:
    if value is None or expected is None:
        return value is expected
    return bool(value == pytest.approx(float(expected), rel=1e-9, abs=1e-9))


@pytest.mark.parametrize("case", load(), ids=lambda case: case.name)
def test_worked_example(case: Case) -> None:
    found = compute(case.function, case.history(), case.intervals())
    for (value, ts, status, info), expected in zip(found, case.results(), strict=True):
        assert (ts, status) == (expected.ts, quality.name(expected.status))
        assert info == info_names(expected.info, expected.status)
        assert is_close(value, expected.value)


@st.composite
def histories(draw: st.DrawFn) -> History:
    times = draw(st.lists(st.integers(0, 120), min_size=0, max_size=14, unique=True))
    samples = []
    for at in sorted(times):
        code = draw(st.sampled_from(CODES))
        value = None if quality.is_bad(code) else Fraction(draw(st.integers(-3, 5)))
        samples.append(Sample(at * SECOND // 2, value, code))
    good, bad = draw(st.sampled_from([(100, 100), (50, 50), (100, 60), (80, 40), (60, 100)]))
    config = Config(draw(st.booleans()), bad, good, draw(st.booleans()), draw(st.sampled_from(["1.04", "1.05"])))
    return History.of(samples, stepped=draw(st.booleans()), config=config, backward=draw(st.booleans()))


@st.composite
def divisions(draw: st.DrawFn, *, backward: bool) -> list[tuple[int, int, bool]]:
    start, span, step = draw(st.integers(0, 30)), draw(st.integers(1, 60)), draw(st.integers(1, 20))
    low, high, step = start * SECOND, (start + span) * SECOND, step * SECOND
    if backward:
        return [(max(at - step, low), at, at - step < low) for at in range(high, low, -step)]
    return [(at, min(at + step, high), at + step > high) for at in range(low, high, step)]


@pytest.mark.parametrize("function", list(FUNCTIONS))
@settings(max_examples=15, deadline=None)
@given(st.data())
def test_engine_and_oracle_agree(function: str, data: st.DataObject) -> None:
    history = data.draw(histories())
    intervals = data.draw(divisions(backward=history.backward))
    found = compute(function, history, intervals)
    for (low, high, cut), (value, ts, status, info) in zip(intervals, found, strict=True):
        expected = aggregate(function, history, low, high, cut=cut)
        start = high if history.backward else low
        at = start if expected.ts is None else expected.ts
        assert (ts, status, info) == (at, quality.name(expected.status), info_names(expected.info, expected.status))
        assert is_close(value, expected.value)
