"""Replayed stretches: found by their anchors, at whatever rate and resolution, and told from what repeats by nature."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from iiotctl.checks.base import Unjudged
from iiotctl.checks.features.anchors import anchors_of
from iiotctl.checks.features.columns import HOUR, SECOND
from iiotctl.checks.features.samples import Samples
from iiotctl.checks.sensors import replay
from iiotctl.checks.sensors.replay import CHECK
from iiotctl.checks.tagdata import TagData
from tests.unit.checks.valuetags import Floats, measured, rows, seen, spells, verdict


def judged(value: Floats, every: float = 10.0) -> TagData:
    ts = np.round(rows(every) * SECOND).astype(np.int64)[: len(value)]
    return replace(seen(value, every=every), anchors=anchors_of(Samples(ts, value, np.zeros(len(value), np.uint32))))


def repeated(at: float, hours: float, source: float, every: float, **more: float) -> Floats:
    value = measured(every=every, **more)  # type: ignore[arg-type]
    first, stop, begin = (round(one * 3600 / every) for one in (at, at + hours, source))
    value[first:stop] = value[begin : begin + stop - first]
    return value


@pytest.mark.parametrize("every", [2.0, 10.0])
@pytest.mark.parametrize(("noise", "lsb"), [(0.2, 0.01), (0.07, 0.1)])
@pytest.mark.parametrize("source", [2.0, 13.0])
def test_a_repeat(every: float, noise: float, lsb: float, source: float) -> None:
    (found,) = spells(CHECK, judged(repeated(18, 4, source, every, noise=noise, lsb=lsb), every))
    assert found.end is not None
    assert 18 - 0.2 < found.start / HOUR < 18.8
    assert 21.2 < found.end / HOUR <= 22.01
    assert found.evidence["distance_s"] == pytest.approx((18 - source) * 3600)


def test_a_repeat_with_a_rest_in_it_is_one() -> None:
    value = measured(every=2.0)
    value[4 * 1800 : 5 * 1800] = 0.0
    value[18 * 1800 : 22 * 1800] = value[2 * 1800 : 6 * 1800]
    (found,) = spells(CHECK, judged(value, 2.0))
    assert found.end is not None
    assert found.end - found.start > 3.8 * HOUR
    assert "16 h before" in found.message


def test_a_second_repeat_of_the_same_hours_is_another() -> None:
    value = repeated(14, 1, 2, 2.0)
    value[20 * 1800 : 21 * 1800] = value[2 * 1800 : 3 * 1800]
    assert [round(one.start / HOUR, 1) for one in spells(CHECK, judged(value, 2.0))] == [14.0, 20.0]


@pytest.mark.parametrize("seed", range(5))
def test_a_healthy_value_has_none(seed: int) -> None:
    assert spells(CHECK, judged(measured(every=2.0, seed=seed, noise=0.05, lsb=0.1), 2.0)) == []


def test_a_few_minutes_are_too_short_to_be_told_apart() -> None:
    assert spells(CHECK, judged(repeated(18, 0.02, 2, 2.0), 2.0)) == []


def test_a_baseline_full_of_equal_stretches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replay, "_MOST", 10)
    value = np.resize(measured(every=2.0)[:5400], 24 * 1800)
    found = verdict(CHECK, judged(value, 2.0))
    assert isinstance(found, Unjudged)
    assert "by nature" in found.reason


def test_without_hashes_nothing_is_judged() -> None:
    assert isinstance(verdict(CHECK, seen(measured())), Unjudged)
