"""Chattering about a limit, and hum of the mains, from windows alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from iiotctl.checks.base import Judged, Spell
from iiotctl.checks.features.columns import MINUTE, Features
from iiotctl.checks.features.compute import table_of
from iiotctl.checks.sensors import chattering_limit, mains_pickup
from iiotctl.checks.sensors.mains_pickup import sine
from iiotctl.checks.tagdata import TagInfo
from tests.unit.checks.faketags import tag


def crossed(rows: list[int], limits: dict[str, float], low: float, high: float) -> list[Spell]:
    """What is told of a tag at 50 that runs from `low` to `high` in these windows."""
    data = tag(windows=300)
    columns = dict(data.features.columns)
    columns["min"], columns["max"] = np.full(300, 50.0), np.full(300, 50.0)
    columns["min"][rows], columns["max"][rows] = low, high
    data = replace(data, info=TagInfo("PT1", unit="bar", limits=limits), features=Features(MINUTE, 0, columns))
    found = chattering_limit.judge(data, chattering_limit.Params())
    assert isinstance(found, Judged)
    return list(found.spells)


@pytest.mark.parametrize(("name", "limit"), [("high", 51.0), ("high_high", 51.0), ("low", 49.0), ("low_low", 49.0)])
def test_a_limit_that_is_crossed_again_and_again(name: str, limit: float) -> None:
    (found,) = crossed(list(range(100, 130, 2)), {name: limit, "high": 80.0} | {name: limit}, 48.5, 51.5)
    assert found.key == name
    assert (found.start, found.end) == (100 * MINUTE, 129 * MINUTE)
    assert "at least 8 times in 29 min" in found.message
    assert "a hysteresis of 2.5 bar" in found.message


@pytest.mark.parametrize("rows", [list(range(100, 109)), list(range(0, 300, 20))])
def test_a_limit_that_is_crossed_now_and_then(rows: list[int]) -> None:
    assert crossed(rows, {"high": 51.0}, 48.5, 51.5) == []


def test_a_value_that_only_touches_a_limit_does_not_cross_it() -> None:
    assert crossed(list(range(100, 130)), {"high": 51.5, "low": 48.5}, 48.5, 51.5) == []


@pytest.mark.parametrize("frequency", [50 / 3, 49.97, 60.02, 99.9])
@pytest.mark.parametrize("rate", [231.0, 337.0, 991.0])
def test_frequency_and_amplitude_of_a_sine(frequency: float, rate: float) -> None:
    t = np.arange(0, 120, 1 / rate)
    value = 5 + 0.3 * np.sin(2 * np.pi * frequency * t)
    table = table_of(
        np.round(t * 1e6).astype(np.int64), value, np.zeros(len(t), np.uint32), window=MINUTE, start=0, count=2
    )
    found, amplitude = sine(table["step_med"], table["bend_med"], rate)
    assert found == pytest.approx(frequency, rel=0.06)
    assert amplitude == pytest.approx(0.3, rel=0.15)


def test_what_cannot_be_a_sine_has_no_frequency() -> None:
    found, _ = sine(np.array([1.0, 0.0, np.nan, 0.0]), np.array([3.0, 1.0, 1.0, 0.0]), 200.0)
    assert np.isnan(found).all()


@pytest.mark.parametrize(
    ("interval", "words"), [(0.1, "10 rows a second"), (0.999, "one row every 1 s"), (60.0, "one row every 1 min")]
)
def test_how_often_it_reports_is_said_in_words(interval: float, words: str) -> None:
    assert mains_pickup._often(interval) == words
