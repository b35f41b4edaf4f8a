"""What sort of tag it is: counters, held states, constants, texts, and the resolution."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from iiotctl.checks.baseline.model import TagBaseline
from iiotctl.checks.features.columns import DAY, SECOND
from iiotctl.checks.features.compute import table_of
from iiotctl.checks.kinds import KIND, kind_of, learn_kind
from iiotctl.checks.tagdata import TagData, TagInfo

MINUTE = 60 * SECOND


def _data(value: Any, info: TagInfo | None = None) -> TagData:
    value = np.asarray(value, np.float64)
    ts = np.arange(len(value), dtype=np.int64) * 10 * SECOND
    count = max(1, -(-len(value) // 6))
    features = table_of(ts, value, np.zeros(len(value), np.uint32), window=MINUTE, start=0, count=count)
    everything = np.ones(count, np.bool_)
    return TagData(
        info=info or TagInfo("t"),
        features=features,
        learning=everything,
        judged=everything,
        state=np.zeros(count, np.uint8),
        settled=everything,
        now=features.end,
    )


RNG = np.random.default_rng(1)
NOISY = np.round(50 + RNG.normal(0, 1, 3000), 1)
TOTAL = np.cumsum(np.where(np.arange(3000) % 600 < 200, 0.0, RNG.exponential(2, 3000)))


def test_a_measured_tag_is_nothing_special_and_its_resolution_is_learnt() -> None:
    kind = kind_of(_data(NOISY))
    assert (kind.counter, kind.discrete, kind.constant, kind.skip) == (False, False, False, "")
    assert kind.resolution == pytest.approx(0.1, rel=1e-3)


def test_one_conversion_error_does_not_make_the_resolution_tiny() -> None:
    value = NOISY.copy()
    value[100] = np.nextafter(value[99], 100)
    assert kind_of(_data(value)).resolution == pytest.approx(0.1, rel=1e-3)


@pytest.mark.parametrize("value", [TOTAL, TOTAL % 5000], ids=["never reset", "rolls over twice"])
def test_what_only_counts_up_is_a_counter(value: np.ndarray[Any, Any]) -> None:
    kind = kind_of(_data(value))
    assert kind.counter
    assert "counter" in kind.skip


@pytest.mark.parametrize(
    "value",
    [NOISY, np.sin(np.arange(3000) / 300), TOTAL + RNG.normal(0, 1, 3000), np.full(3000, 7.0)],
    ids=["noise", "swings", "noisy ramp", "constant"],
)
def test_what_also_falls_is_no_counter(value: np.ndarray[Any, Any]) -> None:
    assert not kind_of(_data(value)).counter


def test_a_state_is_held_but_a_coarse_temperature_is_not() -> None:
    state = np.repeat(RNG.integers(0, 4, 15).astype(float), 200)
    assert kind_of(_data(state)).discrete
    coarse = np.round(20 + np.cumsum(RNG.normal(0, 0.05, 3000)) * 0.3, 1)
    assert not kind_of(_data(coarse)).discrete


def test_the_site_file_knows_better_than_the_numbers() -> None:
    assert kind_of(_data(NOISY, TagInfo("t", kind="counter"))).counter
    assert not kind_of(_data(TOTAL, TagInfo("t", kind="level"))).counter
    assert kind_of(_data(NOISY, TagInfo("t", stepped=True))).discrete
    assert kind_of(_data(np.full(20, np.nan), TagInfo("t", text=True))).skip == "a text"


@pytest.mark.parametrize(
    ("value", "constant", "windows"),
    [([], False, 0), ([5.0], True, 1), ([np.nan] * 50, False, 0), ([np.inf] * 50, False, 0), ([3.0] * 90, True, 15)],
)
def test_little_or_nothing_to_learn_from(value: list[float], constant: bool, windows: int) -> None:
    kind = kind_of(_data(value))
    assert (kind.constant, kind.windows, kind.counter, kind.discrete) == (constant, windows, False, False)
    assert np.isnan(kind.resolution)


def test_what_the_baseline_keeps_is_what_is_used() -> None:
    data = _data(TOTAL)
    learnt = learn_kind(data)
    unknown = replace(data, learning=np.zeros(len(data.features), np.bool_))
    assert (kind_of(unknown).windows, kind_of(unknown).counter) == (0, False)
    baseline = TagBaseline("t", "", MINUTE, 500, 0, DAY, 10.0, np.zeros(11), {}, {}, {KIND: learnt})
    assert kind_of(replace(unknown, baseline=baseline)) == kind_of(data)
