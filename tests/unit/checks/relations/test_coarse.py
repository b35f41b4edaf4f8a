"""The coarse grid: cells, steadiness, lags."""

from __future__ import annotations

import math

import numpy as np
import pytest

from iiotctl.checks.relations.coarse import LAGS, Scale, coarse, per_cell
from tests.unit.checks.relations.relatives import DAY, tag

CELL = per_cell(60_000_000)


def test_a_cell_is_the_median_of_its_windows() -> None:
    level = np.arange(40.0)
    (one,) = coarse([tag("A", level, learning=40)])
    assert one.level.tolist() == [4.5, 14.5, 24.5, 34.5]


def test_a_cell_without_rows_is_unknown_and_keeps_the_level_for_others() -> None:
    level = np.concatenate([np.linspace(0, 10, 40), np.full(CELL, np.nan), np.full(CELL, 10.0)])
    (one,) = coarse([tag("A", level, learning=40)])
    assert math.isnan(one.level[4])
    assert one.unit_level[4] == one.unit_level[3]


def test_a_constant_tag_and_one_that_nothing_was_learnt_from_are_left_out() -> None:
    assert coarse([tag("A", np.full(100, 5.0), learning=50), tag("B", np.arange(100.0), learning=0)]) == []


def test_scales_of_a_baseline_are_used_instead_of_the_learning_windows() -> None:
    (one,) = coarse([tag("A", np.full(100, 5.0), learning=0)], {"A": Scale(0.0, 10.0, 0.1)})
    assert one.unit_level.tolist() == [0.5] * 10


def test_a_transient_is_not_steady_and_a_rest_is() -> None:
    level = np.concatenate([np.tile([0.0, 1.0], DAY), np.full(100, 1.0), np.full(100, 200.0), np.full(100, 1.0)])
    level[: 2 * DAY] = np.linspace(0, 100, 2 * DAY)
    (one,) = coarse([tag("A", level, learning=2 * DAY)])
    first = 2 * DAY // CELL
    steady = one.steady[first:].tolist()
    assert steady[2:8] == [True] * 6
    assert steady[9:11] == [False, False]  # the cells on both sides of the jump
    assert steady[12:18] == [True] * 6


@pytest.mark.parametrize("number", [0, 3, 9])
def test_a_lag_answers_a_step_as_a_first_order_system_does(number: int) -> None:
    level = np.concatenate([np.zeros(200), np.ones(400)])
    (one,) = coarse([tag("A", level, learning=0)], {"A": Scale(0.0, 1.0, 0.0)})
    after = one.lagged[number, 0, 20:]
    expected = 1 - np.exp(-np.arange(1, 41) / LAGS[number])
    assert np.allclose(after, expected)
