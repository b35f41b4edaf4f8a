"""What is learnt of the learning period."""

from __future__ import annotations

import numpy as np
import pytest

from iiotctl.checks.baseline.learn import learn, quantiles_of
from iiotctl.checks.baseline.model import ALL_BANDS, ALL_STATES, BANDS, QUANTILES
from iiotctl.checks.features.columns import MINUTE, Features
from iiotctl.checks.features.compute import table_of
from iiotctl.checks.tagdata import State, TagData, TagInfo

_DAY = 1440


def _features(value: np.ndarray, quality: int = 0) -> Features:
    ts = np.arange(len(value), dtype=np.int64) * 10_000_000
    codes = np.full(len(value), quality, np.uint32)
    return table_of(ts, value, codes, window=MINUTE, start=0, count=max(1, len(value) // 6))


def _data(features: Features, learning: int, state: np.ndarray | None = None) -> TagData:
    n = len(features)
    first = np.arange(n) < learning
    states = np.zeros(n, np.uint8) if state is None else state
    return TagData(TagInfo("t", unit="bar"), features, first, ~first, states, np.ones(n, np.bool_), features.end)


def test_quantiles_are_those_of_numpy_with_nan_left_out() -> None:
    noise = np.random.default_rng(1).normal(size=(3, 500))
    noise[1, ::3] = np.nan
    noise[2] = np.nan
    found = quantiles_of(noise)
    assert found[:2] == pytest.approx(np.nanquantile(noise[:2], QUANTILES, axis=1).T)
    assert np.isnan(found[2]).all()


def test_only_windows_of_the_learning_period_with_rows_are_learnt_from() -> None:
    value = np.random.default_rng(2).normal(50, 1, 6 * _DAY)
    value[6 * 700 :] = 99.0
    found = learn(_data(_features(value), 700))
    assert found is not None
    assert (found.windows, found.start, found.end, found.interval) == (700, 0, 700 * MINUTE, 10.0)
    assert found.unit == "bar"
    assert found.quantile("max", 1.0) < 60
    assert found.quantile("median", 0.5) == pytest.approx(50, abs=0.2)


def test_level_bands_are_tenths_of_the_levels_seen() -> None:
    value = np.repeat(np.linspace(0.0, 100.0, _DAY), 6)
    found = learn(_data(_features(value), _DAY))
    assert found is not None
    assert found.edges[0] == pytest.approx(0.1, abs=0.05)
    assert found.edges[-1] == pytest.approx(99.9, abs=0.05)
    assert sum(found.counts[ALL_STATES, band] for band in range(BANDS)) == found.counts[ALL_STATES, ALL_BANDS] == _DAY
    assert found.quantile("median", 1.0, band=0) < found.quantile("median", 0.0, band=1)


def test_states_have_quantiles_of_their_own() -> None:
    value = np.repeat(np.where(np.arange(_DAY) % 100 < 50, 0.0, 80.0), 6)
    state = np.where(np.arange(_DAY) % 100 < 50, State.OFF, State.STEADY).astype(np.uint8)
    found = learn(_data(_features(value), _DAY, state))
    assert found is not None
    assert found.quantile("median", 1.0, state=State.OFF) == 0
    assert found.quantile("median", 0.0, state=State.STEADY) == 80


@pytest.mark.parametrize(
    ("value", "quality"),
    [
        (np.full(600, 5.0), 0),
        (np.array([1.0]), 0),
        (np.full(600, np.nan), 0),
        (np.array([np.inf, -np.inf, 1e30, -1e30] * 60), 0),
        (np.full(600, 5.0), 0x80000000),
    ],
)
def test_odd_tags_are_learnt_without_a_crash(value: np.ndarray, quality: int) -> None:
    features = _features(value, quality)
    found = learn(_data(features, len(features)))
    assert found is not None
    assert len(found.bands(np.array([1.0, np.nan]))) == 2


def test_a_tag_without_rows_has_no_baseline() -> None:
    assert learn(_data(_features(np.empty(0)), 1)) is None
