"""Stretches of a mask and of a held value."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pytest

from iiotctl.checks.features.columns import MINUTE, Features
from iiotctl.checks.series import held, runs


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
