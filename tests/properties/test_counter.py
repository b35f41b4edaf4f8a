"""CounterDelta: exact for a counter that rises, additive over intervals, and each injected fault told for what it is."""

from __future__ import annotations

from itertools import accumulate

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iiotctl.history.aggregates.base import Outcome
from iiotctl.history.aggregates.counter import counter_delta
from iiotctl.history.aggregates.frame import Frame
from iiotctl.history.series import Series

SECOND = 1_000_000
steps = st.lists(st.integers(1, 9), min_size=8, max_size=40)


def ask(readings: list[float], borders: list[int], rollover: float | None = None, *, stepped: bool = False) -> Outcome:
    """Readings every ten seconds from 0 s on."""
    ts = np.arange(len(readings), dtype=np.int64) * 10 * SECOND
    series = Series("meter", ts, np.array(readings, float), np.zeros(len(readings), np.uint32))
    edges = np.array(borders, np.int64) * SECOND
    return counter_delta(Frame.of(series, edges[:-1], edges[1:], stepped=stepped, rollover=rollover))


def count_up(rises: list[int], start: int) -> list[int]:
    return list(accumulate(rises, initial=start))


@given(steps, st.integers(0, 10_000), st.booleans(), st.data())
@settings(max_examples=100, deadline=None)
def test_a_rising_counter_is_exact_and_its_intervals_add_up(
    rises: list[int], start: int, stepped: bool, data: st.DataObject
) -> None:
    readings = count_up(rises, start)
    end = 10 * len(rises)
    inner = data.draw(st.lists(st.integers(1, end - 1), max_size=6, unique=True))
    found = ask([float(each) for each in readings], [0, *sorted(inner), end], stepped=stepped)
    assert found.value.sum() == pytest.approx(readings[-1] - readings[0], rel=1e-12)
    assert (found.quality >> 30 == 0).all()
    truth = np.interp if not stepped else _held
    edges = np.array([0, *sorted(inner), end])
    totals = truth(edges, 10.0 * np.arange(len(readings)), np.array(readings, float))
    assert found.value == pytest.approx(np.diff(totals), rel=1e-12)


def _held(at: np.ndarray, times: np.ndarray, values: np.ndarray) -> np.ndarray:
    return values[np.searchsorted(times, at, "right") - 1]


@given(steps, st.integers(0, 999))
@settings(max_examples=100, deadline=None)
def test_roll_overs_are_counted_and_nothing_is_lost(rises: list[int], start: int) -> None:
    true = count_up(rises, start)
    found = ask([float(each % 1000) for each in true], [0, 10 * len(rises)], rollover=1000)
    assert found.value[0] == sum(rises)
    assert [int(counts[0]) for counts in found.extra] == [true[-1] // 1000 - start // 1000, 0, 0]
    assert found.quality[0] >> 30 == 0


@given(steps, st.integers(1_000, 9_000), st.data())
@settings(max_examples=100, deadline=None)
def test_a_reset_keeps_what_was_counted_on_both_sides(rises: list[int], start: int, data: st.DataObject) -> None:
    at = data.draw(st.integers(2, len(rises) - 2))
    before, after = count_up(rises[: at - 1], start), count_up(rises[at:], rises[at - 1])
    found = ask([float(each) for each in (*before, *after)], [0, 10 * len(rises)])
    assert found.value[0] == sum(rises)  # the reset came right behind the reading before it
    assert [int(counts[0]) for counts in found.extra] == [0, 1, 0]
    assert found.quality[0] >> 30 == 1


@given(steps, st.integers(1_000, 9_000), st.sampled_from([0.0, -1.0, 0.5, 3.0, 100.0]), st.integers(1, 3), st.data())
@settings(max_examples=150, deadline=None)
def test_a_glitch_changes_nothing(rises: list[int], start: int, share: float, length: int, data: st.DataObject) -> None:
    readings = [float(each) for each in count_up(rises, start)]
    at = data.draw(st.integers(2, len(readings) - length - 2))
    readings[at : at + length] = [readings[at] * share] * length
    found = ask(readings, [0, 10 * len(rises)])
    assert found.value[0] == sum(rises)
    assert [int(counts[0]) for counts in found.extra] == [0, 0, 1]
    assert found.quality[0] >> 30 == 1


@given(st.lists(st.integers(-5, 60), min_size=2, max_size=40), st.sampled_from([None, 50.0]), st.data())
@settings(max_examples=150, deadline=None)
def test_whatever_a_counter_does_its_intervals_add_up_and_none_is_negative(
    readings: list[int], rollover: float | None, data: st.DataObject
) -> None:
    end = 10 * (len(readings) - 1)
    inner = sorted(data.draw(st.lists(st.integers(1, end - 1), max_size=6, unique=True)))
    values = [float(each) for each in readings]
    whole, parts = ask(values, [0, end], rollover), ask(values, [0, *inner, end], rollover)
    assert parts.value.sum() == pytest.approx(whole.value[0], abs=1e-9)
    assert (parts.value >= -1e-9).all()
