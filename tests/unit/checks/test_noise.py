"""Noise against what is usual at the level, and the checks that judge it."""

from __future__ import annotations

import numpy as np
import pytest

from iiotctl.checks import noise
from iiotctl.checks.base import Unjudged
from iiotctl.checks.kinds import kind_of
from iiotctl.checks.sensors import noise_down, noise_up
from iiotctl.findings import Severity
from tests.unit.checks.valuetags import Floats, measured, place, rows, seen, spells, verdict

UP, DOWN = noise_up.CHECK, noise_down.CHECK


def noisier(factor: float, first: float, last: float, seed: int = 2) -> Floats:
    """A healthy value of noise 0.2 that scatters so many times as much between two hours."""
    value = measured()
    at = slice(place(first), place(last))
    more = 0.2 * np.sqrt(max(factor**2 - 1, 0))
    value[at] = np.round(value[at] + np.random.default_rng(seed).normal(0, more, at.stop - at.start), 2)
    return value


def test_the_measure_is_the_standard_deviation_whatever_the_level_does() -> None:
    data = seen(measured() + np.arange(8640) * 0.1)
    assert np.exp(np.nanmedian(noise.noise_of(data, 0.01))) == pytest.approx(0.2, rel=0.1)


def test_noise_below_the_resolution_is_half_a_step() -> None:
    now = noise.noise_of(seen(measured(noise=0.001, lsb=0.1)), 0.1)
    assert np.nanmax(np.exp(now)) == pytest.approx(0.05 / noise.BEND, rel=0.01)


def test_what_is_learnt_can_be_kept_as_json() -> None:
    data = seen(measured())
    learnt = noise.learn_noise(data, kind_of(data).resolution)
    assert {len(of) for of in learnt.values()} == {10}
    assert all(
        0 < low <= 1 <= high and usual > 0
        for low, usual, high in zip(*(learnt[k] for k in ("low", "usual", "high")), strict=True)
    )


@pytest.mark.parametrize(("factor", "severity"), [(6.0, Severity.MEDIUM), (1.3, None)])
def test_more_noise(factor: float, severity: Severity | None) -> None:
    found = spells(UP, seen(noisier(factor, 16, 19), unit="bar"))
    assert [one.severity for one in found] == [severity] * (severity is not None)
    for one in found:
        assert one.statistic == pytest.approx(0.2 * factor, rel=0.15)
        assert one.evidence["ratio"] == pytest.approx(factor, rel=0.15)


def test_a_short_burst_is_low() -> None:
    assert [one.severity for one in spells(UP, seen(noisier(6, 16, 16.4)))] == [Severity.LOW]


def test_far_beyond_the_levels_seen_more_noise_proves_little() -> None:
    t = rows()
    value = measured()
    away = (t > 16 * 3600) & (t < 19 * 3600)
    value[away] = np.round(value[away] + 30 + np.random.default_rng(5).normal(0, 3, away.sum()), 2)
    assert {one.severity for one in spells(UP, seen(value))} == {Severity.LOW}


def test_against_an_interpolated_baseline_any_noise_is_low() -> None:
    t = rows()
    value = 50 + 4 * np.sin(2 * np.pi * t / 28_800)
    value[t > 16 * 3600] += np.random.default_rng(5).normal(0, 0.2, int((t > 16 * 3600).sum()))
    assert {one.severity for one in spells(UP, seen(value))} == {Severity.LOW}


def calmer(factor: float, first: float, last: float) -> Floats:
    """A healthy value whose noise of 0.2 is divided between two hours."""
    value = measured(lsb=0.001)
    at = slice(place(first), place(last))
    value[at] = np.round(value[at] - (value - measured(noise=0.0, lsb=0.001))[at] * (1 - 1 / factor), 3)
    return value


@pytest.mark.parametrize(("factor", "severity"), [(8.0, Severity.MEDIUM), (1.5, None)])
def test_less_noise(factor: float, severity: Severity | None) -> None:
    found = spells(DOWN, seen(calmer(factor, 16, 19), unit="bar"))
    assert [one.severity for one in found] == [severity] * (severity is not None)
    for one in found:
        assert one.statistic == pytest.approx(0.2 / factor, rel=0.15)
        assert "down to 1" in one.message
    assert spells(UP, seen(calmer(factor, 16, 19))) == []


def test_a_shorter_calm_is_not_told() -> None:
    assert spells(DOWN, seen(calmer(8, 16, 16.3))) == []


@pytest.mark.parametrize("flicker", [0.0, 0.001, 0.002])
def test_a_frozen_value_is_not_calm(flicker: float) -> None:
    value = calmer(1, 0, 0)
    at = slice(place(16), place(19))
    value[at] = np.round(50.0 + flicker * np.random.default_rng(1).integers(0, 2, at.stop - at.start), 9)
    assert spells(DOWN, seen(value)) == []


@pytest.mark.parametrize("step", [0.1, 0.5, 1.0])
def test_a_rounded_value_is_not_calm(step: float) -> None:
    value = calmer(1, 0, 0)
    at = slice(place(16), place(19))
    value[at] = np.round(np.round(value[at] / step) * step, 9)
    assert spells(DOWN, seen(value)) == []


def test_less_than_the_resolution_cannot_be_seen() -> None:
    found = verdict(DOWN, seen(measured(noise=0.05, lsb=0.1)))
    assert isinstance(found, Unjudged)
    assert "resolution" in found.reason
