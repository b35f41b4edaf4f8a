"""Witnesses: what is learnt predicts what was not seen, and says nothing where it knows nothing."""

from __future__ import annotations

import numpy as np
import pytest

from iiotctl.checks.relations.coarse import Coarse, coarse, per_cell
from iiotctl.checks.relations.witness import AT_ONCE, Witness, deviation, learn, widened
from tests.unit.checks.relations.relatives import DAY, Floats, lagged, noisy, process, tag

CELL = per_cell(60_000_000)


def _learnt(
    levels: dict[str, Floats], declared: dict[str, list[str]] | None = None
) -> tuple[dict[str, Coarse], dict[str, list[Witness]]]:
    grid = coarse([tag(name, level) for name, level in levels.items()])
    return {one.tag: one for one in grid}, learn(grid, declared or {})


def _ratio(grid: dict[str, Coarse], of: str, witness: Witness) -> Floats:
    """Deviation by limit in the days behind the learning period, where something is said."""
    away, limit = deviation(grid[of], grid[witness.tag], witness)
    ratio = np.abs(away / limit)[2 * DAY // CELL :]
    return ratio[np.isfinite(ratio)]


@pytest.mark.parametrize("shape", ["line", "square", "falling"])
def test_what_is_learnt_in_two_days_predicts_the_next_four(shape: str) -> None:
    x = process(6)
    y = {"line": 2 * x - 10, "square": 0.02 * x**2, "falling": 300 - 3 * x}[shape]
    grid, witnesses = _learnt({"X": noisy(x, 1), "Y": noisy(y, 2)})
    (one,) = witnesses["Y"]
    assert one.tag == "X"
    assert one.explained > 0.99
    ratio = _ratio(grid, "Y", one)
    assert len(ratio) > 300
    assert np.mean(ratio > 1) < 0.02


def test_a_slow_tag_follows_with_its_lag() -> None:
    x = process(6)
    grid, witnesses = _learnt({"X": noisy(x, 1), "T": noisy(lagged(x, 60.0), 2)})
    (one,) = witnesses["T"]
    assert one.lag != AT_ONCE
    assert np.mean(_ratio(grid, "T", one) > 1) < 0.02


def test_an_error_of_two_percent_of_the_range_is_beyond_the_limit() -> None:
    x = process(6)
    y = noisy(2 * x, 2)
    y[3 * DAY :] += 0.02 * np.ptp(y)
    grid, witnesses = _learnt({"X": noisy(x, 1), "Y": y})
    away, limit = deviation(grid["Y"], grid["X"], witnesses["Y"][0])
    off = (away / limit)[3 * DAY // CELL :]
    assert np.mean(off[np.isfinite(off)] > 1) > 0.9


def test_strangers_are_no_witnesses() -> None:
    _, witnesses = _learnt({"X": noisy(process(3, seed=1), 1), "Y": noisy(process(3, seed=2), 2)})
    assert witnesses == {"X": [], "Y": []}


def test_no_tag_is_its_own_witness() -> None:
    x = process(3)
    _, witnesses = _learnt({name: noisy(x, at) for at, name in enumerate("ABCD")})
    assert {tag_: {one.tag for one in found} for tag_, found in witnesses.items()} == {
        name: set("ABCD") - {name} for name in "ABCD"
    }


def test_declared_relatives_count_alone() -> None:
    x = process(3)
    levels = {"A": noisy(x, 1), "B": noisy(x, 2), "C": noisy(x, 3)}
    _, witnesses = _learnt(levels, {"A": ["C", "NONE", "A"]})
    assert [one.tag for one in witnesses["A"]] == ["C"]
    assert {one.tag for one in witnesses["B"]} == {"A", "C"}


def test_the_closest_witness_comes_first() -> None:
    x = process(3)
    _, witnesses = _learnt({"A": noisy(x, 1), "LOOSE": noisy(x, 2, sigma=4.0), "CLOSE": noisy(x, 3)})
    assert [one.tag for one in witnesses["A"]] == ["CLOSE", "LOOSE"]


def test_ten_hours_are_the_least_to_learn_from() -> None:
    x = process(1)
    few = coarse([tag("A", noisy(x, 1), learning=590), tag("B", noisy(x, 2), learning=590)])
    assert learn(few, {}) == {"A": [], "B": []}


def test_the_limit_widens_with_the_leverage_and_far_out_nothing_is_said() -> None:
    assert widened(np.array([0.1, 1.0, 16.0])).tolist() == [1.0, 1.0, 8.0]
    x = process(3)
    x[-600:-300] = x[: 2 * DAY].max() * 1.06
    x[-300:] = x[: 2 * DAY].max() * 3
    grid, witnesses = _learnt({"A": noisy(x, 1), "B": noisy(x, 2)})
    _, limit = deviation(grid["A"], grid["B"], witnesses["A"][0])
    usual = np.nanmedian(limit[: 2 * DAY // CELL])
    assert np.nanmedian(limit[-55:-35]) > 1.05 * usual
    assert np.isnan(limit[-25:]).all()
