"""Rate of change: what stays, what comes back, what is a start."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from iiotctl.checks.base import Unjudged
from iiotctl.checks.features.columns import HOUR, MINUTE
from iiotctl.checks.sensors.rate_of_change import CHECK
from iiotctl.findings import Severity
from tests.unit.checks.valuetags import Floats, measured, place, seen, spells, verdict


def moved(by: float, *, hours: float = 9.0, at: float = 15.0) -> Floats:
    value = measured()
    value[place(at) : place(at + hours)] += by
    return value


@pytest.mark.parametrize("by", [8.0, -8.0])
def test_a_jump_that_stays_is_told_once(by: float) -> None:
    (found,) = spells(CHECK, seen(moved(by), unit="bar"))
    assert abs(found.start - 15 * HOUR) <= MINUTE
    assert found.severity is Severity.LOW
    assert "in one step of" in found.message
    assert found.statistic == pytest.approx(8.0, abs=1.5)


def test_what_is_too_small_or_comes_back_is_silent() -> None:
    assert spells(CHECK, seen(moved(1.0))) == []
    assert spells(CHECK, seen(moved(8.0, hours=0.01))) == []


def test_a_way_of_ten_minutes_is_none() -> None:
    value = measured()
    value[place(15) :] += np.minimum(np.arange(len(value) - place(15)) / 60, 1) * 8
    assert spells(CHECK, seen(value)) == []


def test_as_large_as_in_the_baseline_is_none() -> None:
    value = moved(8.0)
    value[place(5) : place(7)] += 8.0
    assert spells(CHECK, seen(value)) == []


def test_standstill_begins_and_ends_at_once() -> None:
    value = measured()
    value[place(15) : place(16)] = 0.0
    assert spells(CHECK, seen(value)) == []


def test_noise_as_large_as_the_jump_hides_it() -> None:
    assert spells(CHECK, seen(measured(noise=3.0))) == []


def test_what_cannot_be_judged() -> None:
    assert isinstance(verdict(CHECK, seen(np.full(place(24), 5.0))), Unjudged)
    assert isinstance(verdict(CHECK, replace(seen(measured()), baseline=None)), Unjudged)
