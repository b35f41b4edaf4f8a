"""Stretches of a mask and of a held value."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pytest

from iiotctl.checks.features.columns import MINUTE, Features
from iiotctl.checks.series import held, rolling_max, rolling_median, rolling_sum, runs


def table(low: list[float], high: list[float] | None = None) -> Features:
    bottom, top = np.array(low), np.array(low if high is None else high)
    n = np.isfinite(bottom).astype(float) * 6
    return Features(MINUTE, 0, {"rows": n, "n": n, "min": bottom, "max": top})


def all_of(features: Features) -> npt.NDArray[np.bool_]:
    return np.ones(len(features), np.bool_)


@pytest.mark.parametrize(("join", "found"), [(0, [(0, 2), (3, 4), (6, 7)]), (1, [(0, 4), (6, 7)]), (2, [(0, 7)])])
def test_runs(join: int, found: list[tuple[int, int]]) -> None:
    assert runs(np.array([1, 1, 0, 1, 0, 0, 1], np.bool_), join=join) == found


def test_held_exactly() -> None:
    features = table([1, 1, 1, 2, 2, 3])
    assert held(features, 0.0, all_of(features)) == [(0, 3), (3, 5), (5, 6)]


def test_held_within_a_band_that_does_not_follow_a_ramp() -> None:
    features = table([0.0, 0.1, 0.2, 0.3, 0.4, 0.5])
    stretches = held(features, 0.2, all_of(features))
    assert stretches == [(0, 3), (3, 6)]
    assert all(before[1] <= after[0] for before, after in pairwise(stretches))


def test_a_window_that_moves_ends_it() -> None:
    features = table([1, 1, 0, 1, 1], [1, 1, 2, 1, 1])
    assert held(features, 0.5, all_of(features), without=3) == [(0, 2), (3, 5)]


@pytest.mark.parametrize(("without", "found"), [(0, [(0, 2), (4, 6)]), (1, [(0, 2), (4, 6)]), (2, [(0, 6)])])
def test_held_over_windows_without_numbers(without: int, found: list[tuple[int, int]]) -> None:
    nan = float("nan")
    features = table([1, 1, nan, nan, 1, 1])
    assert held(features, 0.0, all_of(features), without=without) == found


def test_windows_that_do_not_count_end_it() -> None:
    features = table([1, 1, 1, 1])
    assert held(features, 0.0, np.array([True, False, True, True]), without=5) == [(0, 1), (2, 4)]


@pytest.mark.parametrize("width", [1, 3, 15])
def test_rolling_median_is_that_of_the_numbers_around(width: int) -> None:
    rng = np.random.default_rng(3)
    values = rng.normal(size=60)
    values[rng.random(60) < 0.4] = np.nan
    values[30:50] = np.nan
    half = width // 2
    for fewest in (1, 2):
        found = rolling_median(values, width, fewest=fewest)
        for row in range(60):
            part = values[max(0, row - half) : row + half + 1]
            known = part[~np.isnan(part)]
            expected = np.median(known) if len(known) >= fewest else np.nan
            assert found[row] == pytest.approx(expected, nan_ok=True, rel=1e-6)


@pytest.mark.parametrize(("count", "width"), [(0, 3), (1, 1), (1, 4), (7, 3), (9, 3), (50, 7), (5, 20)])
def test_rolling_max_and_sum(count: int, width: int) -> None:
    values = np.random.default_rng(count).normal(size=count)
    parts = [values[max(0, row - width + 1) : row + 1] for row in range(count)]
    assert rolling_max(values, width, -np.inf).tolist() == [part.max() for part in parts]
    assert rolling_sum(values, width) == pytest.approx([part.sum() for part in parts])
